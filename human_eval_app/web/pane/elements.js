// Builds elements. Text becomes text nodes and nothing else: a caption with markup in it shows its markup.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// A button with the key that does the same.
export function keyed(label, key, attributes = {}) {
  return element(
    "button",
    { type: "button", "aria-keyshortcuts": key, ...attributes },
    element("span", { class: "label" }, label),
    element("kbd", { "aria-hidden": "true" }, key),
  );
}

// A question with its caption set apart, so that it is plain where the caption begins and ends.
export function questionText(text, caption) {
  const at = caption ? text.indexOf(caption) : -1;
  if (at < 0) return [text];
  return [
    text.slice(0, at),
    element("q", { class: "caption", dir: "auto" }, caption),
    text.slice(at + caption.length),
  ];
}
