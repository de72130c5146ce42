// Talks to the JSON API. What could be lost on the way is sent again until the server has answered:
// every change names its presentation and revision, so the server takes it once however often it comes.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const TIMEOUT_MS = 15000;

export class Refused extends Error {
  constructor(status, body) {
    super(body.message || "The server refused this.");
    this.status = status;
    this.reason = body.error || "";
  }
}

export class Server {
  // `onLink(trouble)` hears "offline" when the connection is lost, "unavailable" when the server cannot save, "" when
  // all is well again.
  constructor(onLink = () => {}) {
    this.onLink = onLink;
    this.trouble = "";
    this.stopped = false;
  }

  stop() {
    this.stopped = true;
  }

  item() {
    return this.#insist("/api/item");
  }

  state() {
    return this.#insist("/api/state");
  }

  post(path, body = {}) {
    return this.#insist(path, body);
  }

  async #insist(path, body) {
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      let reply = null;
      try {
        reply = await this.#once(path, body);
      } catch {
        reply = null; // no network, or no answer in time
      }
      if (reply && reply.status < 500 && reply.status !== 429) {
        this.#link("");
        return this.#read(reply);
      }
      this.#link(reply ? "unavailable" : "offline");
      if (this.stopped) return new Promise(() => {});
      const asked = Number(reply?.headers.get("retry-after")) * 1000;
      await pause(Math.max(wait, asked || 0) * (0.8 + 0.4 * Math.random()));
    }
  }

  async #once(path, body) {
    const options = { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) };
    if (body !== undefined) {
      options.method = "POST";
      options.headers = { "Content-Type": "application/json", "X-Drawbench": "1" };
      options.body = JSON.stringify(body);
    }
    const reply = await fetch(path, options);
    // Read it here: a connection that breaks within the answer is a lost answer too.
    return { status: reply.status, headers: reply.headers, text: await reply.text() };
  }

  #read({ status, text }) {
    let value = {};
    try {
      value = JSON.parse(text);
    } catch {
      value = { error: "not_json", message: "The server gave no proper answer. Reload the page." };
    }
    if (status >= 400) throw new Refused(status, value);
    return value;
  }

  #link(trouble) {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.onLink(trouble);
  }
}

// Resolves after `ms`, or as soon as the browser says that it is online again.
function pause(ms) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
  });
}
