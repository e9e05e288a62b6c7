/**
 * Where the batch comes from: asks for the next one, brings an earlier visit's back, swaps images that came by chance
 * for those that the learner asks once it can, and keeps what a page that is loaded next has to show. What the page
 * is doing meanwhile is in states.js. Words go to `notices`, and to `shortage` where no image can be had.
 *
 * @import { Api, Leased, Pool } from "./api.js"
 * @import { Connection } from "./connection.js"
 * @import { Held } from "./held.js"
 * @import { Notices } from "./notices.js"
 * @import { Outbox } from "./outbox.js"
 * @import { ShortageView } from "./shortage.js"
 * @import { PageState } from "./states.js"
 */
import { Batch, Tile } from "./batch.js";
import { Emitter } from "./emitter.js";
import { Loading } from "./loading.js";
import { Machine, PAGE, REQUEST } from "./states.js";

const SWAP_MS = 500; // an answer that is under way is meant for the image that was there before
const RESTORE_MS = 3_000; // a network may swallow what is sent, and the request fails only much later

/**
 * Tells "change" when the batch or what is shown is another; "asked" when a batch has come; "restored" when one of an
 * earlier visit is shown without the server.
 *
 * @extends {Emitter<{ change: null, asked: { round: number }, restored: null }>}
 */
export class Asking extends Emitter {
  batch = new Batch();
  #page = new Machine(PAGE, "starting");
  #request = new Machine(REQUEST, "idle");
  #api;
  #outbox;
  #connection;
  #makePicture;
  #notices;
  #shortage;
  #held;
  /** @type {(() => void)[]} */
  #afterLease = []; // what was to be done while the next batch was under way
  #loading;
  #isRoundDue;
  #isByChance; // whether the newest round that is known asks by chance
  #isSwapDue = false;

  /**
   * `pool` is the pool as the page was made with it.
   * @param {{ api: Api, outbox: Outbox,
   *   connection: Connection, makePicture: (url: string) => HTMLImageElement,
   *   notices: Notices, shortage: ShortageView,
   *   held: Held, pool: Pool }} parts
   */
  constructor({ api, outbox, connection, makePicture, notices, shortage, held, pool }) {
    super();
    this.#api = api;
    this.#outbox = outbox;
    this.#connection = connection;
    this.#makePicture = makePicture;
    this.#notices = notices;
    this.#shortage = shortage;
    this.#held = held;
    this.#loading = new Loading({ api, notices, pool });
    this.#isRoundDue = pool.until_round === 0;
    this.#isByChance = pool.round.asked_by === "chance";
    connection.on("change", () => {
      this.expectLoading();
      if (connection.trouble) this.#restore();
    });
    setTimeout(() => this.#restore(), RESTORE_MS);
    shortage.on("over", () => this.ask());
  }

  /** What the page shows: see states.js. */
  get shown() {
    return PAGE[this.#page.state].shows;
  }

  /** The images that are held for nothing but this page. */
  get openImageIds() {
    const pending = this.#outbox.imageIds;
    return this.batch.open.map((tile) => tile.imageId).filter((imageId) => !pending.has(imageId));
  }

  /** The server may have been started anew: before the next batch, see whether its model is loaded. */
  expectLoading() {
    this.#loading.expect();
  }

  /**
   * The pool was fetched, because something of it has changed.
   * @param {Pool} pool
   */
  learn(pool) {
    this.#loading.learn(pool);
    if (pool.counts.unlabeled > 0) this.askAgain();
    const isByChance = pool.round.asked_by === "chance";
    this.#isSwapDue ||= this.#isByChance && !isByChance;
    this.#isByChance = isByChance;
    this.#swap();
  }

  /** If no image could be had: something has changed, and images may be free again. */
  askAgain() {
    if (this.#page.is("taken", "finished")) this.ask();
  }

  /**
   * Now, or once the batch is there that is under way.
   * @param {() => void} action
   */
  whenLeased(action) {
    if (this.#request.is("leasing")) this.#afterLease.push(action);
    else action();
  }

  /** The next batch, as soon as every answer of this one is acknowledged: so it comes of the newest ranking. */
  async ask() {
    if (!this.#request.is("idle") || !this.#outbox.isEmpty) return;
    if (!this.batch.isDone) {
      if (this.#page.is("restored")) this.realign();
      return;
    }
    if (this.#page.is("answering", "restored")) this.#show("asking");
    await this.#requestWith("waiting", () => this.#askOnce());
    for (const action of this.#afterLease.splice(0)) action();
    if (this.#page.is("restored")) this.ask();
    this.#swap();
  }

  /** Some of what is shown may be with others by now: see what is held, and show that. */
  async realign() {
    if (!this.#request.is("idle") || !this.#page.is("answering", "restored")) return;
    this.#show("answering");
    await this.#requestWith("realigning", async () => {
      const lease = await this.#connection.persist(() => this.#api.lease());
      this.#held.extend();
      const tiles = lease.images.map((leased) => this.batch.findTile(leased.image_id) ?? this.#makeTile(leased));
      this.batch.align(tiles, this.#outbox.imageIds);
      this.tell("change", null);
    });
    this.ask();
    this.#swap();
  }

  /**
   * The learner can ask by now: what came by chance and is not answered gives way. Of a batch that was begun the current
   * image stays.
   */
  async #swap() {
    if (!this.#isSwapDue || !this.#request.is("idle") || !this.#page.is("answering")) return;
    this.#isSwapDue = false;
    const { open, current, isUntouched } = this.batch;
    const pending = this.#outbox.imageIds;
    const leaving = open.filter((tile) =>
      tile.leased.asked_by === "chance" && !pending.has(tile.imageId) && (isUntouched || tile !== current)
    );
    if (leaving.length === 0) return;
    for (const tile of leaving) tile.isClosed = true; // nobody answers what is given back
    this.#show(isUntouched ? "asking" : "answering");
    await this.#requestWith("realigning", async () => {
      const pause = new Promise((resolve) => setTimeout(resolve, isUntouched ? SWAP_MS : 0));
      await this.#connection.persist(() => this.#api.release(leaving.map(({ imageId }) => imageId)));
      const lease = await this.#connection.persist(() => this.#api.lease(isUntouched ? null : open.length));
      await pause;
      this.#held.extend();
      const stays = (/** @type {Leased} */ { image_id: imageId }) =>
        this.batch.tiles.find((tile) => tile.imageId === imageId && !tile.isClosed);
      this.batch.exchange(lease.images.map((leased) => stays(leased) ?? this.#makeTile(leased)));
      if (this.batch.isDone) return;
      this.#show("answering");
      this.tell("asked", { round: lease.round });
    });
    this.ask();
  }

  /**
   * The tile of an image that is to be answered; a new one if it was answered before.
   * @param {Leased} leased
   */
  asTile(leased) {
    const known = this.batch.findTile(leased.image_id);
    return known?.isOpen ? known : this.#makeTile(leased);
  }

  /**
   * An act on it was undone: it is to be answered again, whatever is shown.
   * @param {Tile} tile
   */
  bringBack(tile) {
    this.batch.bringBack(tile);
    this.#show(this.#page.is("restored") ? "restored" : "answering");
  }

  /** What a page that is loaded next has to show. */
  keep() {
    if (!this.#page.is("starting")) this.#held.keep(this.batch.record);
  }

  /** @param {PageState} state */
  #show(state) {
    this.#page.go(state);
    this.#loading.look();
    this.tell("change", null);
  }

  /** @param {Leased} leased */
  #makeTile(leased) {
    return new Tile(leased, this.#makePicture(leased.url));
  }

  /**
   * @param {"waiting" | "realigning"} state
   * @param {() => Promise<void>} action
   */
  async #requestWith(state, action) {
    this.#request.go(state);
    try {
      await action();
    } catch (error) {
      this.#notices.set("ask", "bad", `${error.message} Reload the page to ask again.`);
    } finally {
      this.#request.go("idle");
    }
  }

  async #askOnce() {
    const lease = await this.#connection.persist(() => this.#lease());
    this.#notices.clear("loading");
    if (lease === null || this.#page.is("restored")) return; // answers to what was shown meanwhile may be under way
    this.#held.extend();
    this.#notices.clear("ask");
    this.#shortage.hide();
    const record = this.#page.is("starting") ? this.#held.findBatchOf(lease.images) : null;
    if (record !== null) this.batch.restore(record, (leased) => this.#makeTile(leased));
    else this.batch.replace(lease.images.map((leased) => this.asTile(leased)));
    if (lease.shortage !== null && this.batch.isDone) {
      this.#show(lease.shortage.unlabeled === 0 ? "finished" : "taken");
      if (this.#page.is("taken")) this.#shortage.show(lease.shortage, lease.nextFreeMs);
      return;
    }
    const stale = `Asked by the model of round ${lease.round}; a newer one is being trained.`;
    const isStale = lease.stale && !this.#isByChance; // by chance no model asks
    this.#notices.toggle("stale", "info", isStale && stale);
    if (isStale) this.expectLoading();
    this.#show("answering");
    this.tell("asked", { round: lease.round });
  }

  /** One try; null if an undo came first, so that there is something to answer again. */
  async #lease() {
    if (this.#page.is("restored")) return this.#api.lease(); // a sign that the server is back, no more
    const isFirst = this.#page.is("starting");
    const isRankingNew = isFirst && !this.#isRoundDue;
    const needsModel = !isRankingNew && !this.#isByChance; // else nobody has to wait for it
    if (needsModel) await this.#loading.wait(() => this.batch.isDone);
    if (!this.batch.isDone || !this.#outbox.isEmpty) return null;
    this.#request.go("leasing");
    try {
      return await this.#api.lease(isFirst ? this.#held.countOpen() : null);
    } finally {
      this.#request.go("waiting");
    }
  }

  /** Without the server: the batch of an earlier visit, just as it was. */
  #restore() {
    const { trouble } = this.#connection;
    const record = this.#held.batch;
    if (!this.#page.is("starting") || !record?.tiles.length || trouble?.isLoggedOut || trouble?.isOtherLogin) return;
    if (this.#request.is("leasing")) this.#request.go("waiting"); // this batch will not be shown
    this.batch.restore(record, (leased) => this.#makeTile(leased));
    this.#show("restored");
    this.tell("restored", null);
  }
}
