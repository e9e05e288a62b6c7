/**
 * The batch that the annotator had when the server was there last, for a page that is loaded next, perhaps without it.
 * Kept until the lease has ended: then others may have the images. All pages of one annotator share it.
 *
 * @import { BatchRecord } from "./batch.js"
 * @import { Offline } from "./offline.js"
 * @import { Store } from "./store.js"
 */
export class Held {
  #store;
  #offline;
  #leaseMs;
  /** @type {string[]} */
  #urls = []; // of the images that the browser was asked to keep

  /**
   * `store` is a store of this annotator and pool; `offline` keeps the pictures.
   * @param {{ store: Store, offline: Offline, leaseSeconds: number }} parts
   */
  constructor({ store, offline, leaseSeconds }) {
    this.#store = store;
    this.#offline = offline;
    this.#leaseMs = leaseSeconds * 1000;
  }

  /**
   * Null after the lease's end.
   * @returns {BatchRecord | null}
   */
  get batch() {
    return Date.now() < (this.#store.get("until") ?? 0) ? this.#store.get("batch") : null;
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

  /** The images were given back. */
  forget() {
    this.#store.remove("batch");
  }
}
