/**
 * Renews the lease every third of its time while the page is visible and images wait for an answer, and releases the
 * images when the page is closed. Pages of one annotator share a lease, so the last of them releases it: each is listed
 * in `pages`, with the time of its last sign of life.
 *
 * @import { Api } from "./api.js"
 * @import { Connection } from "./connection.js"
 * @import { Store } from "./store.js"
 */
import { Emitter } from "./emitter.js";

const SIGN_MS = 20_000;
const LIFE_MS = 90_000; // browsers let a page in the background act once a minute

/**
 * Tells "lost" when fewer images are held than are open, and when the page comes back after it had released them;
 * "renewed" when the lease was renewed.
 *
 * @extends {Emitter<{ lost: null, renewed: null }>}
 */
export class Leases extends Emitter {
  #api;
  #connection;
  #pages;
  #third; // milliseconds
  #name = String(Math.random());
  #getOpen;
  #renewedAt = performance.now();
  #isAway = false;
  #wasReachable = false; // as the browser began to leave: what is under way then it aborts, which looks like trouble

  /**
   * `getOpen()` names the images to keep.
   * @param {{ api: Api, connection: Connection,
   *   pages: Store, leaseSeconds: number, getOpen: () => number[] }} parts
   */
  constructor({ api, connection, pages, leaseSeconds, getOpen }) {
    super();
    this.#api = api;
    this.#connection = connection;
    this.#pages = pages;
    this.#third = (leaseSeconds * 1000) / 3;
    this.#getOpen = getOpen;
    this.#sign();
    setInterval(() => this.#sign(), SIGN_MS);
    setInterval(() => this.#renewInSight(), this.#third);
    document.addEventListener("visibilitychange", () => this.#renewIfOld());
    addEventListener("beforeunload", () => (this.#wasReachable = !connection.trouble));
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#comeBack());
  }

  /**
   * Release what is open, unless another page still shows it. A page that is being closed does not wait for the answer.
   * While the server cannot be reached nothing is sent: a late request would release the images of the page that is
   * loaded next.
   * @returns {Promise<void>}
   */
  leave() {
    if (this.#isAway) return Promise.resolve();
    this.#isAway = true;
    this.#pages.remove(this.#name);
    if (this.#connection.trouble && !this.#wasReachable) return Promise.resolve();
    const open = this.#getOpen();
    if (open.length === 0 || this.#isAnotherOpen()) return Promise.resolve();
    return this.#api.release(open).catch(() => {}); // the lease expires by itself
  }

  #comeBack() {
    this.#isAway = false;
    this.#sign();
    this.tell("lost", null);
  }

  #renewIfOld() {
    if (performance.now() - this.#renewedAt > this.#third) this.#renewInSight();
  }

  async #renewInSight() {
    const n = this.#getOpen().length;
    if (document.hidden || this.#isAway || n === 0) return;
    this.#renewedAt = performance.now();
    try {
      const { renewed } = await this.#api.renew();
      if (renewed > 0) this.tell("renewed", null);
      if (renewed < Math.min(n, this.#getOpen().length)) this.tell("lost", null);
    } catch {
      // The next renewal tries again, and the server refuses an answer to an image that was leased to another.
    }
  }

  #sign() {
    if (!this.#isAway) this.#pages.set(this.#name, Date.now());
    for (const name of this.#pages.keys()) if (!this.#isAlive(name)) this.#pages.remove(name);
  }

  #isAnotherOpen() {
    return this.#pages.keys().some((name) => name !== this.#name && this.#isAlive(name));
  }

  /** @param {string} name */
  #isAlive(name) {
    return Date.now() - this.#pages.get(name) < LIFE_MS;
  }
}
