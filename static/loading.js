/**
 * Whether the server's model is loaded. After a start of the server that takes some seconds, for which a finished batch
 * waits: what is asked next is then of the newest ranking.
 *
 * @import { Api, Pool } from "./api.js"
 * @import { Notices } from "./notices.js"
 */
const LOADING_MS = 30_000; // the longest that a finished batch waits

export class Loading {
  #api;
  #notices;
  #isLoaded;
  #onNews = () => {};

  /**
   * `pool` is the pool as the page was made with it.
   * @param {{ api: Api, notices: Notices, pool: Pool }} parts
   */
  constructor({ api, notices, pool }) {
    this.#api = api;
    this.#notices = notices;
    this.#isLoaded = isLoaded(pool);
  }

  /** The server may have been started anew. */
  expect() {
    this.#isLoaded = false;
  }

  /** @param {Pool} pool as it is now */
  learn(pool) {
    this.#isLoaded = isLoaded(pool);
    this.look();
  }

  /** Whoever waits looks again whether that is worth it. */
  look() {
    this.#onNews();
  }

  /**
   * Wait until the model is loaded, or nobody wants it any more; for some time at most.
   * @param {() => boolean} isWanted
   */
  async wait(isWanted) {
    const end = performance.now() + LOADING_MS;
    while (!this.#isLoaded) {
      this.#isLoaded = isLoaded(await this.#api.getPool());
      if (this.#isLoaded || !isWanted() || performance.now() >= end) return;
      this.#notices.set("loading", "info", "The model is being loaded. The next images come in some seconds.");
      await this.#waitForNews(end - performance.now());
    }
  }

  /**
   * @param {number} milliseconds at most
   * @returns {Promise<void>}
   */
  #waitForNews(milliseconds) {
    return new Promise((resolve) => {
      this.#onNews = resolve;
      setTimeout(resolve, milliseconds);
    });
  }
}

/** @param {Pool} pool */
function isLoaded({ training }) {
  return training.status !== "loading";
}
