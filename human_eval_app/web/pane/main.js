// Mounts the rating pane into the element that Streamlit gives it. Streamlit calls this at every run of its
// script; the pane is made once and then left alone, since all it needs comes from the JSON API.

import { Session } from "./session.js";

const sessions = new WeakMap();
const RELOAD_AFTER_MS = 6000;

export function mount({ parentElement, data, setTriggerValue }) {
  const known = sessions.get(parentElement);
  if (known) {
    known.tell = setTriggerValue;
    return known.stop;
  }
  const entry = { tell: setTriggerValue };
  const session = new Session(parentElement, data, (phase) => {
    entry.tell("phase", phase);
    // Streamlit's connection may be down: then the page itself is asked for again.
    entry.timer = setTimeout(() => location.reload(), RELOAD_AFTER_MS);
  });
  entry.stop = () => {
    clearTimeout(entry.timer);
    sessions.delete(parentElement);
    session.stop();
  };
  sessions.set(parentElement, entry);
  return entry.stop;
}
