/**
 * The batch that the annotator had when the server was there last, for a page that is loaded next, perhaps without it.
 * Kept until the lease has ended: then others may have the images. All pages of one annotator share it.
 *
 * @import { Leased } from "./api.js"
 * @import { ActRecord, BatchRecord } from "./batch.js"
 * @import { Offline } from "./offline.js"
 * @import { Outbox } from "./outbox.js"
 * @import { Store } from "./store.js"
 */
export class Held {
  #store;
  #offline;
  #outbox;
  #leaseMs;
  /** @type {string[]} */
  #urls = []; // of the images that the browser was asked to keep

  /**
   * `store` is a store of this annotator and pool; `offline` keeps the pictures; `outbox` knows what became of each act.
   * @param {{ store: Store, offline: Offline, outbox: Outbox, leaseSeconds: number }} parts
   */
  constructor({ store, offline, outbox, leaseSeconds }) {
    this.#store = store;
    this.#offline = offline;
    this.#outbox = outbox;
    this.#leaseMs = leaseSeconds * 1000;
  }

  /**
   * The batch with the acts that stand; null after the lease's end.
   * @returns {BatchRecord | null}
   */
  get batch() {
    if (Date.now() >= (this.#store.get("until") ?? 0)) return null;
    /** @type {BatchRecord | null} */
    const record = this.#store.get("batch");
    return record && { tiles: record.tiles, acts: this.#findStanding(record.acts) };
  }

  /** How many images were open: the page released them as it was closed. Null if there is no batch to go on with. */
  countOpen() {
    const record = this.batch;
    if (record === null) return null;
    const answered = new Set(record.acts.map(({ imageId }) => imageId));
    return record.tiles.filter(({ leased, isClosed }) => !isClosed && !answered.has(leased.image_id)).length || null;
  }

  /**
   * The batch with the images that were leased now in place of its open ones; null if none of them belongs to it.
   * @param {Leased[]} images
   * @returns {BatchRecord | null}
   */
  findBatchOf(images) {
    const record = this.batch;
    const earlier = new Set(record?.tiles.map(({ leased }) => leased.image_id));
    if (record === null || images.every((leased) => !earlier.has(leased.image_id))) return null;
    const now = new Map(images.map((leased) => [leased.image_id, leased]));
    const acts = record.acts.filter(({ imageId }) => !now.has(imageId));
    const answered = new Set(acts.map(({ imageId }) => imageId));
    const tiles = record.tiles.flatMap((tile) => {
      const leased = now.get(tile.leased.image_id);
      if (leased !== undefined) return [{ ...tile, leased, isClosed: false }];
      return answered.has(tile.leased.image_id) || tile.isClosed ? [tile] : [];
    });
    const others = images.filter((leased) => !earlier.has(leased.image_id));
    return { tiles: [...tiles, ...others.map((leased) => ({ leased, isFlagged: false, isClosed: false }))], acts };
  }

  /** The server has just leased the images, or renewed the lease. */
  extend() {
    this.#store.set("until", Date.now() + this.#leaseMs);
  }

  /** @param {BatchRecord} batch */
  keep(batch) {
    this.#store.set("batch", batch);
    const urls = batch.tiles.map(({ leased }) => leased.url);
    if (urls.every((url) => this.#urls.includes(url))) return;
    this.#urls = urls;
    this.#offline.keep(urls);
  }

  /** The images were released. */
  forget() {
    this.#store.remove("batch");
  }

  /**
   * Without those that the server refused, and those of which nothing is known any more.
   * @param {ActRecord[]} acts
   */
  #findStanding(acts) {
    const waiting = new Set(this.#outbox.entries.map(({ key }) => key));
    const known = acts.map((act) => ({ ...act, eventId: act.eventId ?? this.#outbox.findEventId(act.key) }));
    return known.filter(({ key, eventId }) => eventId !== null || waiting.has(key));
  }
}
