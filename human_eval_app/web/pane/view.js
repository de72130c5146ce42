// What the rater sees of one item. Knows nothing of the network: it shows an item, says when it is on the screen,
// and calls back when something is chosen.

import { element, keyed, questionText } from "./elements.js";
import { tiling } from "./pictures.js";

const GAP = 6;
const SMALLEST_PICTURE = 96; // below this, a picture in a set of eight cannot be judged
const LEAST_WIDTH_OF_SETS = 700;

export class View {
  constructor(host, { title, onChoose, onZoom, onUndo, onSkip, onFlag, onHelp, onAgain }) {
    this.host = host;
    this.whenRoomy = [];
    this.on = { onChoose, onZoom, onAgain };
    this.tools = {
      undo: keyed("Undo", "U", { onclick: onUndo }),
      skip: keyed("Skip", "S", { onclick: onSkip }),
      flag: keyed("Flag", "F", { onclick: onFlag }),
      help: keyed("Help", "H", { onclick: onHelp }),
    };
    this.count = element("span", { class: "count" });
    this.fill = element("span");
    this.meter = element("div", { class: "meter", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0 }, this.fill);
    this.banner = element("div", { class: "banner", role: "alert", hidden: true });
    this.note = element("div", { class: "note", role: "status", hidden: true });
    this.said = element("div", { class: "unseen", role: "status", "aria-live": "polite" });
    this.stage = element("div", { class: "stage" });
    this.answers = element("div", { class: "answers" });
    this.small = element(
      "div",
      { class: "small", role: "alert" },
      element("h2", {}, "This screen is too small"),
      element(
        "p",
        {},
        `This study compares sets of pictures. They cannot be judged on a screen narrower than ${LEAST_WIDTH_OF_SETS} pixels. ` +
          "Please turn your device sideways, make the window wider, or go on with a larger screen: your place is kept.",
      ),
    );
    this.pane = element(
      "main",
      { class: "pane", "aria-busy": "true" },
      element(
        "header",
        {},
        element("h1", { class: "title" }, title),
        element("div", { class: "progress" }, this.count, this.meter),
        element("nav", { class: "tools", "aria-label": "Tools" }, ...Object.values(this.tools)),
      ),
      this.banner,
      this.note,
      this.small,
      this.stage,
      this.answers,
      this.said,
    );
    host.append(this.pane);
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.stage);
    this.observer.observe(this.pane); // the stage is hidden, and tells nothing, while the screen is too small
    this.fit();
  }

  stop() {
    this.observer.disconnect();
    this.pane.remove();
  }

  get tooSmall() {
    return this.pane.classList.contains("too-small");
  }

  // Resolves once the screen is wide enough for the pictures: time before that is no time of looking at them.
  roomy() {
    return this.tooSmall ? new Promise((resolve) => this.whenRoomy.push(resolve)) : Promise.resolve();
  }

  // Draws an item, its pictures still hidden. Returns the images.
  draw(item) {
    this.item = item;
    this.pane.dataset.kind = item.kind;
    this.pane.dataset.sides = item.sides.length;
    this.#progress(item);
    this.pictures = [];
    this.stage.replaceChildren(...item.sides.map((side) => this.#side(side)));
    this.waiting = element("p", { class: "waiting" }, "Loading the pictures…");
    this.stage.append(this.waiting);
    this.answers.replaceChildren(...this.#caption(item), ...item.questions.map((question) => this.#question(question, item)));
    this.answers.classList.toggle("several", item.questions.length > 1);
    this.choose(item.answers, {});
    this.lock("loading");
    this.fit();
    return [...this.stage.querySelectorAll("img")];
  }

  reveal() {
    this.waiting.remove();
    this.stage.classList.add("shown");
  }

  // Between the last item and whatever the page shows next.
  rest() {
    this.item = null;
    this.stage.replaceChildren(element("p", { class: "waiting" }, "One moment…"));
    this.answers.replaceChildren();
    this.lock("loading");
  }

  // `why`: "loading", "looking", "sending" or "" for answers that may be given.
  lock(why) {
    this.pane.dataset.state = why || "ready";
    this.pane.setAttribute("aria-busy", String(why === "loading" || why === "sending"));
    if (why === "loading") this.stage.classList.remove("shown");
    for (const button of this.answers.querySelectorAll("button")) button.setAttribute("aria-disabled", String(Boolean(why)));
  }

  // `answers` are marked; `given` are those of this visit, and the first question without one is next.
  choose(answers, given) {
    for (const button of this.answers.querySelectorAll("button.choice")) {
      button.setAttribute("aria-checked", String(answers[button.dataset.question] === button.value));
    }
    const open = this.item.questions.find((question) => !(question.name in given));
    for (const group of this.answers.querySelectorAll(".question")) {
      group.classList.toggle("next", this.item.questions.length > 1 && group.dataset.question === open?.name);
    }
  }

  // Takes the focus off the last answer, so that nothing typed for it reaches the next one.
  settle() {
    const inside = this.host.activeElement ?? document.activeElement;
    if (inside && this.pane.contains(inside)) this.answers.querySelector(".question")?.focus({ preventScroll: true });
    if (this.stage.getBoundingClientRect().top < 0) this.pane.scrollIntoView({ block: "start" });
  }

  say(text) {
    this.said.textContent = text;
  }

  remark(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  warn(text) {
    this.banner.textContent = text;
    this.banner.hidden = !text;
  }

  // After a practice item: what was given and what was expected, and a button to go on.
  feedback(feedback, goOn) {
    const button = element("button", { type: "button", class: "main", onclick: goOn }, "Go on");
    const several = this.item.questions.length > 1;
    this.answers.classList.remove("several");
    this.answers.replaceChildren(
      element(
        "section",
        { class: "feedback", "aria-label": "Feedback" },
        element("span", { "aria-hidden": "true", class: "sign" }, feedback.correct ? "✓" : "✕"),
        element(
          "div",
          {},
          element("h2", {}, feedback.correct ? "As expected" : "Not as expected"),
          ...feedback.questions.map((question) =>
            element(
              "p",
              {},
              several ? element("span", { class: "about" }, ...questionText(this.#textOf(question.name), this.item.caption), " ") : null,
              `You answered “${question.given_label}”.`,
              question.correct ? "" : ` Expected here: “${question.expected_label}”.`,
            ),
          ),
        ),
        button,
      ),
    );
    this.say(feedback.correct ? "As expected." : "Not as expected.");
    button.focus({ preventScroll: true });
  }

  trouble(text) {
    this.stage.replaceChildren(
      element(
        "div",
        { class: "trouble", role: "alert" },
        element("p", {}, text),
        element("button", { type: "button", class: "main", onclick: this.on.onAgain }, "Try again"),
      ),
    );
  }

  fit() {
    const item = this.item;
    const perSide = Math.max(1, ...(item?.sides ?? []).map((side) => side.pictures.length));
    const width = this.pane.clientWidth;
    this.pane.classList.toggle("too-small", perSide > 2 && width > 0 && width < LEAST_WIDTH_OF_SETS);
    if (!this.tooSmall) for (const resolve of this.whenRoomy.splice(0)) resolve();
    if (!item || !width) return;
    const stacked = item.sides.length > 1 && width < LEAST_WIDTH_OF_SETS;
    this.pane.classList.toggle("stacked", stacked);
    const first = item.sides[0].pictures[0];
    const style = getComputedStyle(this.stage);
    const inner = (side) => parseFloat(style[`padding${side}`]) || 0;
    const columns = stacked ? 1 : item.sides.length;
    const between = parseFloat(style.columnGap) || 0;
    const label = item.sides.length > 1 ? 30 : 0; // above the pictures, or before them where they are stacked
    const box = {
      width: (this.stage.clientWidth - inner("Left") - inner("Right") - between * (columns - 1)) / columns - (stacked ? 2 * label : 0),
      height: (this.stage.clientHeight - inner("Top") - inner("Bottom") - (stacked ? between : 0)) / (stacked ? 2 : 1) - (stacked ? 0 : label),
    };
    const most = Math.max(first.width, 512);
    const tiles = tiling(perSide, first.width / first.height, box.width, box.height, GAP, most);
    const size = Math.max(tiles.size, Math.min(SMALLEST_PICTURE, box.width));
    this.stage.style.setProperty("--columns", tiles.columns);
    this.stage.style.setProperty("--size", `${size}px`);
    this.stage.style.setProperty("--gap", `${GAP}px`);
  }

  #textOf(name) {
    return this.item.questions.find((question) => question.name === name)?.text ?? "";
  }

  #progress(item) {
    const practice = item.role === "practice";
    this.count.textContent = practice ? `Practice ${item.position} of ${item.total}` : `${item.position} of ${item.total}`;
    this.meter.setAttribute("aria-valuemax", item.total);
    this.meter.setAttribute("aria-valuenow", item.position - 1);
    this.fill.style.inlineSize = `${(100 * (item.position - 1)) / Math.max(1, item.total)}%`;
  }

  #side(side) {
    const tiles = side.pictures.map((picture) => {
      const index = this.pictures.push(picture) - 1;
      const image = element("img", {
        src: picture.url,
        alt: picture.alt,
        width: picture.width,
        height: picture.height,
        draggable: "false",
        decoding: "sync",
      });
      return element(
        "button",
        { type: "button", class: "picture", "aria-label": `${picture.alt}: enlarge`, onclick: () => this.on.onZoom(index) },
        image,
      );
    });
    return element(
      "section",
      { class: "side", "aria-label": side.label ? `Side ${side.label}` : "Picture" },
      side.label ? element("h2", { class: "side-label" }, side.label) : null,
      element("div", { class: "tiles", style: `--aspect: ${side.pictures[0].width} / ${side.pictures[0].height}` }, ...tiles),
    );
  }

  #caption(item) {
    if (item.kind !== "alignment") return [];
    return [element("p", { class: "caption-line" }, element("span", { class: "caption-name" }, "Caption"), element("q", { class: "caption", dir: "auto" }, item.caption))];
  }

  #question(question, item) {
    const id = `question-${question.name}`;
    return element(
      "div",
      { class: "question", role: "radiogroup", tabindex: "-1", "aria-labelledby": id, "data-question": question.name },
      element("p", { class: "asked", id }, ...questionText(question.text, item.caption)),
      element(
        "div",
        { class: "choices" },
        ...question.choices.map((choice, index) =>
          element(
            "button",
            {
              type: "button",
              class: "choice",
              role: "radio",
              value: choice.key,
              "data-question": question.name,
              "aria-keyshortcuts": String(index + 1),
              onclick: () => this.on.onChoose(question.name, choice.key),
            },
            element("span", { class: "label" }, choice.label),
            element("kbd", { "aria-hidden": "true" }, index + 1),
          ),
        ),
      ),
    );
  }
}
