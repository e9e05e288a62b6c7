/**
 * Sends again what fails for a passing reason, and knows whether the server can be reached.
 *
 * @import { ApiError } from "./api.js"
 */

import { Emitter } from "./emitter.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Tells "change" when the server is lost (`trouble` is the ApiError) or is back (`trouble` is null).
 *
 * @extends {Emitter<{ change: null }>}
 */
export class Connection extends Emitter {
  /** @type {Map<symbol, ApiError>} */
  #troubles = new Map(); // by the request that meets it: one that succeeds does not hide another that fails
  /** @type {Set<() => void>} */
  #sleepers = new Set();

  constructor() {
    super();
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.wake()); // perhaps after a login
  }

  get trouble() {
    return [...this.#troubles.values()].at(-1) ?? null;
  }

  /**
   * Call `send` until it succeeds or is refused for good; its answer, or its ApiError.
   * @template Answer
   * @param {() => Promise<Answer>} send
   * @returns {Promise<Answer>}
   */
  async persist(send) {
    const request = Symbol("request");
    for (let tries = 0;; tries += 1) {
      let pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS);
      try {
        const answer = await send();
        this.#note(request, null);
        return answer;
      } catch (error) {
        this.#note(request, error.isTransient ? error : null);
        if (!error.isTransient) throw error;
        pauseMs = Math.max(pauseMs, error.waitMs);
      }
      await this.#pause(pauseMs);
    }
  }

  /** End every pause now: there is a sign that the server is back. */
  wake() {
    for (const wake of this.#sleepers) wake();
  }

  /**
   * @param {number} milliseconds
   * @returns {Promise<void>}
   */
  #pause(milliseconds) {
    const spread = milliseconds * (0.75 + Math.random() / 2); // many pages must not come back in one moment
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, spread);
      this.#sleepers.add(wake);
    });
  }

  /**
   * @param {symbol} request
   * @param {ApiError | null} trouble
   */
  #note(request, trouble) {
    if (trouble !== null) this.#troubles.set(request, trouble);
    else if (!this.#troubles.delete(request)) return;
    this.tell("change", null);
  }
}
