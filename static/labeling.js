/**
 * What the annotator does: answer, change, undo; and asking for the next batch. The page is drawn by `view`
 * ({draw(batch, state), makePicture(url)}), words go to `notices`. States: "asking", "answering", "finished"
 * (every image has a label) and "taken" (what is left is with others).
 */
import { Batch, Tile } from "./batch.js";

const LOADING_MS = 30_000; // the longest that a finished batch waits for a model that is being loaded
const LOADING_POLL_MS = 250;
const TAKEN_MS = 10_000; // that somebody lets an image go is not announced
const CLOSING_CODES = ["AlreadyLabeled", "LeasedByAnother", "ImageNotFound"];

/** Dispatches "asked" with detail {round} when a batch has come. */
export class Labeling extends EventTarget {
  #classes;
  #api;
  #outbox;
  #connection;
  #view;
  #notices;
  #batch = new Batch();
  #state = "asking";
  #isAsking = false;
  #isLeasing = false;
  #undoesWaiting = 0; // undos pressed while the next batch was under way
  #mayBeLoading;
  #isFirstAsk = true;
  #isRoundDue;
  #timer = null;

  /** `pool` is the pool as the page was made with it. */
  constructor({ api, outbox, connection, view, notices, pool }) {
    super();
    this.#classes = pool.classes;
    this.#api = api;
    this.#outbox = outbox;
    this.#connection = connection;
    this.#view = view;
    this.#notices = notices;
    this.#mayBeLoading = pool.training.status === "loading";
    this.#isRoundDue = pool.until_round === 0;
    outbox.addEventListener("sent", ({ detail }) => this.#onSent(detail));
    outbox.addEventListener("refused", ({ detail }) => this.#onRefused(detail));
    outbox.addEventListener("change", () => this.ask());
    connection.addEventListener("change", () => this.expectLoading());
  }

  /** The server may have been started anew: before the next batch, see whether its model is loaded. */
  expectLoading() {
    this.#mayBeLoading = true;
  }

  answer(value) {
    const tile = this.#batch.current;
    if (this.#state !== "answering" || !tile?.isSeen || tile.isClosed || value >= this.#classes.length) return;
    if (tile.value === value) {
      this.#batch.advance();
    } else {
      if (tile.value !== null) this.#takeBack(tile);
      this.#batch.answer(value, this.#outbox.addLabel(tile.imageId, value));
    }
    this.#draw();
  }

  /** Take back the last answer of this page, or else the last that the server has. */
  undo() {
    if (this.#isLeasing) {
      this.#undoesWaiting += 1;
      return;
    }
    const tile = this.#batch.lastAnswered;
    if (tile === null) {
      this.#outbox.addUndo();
      return;
    }
    this.#takeBack(tile);
    this.#batch.reopen(tile);
    this.#state = "answering";
    this.#draw();
  }

  move(step) {
    this.#batch.move(step);
    this.#draw();
  }

  select(tile) {
    this.#batch.select(tile);
    this.#draw();
  }

  /** Nothing was left to answer, but the pool says that images are free again. */
  onPool(pool) {
    const isWaiting = this.#state === "taken" || this.#state === "finished";
    if (isWaiting && pool.counts.unlabeled > 0) this.ask();
  }

  /** The next batch, as soon as every answer of this one is acknowledged: so it comes of the newest ranking. */
  async ask() {
    if (this.#isAsking || !this.#batch.isDone || !this.#outbox.isEmpty) return;
    this.#isAsking = true;
    try {
      await this.#askOnce();
    } catch (error) {
      this.#notices.set("ask", "bad", `${error.message} Reload the page to ask again.`);
    } finally {
      this.#isAsking = false;
    }
    for (; this.#undoesWaiting > 0; this.#undoesWaiting -= 1) this.undo();
  }

  async #askOnce() {
    if (this.#state === "answering") this.#setState("asking");
    const asked = await this.#connection.persist(() => this.#lease());
    this.#notices.clear("loading");
    if (asked === null) return;
    this.#isFirstAsk = false;
    this.#notices.clear("ask");
    if (asked.images.length === 0) {
      await this.#explainNothing();
      return;
    }
    const stale = `Asked by the model of round ${asked.round}; a newer one is being trained.`;
    this.#notices.toggle("stale", "info", asked.stale && stale);
    this.#mayBeLoading ||= asked.stale;
    this.#batch.replace(asked.images.map((leased) => this.#asTile(leased)));
    this.#setState("answering");
    this.dispatchEvent(new CustomEvent("asked", { detail: { round: asked.round } }));
  }

  /** One try; null if an undo came first, so that there is something to answer again. */
  async #lease() {
    const isRankingNew = this.#isFirstAsk && !this.#isRoundDue; // then nobody has to wait for a model to load
    if (!isRankingNew) await this.#waitForModel();
    if (!this.#batch.isDone || !this.#outbox.isEmpty) return null;
    this.#isLeasing = true;
    try {
      return await this.#api.lease();
    } finally {
      this.#isLeasing = false;
    }
  }

  async #waitForModel() {
    if (!this.#mayBeLoading) return;
    const end = performance.now() + LOADING_MS;
    while (!(await this.#api.isReady())) {
      if (performance.now() > end || !this.#batch.isDone) return;
      this.#notices.set("loading", "info", "The model is being loaded. The next images come in some seconds.");
      await new Promise((resolve) => setTimeout(resolve, LOADING_POLL_MS));
    }
    this.#mayBeLoading = false;
  }

  async #explainNothing() {
    const pool = await this.#connection.persist(() => this.#api.getPool());
    if (!this.#batch.isDone) return; // an undo came first
    this.#batch.replace([]);
    this.#setState(pool.counts.unlabeled === 0 ? "finished" : "taken");
    clearTimeout(this.#timer);
    if (this.#state === "taken") this.#timer = setTimeout(() => this.ask(), TAKEN_MS);
  }

  #asTile(leased) {
    const known = this.#batch.tiles.find((tile) => tile.imageId === leased.image_id);
    return known?.isOpen ? known : new Tile(leased, this.#view.makePicture(leased.url));
  }

  #takeBack(tile) {
    if (!this.#outbox.removeUnsent(tile.key)) this.#outbox.addUndo({ of: tile.key, eventId: tile.eventId });
    this.#batch.forget(tile);
  }

  #onSent({ entry, answer }) {
    if (entry.kind === "label") {
      const tile = this.#batch.find(entry.key);
      if (tile) tile.eventId = answer.events[0].event_id;
    } else if (this.#isUnknown(answer.image.image_id)) {
      this.#batch.reopen(this.#asTile(answer.image));
      this.#setState("answering");
    }
  }

  /** An image that an undo brought back: the page that took it back itself shows it already, perhaps answered. */
  #isUnknown(imageId) {
    const isWaiting = this.#outbox.entries.some((entry) => entry.imageId === imageId);
    return !isWaiting && !this.#batch.tiles.some((tile) => tile.imageId === imageId && !tile.isClosed);
  }

  #onRefused({ entry, error }) {
    const what = entry.kind === "label" ? `Your answer ${this.#classes[entry.value]} was not taken` : "Nothing was undone";
    this.#notices.set("refused", "warn", `${what}. ${error.message}`, { isDismissable: true });
    const tile = entry.kind === "label" ? this.#batch.find(entry.key) : null;
    if (tile === null) return;
    this.#batch.forget(tile);
    tile.isClosed = CLOSING_CODES.includes(error.code);
    if (this.#batch.current === null || this.#batch.current.isClosed) this.#batch.advance();
    this.#draw();
  }

  #setState(state) {
    this.#state = state;
    this.#draw();
  }

  #draw() {
    this.#view.draw(this.#batch, this.#state);
  }
}
