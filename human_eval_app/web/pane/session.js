// One rater's session on one page: asks for the item, waits until it has been seen, sends the answer, goes on.
// The truth is in the server's database; nothing here outlives the page.

import { askFlag, askSkip, showHelp, zoom } from "./dialogs.js";
import { Keys } from "./keys.js";
import { allPainted, painted, Preloader } from "./pictures.js";
import { Refused, Server } from "./server.js";
import { View } from "./view.js";

const LOADING_TRIES = 3;
const TROUBLES = {
  "": "",
  offline: "No connection. Your answer is kept here and is sent as soon as the connection is back.",
  unavailable: "The server cannot save answers at the moment. Yours is kept here and is sent again by itself.",
};
const REMARKS = {
  too_fast: "That was very quick. Please look at the pictures again and answer.",
  not_shown: "The pictures were not all shown. Please look at them and answer.",
  stale_revision: "This one was answered in another window. Here is where you are now.",
  expired: "This one was open for too long and went to someone else. Here is another.",
  bad_answer: "That answer was not understood. Please answer again.",
};

export class Session {
  // `onPhase(name)` hears when there is nothing to rate now: a break, the end, a closed study.
  constructor(host, { title, instructions }, onPhase) {
    this.texts = { title, instructions };
    this.onPhase = onPhase;
    this.server = new Server((trouble) => this.view.warn(TROUBLES[trouble]));
    this.preloader = new Preloader();
    this.shownFor = 0; // counts the items drawn, so that what belongs to an older one is dropped
    this.dialog = false;
    this.busy = true;
    this.view = new View(host, {
      title,
      onChoose: (question, key) => this.choose(question, key),
      onZoom: (index) => this.#during(() => zoomed(host, this.view.pictures, index)),
      onUndo: () => this.undo(),
      onSkip: () => this.skip(),
      onFlag: () => this.flag(),
      onHelp: () => this.help(),
      onAgain: () => this.refresh(),
    });
    this.host = host;
    const press = (number) => () => this.press(number);
    this.keys = new Keys(
      { 1: press(1), 2: press(2), 3: press(3), u: () => this.undo(), s: () => this.skip(), f: () => this.flag(), h: () => this.help() },
      () => this.dialog,
    );
    this.back = (event) => {
      if (event.type === "pageshow" ? event.persisted : document.visibilityState === "visible") this.catchUp();
    };
    addEventListener("pageshow", this.back);
    document.addEventListener("visibilitychange", this.back);
    this.refresh();
  }

  stop() {
    this.stopped = true;
    this.server.stop();
    this.keys.stop();
    this.view.stop();
    removeEventListener("pageshow", this.back);
    document.removeEventListener("visibilitychange", this.back);
  }

  async refresh() {
    await this.#send("loading", () => this.server.item(), (reply) => this.show(reply));
  }

  // Another window may have gone on meanwhile.
  async catchUp() {
    if (this.busy || this.dialog || this.stopped) return;
    const drawn = this.shownFor;
    try {
      const reply = await this.server.item();
      if (this.busy || this.dialog || drawn !== this.shownFor) return;
      if (reply.phase || reply.presentation !== this.item?.presentation || reply.revision !== this.item?.revision)
        await this.show(reply);
    } catch {
      // the next answer finds out
    }
  }

  async show(reply, remark = "") {
    if (this.stopped) return;
    this.view.remark(remark);
    if (reply.phase) {
      this.item = null;
      this.busy = true;
      this.view.rest();
      this.onPhase(reply.phase);
      return;
    }
    this.item = reply;
    this.given = {}; // after an undo too: every question is answered anew, the old answers are only shown
    const drawn = ++this.shownFor;
    this.busy = true;
    if (!(await this.#load(reply, drawn))) return;
    await this.view.roomy();
    if (drawn !== this.shownFor || this.stopped) return;
    this.view.reveal();
    await painted();
    if (drawn !== this.shownFor || this.stopped) return;
    this.paintedAt = performance.now();
    this.view.lock("looking");
    this.view.settle();
    this.view.say(`${this.view.count.textContent}. ${reply.questions[0].text}`);
    this.preloader.want(reply.preload ?? []);
    await new Promise((resolve) => setTimeout(resolve, reply.min_dwell_ms));
    if (drawn !== this.shownFor || this.stopped) return;
    this.busy = false;
    this.view.lock("");
  }

  press(number) {
    if (this.busy || !this.item) return;
    const question = this.item.questions.find(({ name }) => !(name in this.given));
    const choice = question?.choices[number - 1];
    if (choice) this.choose(question.name, choice.key);
  }

  choose(question, key) {
    if (this.busy || this.view.tooSmall || !this.item) return;
    this.given[question] = key;
    this.view.choose({ ...this.item.answers, ...this.given }, this.given);
    if (this.item.questions.every(({ name }) => name in this.given)) this.submit();
  }

  async submit() {
    const { presentation, revision } = this.item;
    const now = performance.now();
    const answer = {
      presentation,
      revision,
      answers: { ...this.given },
      shown_ms: Math.round(now - this.paintedAt),
      client_ms: Math.round(performance.timeOrigin + now),
    };
    await this.#send("sending", () => this.server.post("/api/rate", answer), async (reply) => {
      if (reply.feedback) await new Promise((resolve) => this.view.feedback(reply.feedback, resolve));
      await this.show(reply.next);
    });
  }

  async undo() {
    if (this.busy || !this.item) return;
    const { presentation } = this.item;
    await this.#send("sending", () => this.server.post("/api/undo", { presentation }), (reply) =>
      this.show(reply, reply.phase ? "" : "You are back at the last one. Your new answer replaces the old one."),
    );
  }

  async skip() {
    if (this.busy || !this.item) return;
    const { presentation } = this.item;
    const reason = await this.#during(() => askSkip(this.host));
    if (reason === null || this.item?.presentation !== presentation) return;
    await this.#send("sending", () => this.server.post("/api/skip", { presentation, reason }), (reply) => this.show(reply));
  }

  async flag() {
    if (!this.item || this.dialog) return;
    const { presentation } = this.item;
    const answer = await this.#during(() => askFlag(this.host, this.view.pictures));
    if (!answer) return;
    try {
      await this.server.post("/api/flag", { presentation, ...answer });
      this.view.remark("Flagged. Thank you.");
    } catch (error) {
      this.view.remark(error.message);
    }
  }

  help() {
    if (this.dialog) return;
    const { title, instructions } = this.texts;
    const makeLink = async () => (await this.server.post("/api/continue")).url;
    this.#during(
      () =>
        new Promise((resolve) =>
          showHelp(this.host, title, instructions, makeLink).addEventListener("close", resolve),
        ),
    );
  }

  async #load(item, drawn) {
    for (let attempt = 1; ; attempt += 1) {
      const images = this.view.draw(item);
      const complete = await allPainted(images);
      if (drawn !== this.shownFor || this.stopped) return false;
      if (complete) return true;
      if (attempt === LOADING_TRIES) {
        this.view.trouble("A picture could not be loaded. Check your connection and try again; your place is kept.");
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, 700 * attempt));
      try {
        const again = await this.server.item(); // with fresh addresses
        if (again.phase || again.presentation !== item.presentation) {
          this.show(again);
          return false;
        }
        item = this.item = again;
      } catch (error) {
        this.#refused(error);
        return false;
      }
    }
  }

  async #send(state, request, then) {
    this.busy = true;
    this.view.lock(this.item ? state : "loading");
    try {
      await then(await request());
    } catch (error) {
      await this.#refused(error);
    }
  }

  // A refusal is never the end: the server says where this rater is, and the page goes there.
  async #refused(error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return this.onPhase("signed_out");
    try {
      await this.show(await this.server.item(), REMARKS[error.reason] ?? error.message);
    } catch (again) {
      if (!(again instanceof Refused)) throw again;
      this.view.trouble(again.message);
    }
  }

  async #during(dialog) {
    this.dialog = true;
    try {
      return await dialog();
    } finally {
      this.dialog = false;
    }
  }
}

function zoomed(host, pictures, index) {
  return new Promise((resolve) => zoom(host, pictures, index, resolve));
}
