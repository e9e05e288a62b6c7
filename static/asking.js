/**
 * Where the batch comes from: asks for the next one, brings an earlier visit's back, and keeps what a page that is loaded
 * next has to show. Words go to `notices`, and to `shortage` (see shortage.js) where no image can be had.
 *
 * States: "asking", "answering", "finished" (every image has a label) and "taken" (what is left is with others, or was
 * skipped).
 */
import { Batch, Tile } from "./batch.js";

const LOADING_MS = 30_000; // the longest that a finished batch waits for a model that is being loaded
const LOADING_POLL_MS = 250;
const RESTORE_MS = 3_000; // a network may swallow what is sent, and the request fails only much later

/**
 * Dispatches "change" when the batch or the state is another; "asked" with detail {round} when a batch has come;
 * "restored" when one of an earlier visit is shown without the server.
 */
export class Asking extends EventTarget {
  batch = new Batch();
  #state = "asking";
  #api;
  #outbox;
  #connection;
  #makePicture;
  #notices;
  #shortage;
  #held;
  #isAsking = false;
  #isLeasing = false;
  #afterLease = []; // what was to be done while the next batch was under way
  #mayBeLoading;
  #isFirstAsk = true;
  #isRestored = false; // the batch is of an earlier visit: what is still held is to be seen
  #isRoundDue;

  /** `pool` is the pool as the page was made with it. */
  constructor({ api, outbox, connection, makePicture, notices, shortage, held, pool }) {
    super();
    this.#api = api;
    this.#outbox = outbox;
    this.#connection = connection;
    this.#makePicture = makePicture;
    this.#notices = notices;
    this.#shortage = shortage;
    this.#held = held;
    this.#mayBeLoading = pool.training.status === "loading";
    this.#isRoundDue = pool.until_round === 0;
    connection.addEventListener("change", () => {
      this.expectLoading();
      if (connection.trouble) this.#restore();
    });
    setTimeout(() => this.#restore(), RESTORE_MS);
    shortage.addEventListener("over", () => this.ask());
  }

  get state() {
    return this.#state;
  }

  set state(state) {
    this.#state = state;
    this.dispatchEvent(new Event("change"));
  }

  /** The images that are held for nothing but this page. */
  get openImageIds() {
    const pending = this.#outbox.imageIds;
    return this.batch.open.map((tile) => tile.imageId).filter((imageId) => !pending.has(imageId));
  }

  /** The server may have been started anew: before the next batch, see whether its model is loaded. */
  expectLoading() {
    this.#mayBeLoading = true;
  }

  /** Nothing could be had, but something has changed: images may be free again. */
  askAgain() {
    if (this.#state === "taken" || this.#state === "finished") this.ask();
  }

  /** Now, or once the batch is there that is under way. */
  whenLeased(action) {
    if (this.#isLeasing) this.#afterLease.push(action);
    else action();
  }

  /** The next batch, as soon as every answer of this one is acknowledged: so it comes of the newest ranking. */
  async ask() {
    if (this.#isAsking || !this.#outbox.isEmpty) return;
    if (this.#isRestored && !this.batch.isDone) {
      this.realign();
      return;
    }
    if (!this.batch.isDone) return;
    this.#isRestored = false;
    await this.#askWith(() => this.#askOnce());
    for (const action of this.#afterLease.splice(0)) action();
    if (this.#isRestored) this.ask();
  }

  /** Some of what is shown may be with others by now: see what is held, and show that. */
  async realign() {
    if (this.#isAsking || this.#state !== "answering") return;
    this.#isRestored = false;
    await this.#askWith(async () => {
      const asked = await this.#connection.persist(() => this.#api.lease());
      this.#held.extend();
      const tiles = asked.images.map((leased) => this.batch.findTile(leased.image_id) ?? this.makeTile(leased));
      this.batch.align(tiles, this.#outbox.imageIds);
      this.dispatchEvent(new Event("change"));
    });
    this.ask();
  }

  /** The tile of an image that is to be answered; a new one if it was answered before. */
  asTile(leased) {
    const known = this.batch.findTile(leased.image_id);
    return known?.isOpen ? known : this.makeTile(leased);
  }

  makeTile(leased) {
    return new Tile(leased, this.#makePicture(leased.url));
  }

  /** What a page that is loaded next has to show. */
  keep() {
    if (!this.#isFirstAsk) this.#held.keep(this.batch.record);
  }

  async #askWith(action) {
    this.#isAsking = true;
    try {
      await action();
    } catch (error) {
      this.#notices.set("ask", "bad", `${error.message} Reload the page to ask again.`);
    } finally {
      this.#isAsking = false;
    }
  }

  async #askOnce() {
    if (this.#state === "answering") this.state = "asking";
    const asked = await this.#connection.persist(() => this.#lease());
    this.#notices.clear("loading");
    if (asked === null || this.#isRestored) return; // answers to what was shown meanwhile may be under way
    this.#held.extend();
    this.#notices.clear("ask");
    this.#shortage.hide();
    const record = this.#isFirstAsk ? this.#findEarlierBatch(asked.images) : null;
    this.#isFirstAsk = false;
    if (record !== null) this.batch.restore(record, (leased) => this.makeTile(leased));
    else this.batch.replace(asked.images.map((leased) => this.asTile(leased)));
    if (asked.images.length === 0) {
      this.state = asked.shortage.unlabeled === 0 ? "finished" : "taken";
      if (this.#state === "taken") this.#shortage.show(asked.shortage, asked.nextFreeMs);
      return;
    }
    const stale = `Asked by the model of round ${asked.round}; a newer one is being trained.`;
    this.#notices.toggle("stale", "info", asked.stale && stale);
    this.#mayBeLoading ||= asked.stale;
    this.state = "answering";
    this.dispatchEvent(new CustomEvent("asked", { detail: { round: asked.round } }));
  }

  /** One try; null if an undo came first, so that there is something to answer again. */
  async #lease() {
    if (this.#isRestored) return this.#api.lease(); // a sign that the server is back, no more
    const isRankingNew = this.#isFirstAsk && !this.#isRoundDue; // then nobody has to wait for a model to load
    if (!isRankingNew) await this.#waitForModel();
    if (!this.batch.isDone || !this.#outbox.isEmpty) return null;
    this.#isLeasing = true;
    try {
      return await this.#api.lease(this.#isFirstAsk ? this.#countOpenBefore() : null);
    } finally {
      this.#isLeasing = false;
    }
  }

  /** The page of an earlier visit gave back what was open as it went. Null if there is no batch to go on with. */
  #countOpenBefore() {
    const record = this.#held.batch;
    if (record === null) return null;
    const answered = new Set(this.#findStanding(record.acts).map(({ imageId }) => imageId));
    return record.tiles.filter(({ leased, isClosed }) => !isClosed && !answered.has(leased.image_id)).length || null;
  }

  async #waitForModel() {
    if (!this.#mayBeLoading) return;
    const end = performance.now() + LOADING_MS;
    while (!(await this.#api.isReady())) {
      if (performance.now() > end || !this.batch.isDone) return;
      this.#notices.set("loading", "info", "The model is being loaded. The next images come in some seconds.");
      await new Promise((resolve) => setTimeout(resolve, LOADING_POLL_MS));
    }
    this.#mayBeLoading = false;
  }

  /** Without the server: the batch of an earlier visit, just as it was. */
  #restore() {
    const { trouble } = this.#connection;
    const record = this.#held.batch;
    if (!this.#isFirstAsk || !record?.tiles.length || trouble?.isLoggedOut || trouble?.isOtherLogin) return;
    this.#isFirstAsk = false;
    this.#isLeasing = false; // an undo need not wait for the batch that is being asked for
    this.#isRestored = true;
    this.batch.restore({ tiles: record.tiles, acts: this.#findStanding(record.acts) }, (leased) => this.makeTile(leased));
    this.state = "answering";
    this.dispatchEvent(new Event("restored"));
  }

  /** The record of an earlier visit's batch with the images that were asked now, if some of them belong to it; else null. */
  #findEarlierBatch(images) {
    const record = this.#held.batch;
    const leasedById = new Map(images.map((leased) => [leased.image_id, leased]));
    const idOf = ({ leased }) => leased.image_id;
    if (!record?.tiles.some((tile) => leasedById.has(idOf(tile)))) return null;
    const acts = this.#findStanding(record.acts).filter(({ imageId }) => !leasedById.has(imageId));
    const answered = new Set(acts.map(({ imageId }) => imageId));
    const tiles = record.tiles
      .filter((tile) => leasedById.has(idOf(tile)) || answered.has(idOf(tile)) || tile.isClosed)
      .map((tile) => (leasedById.has(idOf(tile)) ? { ...tile, leased: leasedById.get(idOf(tile)), isClosed: false } : tile));
    for (const tile of tiles) leasedById.delete(idOf(tile));
    const others = [...leasedById.values()].map((leased) => ({ leased, isFlagged: false, isClosed: false }));
    return { tiles: [...tiles, ...others], acts };
  }

  /** Without those that the server refused, and those of which nothing is known any more. */
  #findStanding(acts) {
    const waiting = new Set(this.#outbox.entries.map(({ key }) => key));
    const known = acts.map((act) => ({ ...act, eventId: act.eventId ?? this.#outbox.findEventId(act.key) }));
    return known.filter(({ key, eventId }) => eventId !== null || waiting.has(key));
  }
}
