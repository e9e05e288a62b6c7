/**
 * What the annotator does: answer, change, skip, flag, undo; and asking for the next batch. The page is drawn by `view`
 * ({draw(batch, state), makePicture(url)}), words go to `notices`, and to `shortage` (see shortage.js) where no image
 * can be had. States: "asking", "answering", "finished" (every image has a label) and "taken" (what is left is with
 * others, or was skipped).
 */
import { Act, Batch, Tile } from "./batch.js";

const LOADING_MS = 30_000; // the longest that a finished batch waits for a model that is being loaded
const LOADING_POLL_MS = 250;
const RESTORE_MS = 3_000; // a network may swallow what is sent, and the request fails only much later
const CLOSING_CODES = ["AlreadyLabeled", "AlreadySkipped", "LeasedByAnother", "ImageNotFound"];

/** Dispatches "asked" with detail {round} when a batch has come. */
export class Labeling extends EventTarget {
  #classes;
  #api;
  #outbox;
  #connection;
  #view;
  #notices;
  #shortage;
  #held;
  #batch = new Batch();
  #state = "asking";
  #isAsking = false;
  #isLeasing = false;
  #undoesWaiting = 0; // undos pressed while the next batch was under way
  #mayBeLoading;
  #isFirstAsk = true;
  #isRestored = false; // the batch is of an earlier visit: what is still held is to be seen
  #isRoundDue;

  /** `pool` is the pool as the page was made with it. */
  constructor({ api, outbox, connection, view, notices, shortage, held, pool }) {
    super();
    this.#classes = pool.classes;
    this.#api = api;
    this.#outbox = outbox;
    this.#connection = connection;
    this.#view = view;
    this.#notices = notices;
    this.#shortage = shortage;
    this.#held = held;
    this.#mayBeLoading = pool.training.status === "loading";
    this.#isRoundDue = pool.until_round === 0;
    outbox.addEventListener("sent", ({ detail }) => this.#onSent(detail));
    outbox.addEventListener("refused", ({ detail }) => this.#onRefused(detail));
    outbox.addEventListener("added", ({ detail }) => this.#onAdded(detail));
    outbox.addEventListener("withdrawn", ({ detail }) => this.#onWithdrawn(detail));
    outbox.addEventListener("change", () => {
      this.#keep();
      this.ask();
    });
    connection.addEventListener("change", () => {
      this.expectLoading();
      if (connection.trouble) this.#restore();
    });
    setTimeout(() => this.#restore(), RESTORE_MS);
    shortage.addEventListener("over", () => this.ask());
  }

  /** The image that is shown, if it can be answered, skipped or flagged. */
  get current() {
    const tile = this.#batch.current;
    return this.#state === "answering" && tile?.isSeen && !tile.isClosed ? tile : null;
  }

  /** The images that are held for nothing but this page. */
  get openImageIds() {
    const pending = this.#pendingImageIds();
    return this.#batch.open.map((tile) => tile.imageId).filter((imageId) => !pending.has(imageId));
  }

  /** The server may have been started anew: before the next batch, see whether its model is loaded. */
  expectLoading() {
    this.#mayBeLoading = true;
  }

  /** An answer, or another one for an image that has one. */
  answer(value) {
    const tile = this.current;
    if (tile === null || value >= this.#classes.length) return;
    if (tile.isSkipped) this.#takeBackAll(tile);
    if (tile.act === null) this.#do("label", tile, value);
    else if (tile.value !== value) this.#change(tile, value);
    this.#batch.advance();
    this.#draw();
  }

  /** "Can't tell": the image goes on to others. */
  skip() {
    const tile = this.current;
    if (tile === null) return;
    if (!tile.isSkipped) {
      this.#takeBackAll(tile);
      this.#do("skip", tile);
    }
    this.#batch.advance();
    this.#draw();
  }

  /** A remark for the admins; whatever the answer is or will be. */
  flag(tile, remark) {
    this.#outbox.add({ kind: "flag", imageId: tile.imageId, remark });
    tile.isFlagged = true;
    this.#notices.set("flag", "info", `Flagged: “${remark}”`, { isDismissable: true });
    this.#draw();
  }

  /** Take back the last act of this page, or else the last that the server has. */
  undo() {
    if (this.#isLeasing) {
      this.#undoesWaiting += 1;
      return;
    }
    const act = this.#batch.lastAct;
    if (act === null) {
      this.#outbox.add({ kind: "undo", imageId: null, of: null, eventId: null });
      return;
    }
    this.#takeBack(act);
    this.#batch.bringBack(act.tile);
    this.#setState("answering");
  }

  move(step) {
    this.#batch.move(step);
    this.#draw();
  }

  select(tile) {
    this.#batch.select(tile);
    this.#draw();
  }

  /** Nothing could be had, but something has changed: images may be free again. */
  askAgain() {
    if (this.#state === "taken" || this.#state === "finished") this.ask();
  }

  /** The next batch, as soon as every answer of this one is acknowledged: so it comes of the newest ranking. */
  async ask() {
    if (this.#isAsking || !this.#outbox.isEmpty) return;
    if (this.#isRestored && !this.#batch.isDone) {
      this.realign();
      return;
    }
    if (!this.#batch.isDone) return;
    this.#isRestored = false;
    await this.#askWith(() => this.#askOnce());
    for (; this.#undoesWaiting > 0; this.#undoesWaiting -= 1) this.undo();
    if (this.#isRestored) this.ask();
  }

  /** Some of what is shown may be with others by now: see what is held, and show that. */
  async realign() {
    if (this.#isAsking || this.#state !== "answering") return;
    this.#isRestored = false;
    await this.#askWith(async () => {
      const asked = await this.#connection.persist(() => this.#api.lease());
      this.#held.extend();
      const tiles = asked.images.map((leased) => this.#batch.findTile(leased.image_id) ?? this.#makeTile(leased));
      this.#batch.align(tiles, this.#pendingImageIds());
      this.#keep();
      this.#draw();
    });
    this.ask();
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
    if (this.#state === "answering") this.#setState("asking");
    const asked = await this.#connection.persist(() => this.#lease());
    this.#notices.clear("loading");
    if (asked === null || this.#isRestored) return; // answers to what was shown meanwhile may be under way
    this.#isFirstAsk = false;
    this.#held.extend();
    this.#notices.clear("ask");
    this.#shortage.hide();
    if (asked.images.length === 0) {
      this.#batch.replace([]);
      this.#keep();
      this.#setState(asked.shortage.unlabeled === 0 ? "finished" : "taken");
      if (this.#state === "taken") this.#shortage.show(asked.shortage, asked.nextFreeMs);
      return;
    }
    const stale = `Asked by the model of round ${asked.round}; a newer one is being trained.`;
    this.#notices.toggle("stale", "info", asked.stale && stale);
    this.#mayBeLoading ||= asked.stale;
    this.#batch.replace(asked.images.map((leased) => this.#asTile(leased)));
    this.#keep();
    this.#setState("answering");
    this.dispatchEvent(new CustomEvent("asked", { detail: { round: asked.round } }));
  }

  /** One try; null if an undo came first, so that there is something to answer again. */
  async #lease() {
    if (this.#isRestored) return this.#api.lease(); // a sign that the server is back, no more
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

  /** Without the server: what was open in an earlier visit. Its answers that still wait can be undone, and come back then. */
  #restore() {
    const { trouble } = this.#connection;
    const { images } = this.#held;
    if (!this.#isFirstAsk || images.length === 0 || trouble?.isLoggedOut || trouble?.isOtherLogin) return;
    this.#isFirstAsk = false;
    this.#isLeasing = false; // an undo need not wait for the batch that is being asked for
    this.#isRestored = true;
    this.#batch.replace(images.map((leased) => this.#makeTile(leased)));
    for (const entry of this.#outbox.entries) this.#onAdded(entry);
    this.#batch.replace([]); // only what is open stays in sight, as after any reload
    this.#setState("answering");
  }

  /** What a page that is loaded without the server would have to show. */
  #keep() {
    if (this.#isFirstAsk) return;
    const entries = this.#outbox.entries.filter(({ kind }) => ["label", "skip"].includes(kind));
    const waiting = new Set(entries.map((entry) => entry.imageId));
    const tiles = this.#batch.tiles.filter((tile) => tile.isOpen || (!tile.isClosed && waiting.has(tile.imageId)));
    this.#held.keep(tiles.map((tile) => tile.leased));
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

  #asTile(leased) {
    const known = this.#batch.findTile(leased.image_id);
    return known?.isOpen ? known : this.#makeTile(leased);
  }

  #makeTile(leased) {
    return new Tile(leased, this.#view.makePicture(leased.url));
  }

  #do(kind, tile, value = null) {
    const { imageId } = tile;
    const key = this.#outbox.add(kind === "skip" ? { kind, imageId } : { kind, imageId, value });
    this.#batch.add(new Act(kind, tile, value, key));
  }

  /** An answer that was never sent is replaced; one that was, or is on its way, is changed by an act of its own. */
  #change(tile, value) {
    const { key: of, eventId } = tile.act;
    if (this.#outbox.replaceUnsent(of, value)) {
      tile.act.value = value;
      return;
    }
    const key = this.#outbox.add({ kind: "change", imageId: tile.imageId, value, of, eventId });
    this.#batch.add(new Act("change", tile, value, key));
  }

  #takeBack(act) {
    const { key: of, eventId } = act;
    if (!this.#outbox.removeUnsent(of)) this.#outbox.add({ kind: "undo", imageId: act.tile.imageId, of, eventId });
    this.#batch.takeBack(act);
  }

  #takeBackAll(tile) {
    while (tile.act !== null) this.#takeBack(tile.act);
  }

  #onSent({ entry, eventId, image }) {
    const act = this.#batch.findAct(entry.key);
    if (act !== null) act.eventId = eventId;
    if (image && this.#isUnknown(image.image_id)) {
      this.#batch.bringBack(this.#asTile(image));
      this.#setState("answering");
    }
  }

  /** An image that an undo brought back: the page that took it back itself shows it already, perhaps answered. */
  #isUnknown(imageId) {
    return !this.#pendingImageIds().has(imageId) && !this.#batch.tiles.some((tile) => tile.imageId === imageId && !tile.isClosed);
  }

  #onRefused({ entry, error }) {
    this.#notices.set("refused", "warn", `${this.#describe(entry)}. ${error.message}`, { isDismissable: true });
    const act = this.#batch.findAct(entry.key);
    if (act === null) return;
    const { tile } = act;
    if (act.kind === "change") {
      this.#batch.takeBack(act);
    } else {
      while (tile.act !== null) this.#batch.takeBack(tile.act); // what was built on it will not be sent
      tile.isClosed = CLOSING_CODES.includes(error.code);
    }
    if (this.#batch.current === null || this.#batch.current.isClosed) this.#batch.advance();
    this.#draw();
  }

  #describe(entry) {
    const value = this.#classes[entry.value];
    const texts = {
      label: `Your answer ${value} was not taken`,
      change: `Your change to ${value} was not taken`,
      skip: "The image was not skipped",
      flag: `Your remark “${entry.remark}” was not taken`,
      undo: "Nothing was undone",
    };
    return texts[entry.kind];
  }

  /** Another page of the same annotator did something with an image that this one shows, too. */
  #onAdded(entry) {
    const tile = this.#batch.findTile(entry.imageId);
    const known = this.#batch.findAct(entry.kind === "undo" ? entry.of : entry.key);
    if (entry.kind === "undo" && known) this.#batch.takeBack(known);
    else if (entry.kind === "flag" && tile) tile.isFlagged = true;
    else if (known) known.value = entry.value;
    else if (tile && ["label", "change", "skip"].includes(entry.kind)) {
      this.#batch.add(new Act(entry.kind, tile, entry.value ?? null, entry.key));
      if (this.#batch.current === tile) this.#batch.advance();
    }
    this.#draw();
  }

  #onWithdrawn(entry) {
    const act = this.#batch.findAct(entry.key);
    if (act !== null) this.#batch.takeBack(act);
    this.#draw();
  }

  #pendingImageIds() {
    return new Set(this.#outbox.entries.map((entry) => entry.imageId));
  }

  #setState(state) {
    this.#state = state;
    this.#draw();
  }

  #draw() {
    this.#view.draw(this.#batch, this.#state);
  }
}
