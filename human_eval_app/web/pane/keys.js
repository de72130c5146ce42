// The keyboard. A key that is held down counts once: repeats are never acted on.

export class Keys {
  // `actions` maps a lower-case key to a function; `busy()` says when keys belong to something else (a dialog).
  constructor(actions, busy) {
    this.actions = actions;
    this.busy = busy;
    this.listener = (event) => this.#press(event);
    document.addEventListener("keydown", this.listener, true);
  }

  stop() {
    document.removeEventListener("keydown", this.listener, true);
  }

  #press(event) {
    const target = event.composedPath()[0];
    if (event.repeat) {
      // Enter or space held on a focused button would click it again and again.
      if (event.key === "Enter" || event.key === " ") if (target instanceof HTMLButtonElement) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || this.busy()) return;
    if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
      return;
    const action = this.actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
