/**
 * Keeps what is being looked at: while the page is in sight and images wait for an answer, it holds them for longer
 * every third of the lease time; when it goes, it gives them back. Pages of one annotator share what is held, so the
 * last of them to go gives it back: each is written down in `pages`, with the time of its last sign of life.
 */
const SIGN_MS = 20_000;
const LIFE_MS = 90_000; // browsers let a page in the background act once a minute

/**
 * Dispatches "lost" when fewer images are held than are open, and when the page comes back after it had given them
 * back; "renewed" when the lease was made longer.
 */
export class Leases extends EventTarget {
  #api;
  #connection;
  #pages;
  #third; // milliseconds
  #name = String(Math.random());
  #getOpen;
  #renewedAt = performance.now();
  #isAway = false;

  /** `getOpen()` names the images to keep; `pages` is a store. */
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
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#comeBack());
  }

  /**
   * Give back what is open, unless another page still shows it. Not waited for: the page may be going. Nor tried while
   * the server cannot be reached: a request that arrives late would take the images from the page that is loaded next.
   */
  leave() {
    if (this.#isAway) return Promise.resolve();
    this.#isAway = true;
    this.#pages.remove(this.#name);
    if (this.#connection.trouble) return Promise.resolve();
    const open = this.#getOpen();
    if (open.length === 0 || this.#isAnotherOpen()) return Promise.resolve();
    return this.#api.release(open).catch(() => {}); // the lease ends by itself
  }

  #comeBack() {
    this.#isAway = false;
    this.#sign();
    this.dispatchEvent(new Event("lost"));
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
      if (renewed > 0) this.dispatchEvent(new Event("renewed"));
      if (renewed < Math.min(n, this.#getOpen().length)) this.dispatchEvent(new Event("lost"));
    } catch {
      // Without the server nothing is held for longer. The next time asks again, and answering finds out anyway.
    }
  }

  #sign() {
    if (!this.#isAway) this.#pages.set(this.#name, Date.now());
    for (const name of this.#pages.keys()) if (!this.#isAlive(name)) this.#pages.remove(name);
  }

  #isAnotherOpen() {
    return this.#pages.keys().some((name) => name !== this.#name && this.#isAlive(name));
  }

  #isAlive(name) {
    return Date.now() - this.#pages.get(name) < LIFE_MS;
  }
}
