/**
 * The images that the annotator held when the server was there last, for a page that is loaded without it. Kept until
 * the lease has ended: then others may have them. All pages of one annotator share it.
 */
export class Held {
  #store;
  #offline;
  #leaseMs;
  #urls = []; // of the images that the browser was asked to keep

  /** `store` is a store of this annotator and pool; `offline` keeps the pictures (see offline.js). */
  constructor({ store, offline, leaseSeconds }) {
    this.#store = store;
    this.#offline = offline;
    this.#leaseMs = leaseSeconds * 1000;
  }

  /** As a lease gave them; none after its end. */
  get images() {
    return Date.now() < (this.#store.get("until") ?? 0) ? (this.#store.get("images") ?? []) : [];
  }

  /** The server has just leased them, or renewed the lease. */
  extend() {
    this.#store.set("until", Date.now() + this.#leaseMs);
  }

  keep(images) {
    this.#store.set("images", images);
    const urls = images.map(({ url }) => url);
    if (urls.every((url) => this.#urls.includes(url))) return;
    this.#urls = urls;
    this.#offline.keep(urls);
  }

  /** They were given back. */
  forget() {
    this.#store.remove("images");
  }
}
