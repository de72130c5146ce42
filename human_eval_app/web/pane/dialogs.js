// The small dialogs: a picture at full size, flagging, skipping, instructions. Native dialogs keep the focus inside,
// close with Esc, and give the focus back.

import { element } from "./elements.js";

function open(host, label, className, ...children) {
  const dialog = element("dialog", { class: className, "aria-label": label }, ...children);
  host.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.showModal();
  return dialog;
}

// Shows `pictures[at]` as large as the window allows; the arrow keys show the others of the page.
export function zoom(host, pictures, at, onClose = () => {}) {
  const image = element("img", { draggable: "false" });
  const name = element("figcaption", { "aria-live": "polite" });
  const show = (index) => {
    at = (index + pictures.length) % pictures.length;
    image.src = pictures[at].url;
    image.alt = pictures[at].alt;
    image.width = pictures[at].width;
    image.height = pictures[at].height;
    name.textContent = pictures[at].alt;
  };
  const close = element("button", { type: "button", class: "close", onclick: () => dialog.close() }, "Close");
  const steps =
    pictures.length > 1
      ? [
          element("button", { type: "button", "aria-label": "Previous picture", onclick: () => show(at - 1) }, "←"),
          element("button", { type: "button", "aria-label": "Next picture", onclick: () => show(at + 1) }, "→"),
        ]
      : [];
  show(at);
  const dialog = open(
    host,
    "Picture at full size",
    "zoom",
    element("figure", {}, image, element("div", { class: "under" }, name, ...steps, close)),
  );
  image.addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    else if (event.key === "ArrowRight") show(at + 1);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", onClose);
  return dialog;
}

const FLAGS = ["A picture is broken or missing", "A picture is disturbing or unsafe", "The caption is unclear", "Other"];

// Resolves with {picture, reason}, or null when the rater thinks better of it.
export function askFlag(host, pictures) {
  const which = element(
    "select",
    { name: "picture" },
    element("option", { value: "" }, "The whole page"),
    ...pictures.map((picture) => element("option", { value: picture.id }, picture.alt)),
  );
  return ask(host, "Flag a problem", "The study's team will look at it. You can still answer.", "Send", [
    element("label", { class: "field" }, "What is it about?", which),
    choices(FLAGS),
  ]).then((answer) => answer && { picture: which.value || null, reason: answer });
}

const SKIPS = ["I cannot decide", "A picture did not load", "I do not want to see this", "Other"];

// Resolves with the reason, or null.
export function askSkip(host) {
  return ask(host, "Skip this one?", "You will not see it again.", "Skip", [choices(SKIPS)]);
}

// `makeLink()` resolves with an address for another device.
export function showHelp(host, title, instructions, makeLink) {
  const keys = [
    ["1 2 3", "the answers, from left to right"],
    ["U", "back to the last one"],
    ["S", "skip"],
    ["F", "flag a problem"],
    ["H", "this help"],
    ["Esc", "close"],
  ];
  const dialog = open(
    host,
    "Help",
    "ask",
    element("h2", {}, title),
    ...paragraphs(instructions),
    element("h3", {}, "Keys"),
    element(
      "dl",
      { class: "keys" },
      ...keys.flatMap(([key, what]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, what)]),
    ),
    element("h3", {}, "Another device"),
    anotherDevice(makeLink),
    element(
      "div",
      { class: "actions" },
      element("button", { type: "button", class: "main", autofocus: true, onclick: () => dialog.close() }, "Close"),
    ),
  );
  return dialog;
}

function anotherDevice(makeLink) {
  const said = element("p", { role: "status" }, "You can go on on another device, where you are now.");
  const button = element("button", { type: "button" }, "Make a link");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const address = element("input", { type: "text", readonly: true, value: await makeLink(), "aria-label": "Link" });
      said.textContent = "Open this link on the other device within an hour. It works once; keep it to yourself.";
      button.replaceWith(address);
      address.select();
    } catch (error) {
      said.textContent = error.message;
      button.disabled = false;
    }
  });
  return element("div", { class: "field device" }, said, button);
}

export function paragraphs(text) {
  return String(text || "")
    .split(/\n\s*\n/)
    .filter((part) => part.trim())
    .map((part) => element("p", {}, part.trim()));
}

function choices(reasons) {
  return element(
    "fieldset",
    { class: "reasons" },
    element("legend", {}, "Why?"),
    ...reasons.map((reason, index) =>
      element(
        "label",
        {},
        element("input", { type: "radio", name: "reason", value: reason, checked: index === 0 }),
        element("span", {}, reason),
      ),
    ),
    element("label", { class: "field" }, "More, if you like", element("input", { type: "text", name: "more", maxlength: 300 })),
  );
}

function ask(host, title, text, doIt, fields) {
  return new Promise((resolve) => {
    let answer = null;
    const form = element(
      "form",
      { method: "dialog" },
      element("h2", {}, title),
      element("p", {}, text),
      ...fields,
      element(
        "div",
        { class: "actions" },
        element("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        element("button", { type: "submit", class: "main" }, doIt),
      ),
    );
    form.addEventListener("submit", () => {
      const said = new FormData(form);
      answer = [said.get("reason"), String(said.get("more") || "").trim()].filter(Boolean).join(": ");
    });
    const dialog = open(host, title, "ask", form);
    dialog.addEventListener("close", () => resolve(answer));
  });
}
