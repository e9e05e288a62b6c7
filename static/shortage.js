/**
 * Why no image could be given, in words, with the time until one may be free. Needs [data-shortage-title],
 * [data-shortage] and [data-countdown] inside `place`; the last is a timer, which is not read out each second.
 *
 * @import { Shortage } from "./api.js"
 */
import { Emitter } from "./emitter.js";
import { findIn } from "./find.js";
import { plural, waitingTime } from "./format.js";

const ASK_AGAIN_MS = 10_000; // not every way for an image to come free is announced

/**
 * Tells "over" when it is time to ask again.
 *
 * @extends {Emitter<{ over: null }>}
 */
export class ShortageView extends Emitter {
  #place;
  #timer = 0;
  #askAgainAt = 0;
  /** @type {number | null} */
  #freeAt = null;

  /** @param {HTMLElement} place */
  constructor(place) {
    super();
    this.#place = place;
  }

  /**
   * `nextFreeMs` is how long the first lease of another annotator lasts, or null.
   * @param {Shortage} shortage
   * @param {number | null} nextFreeMs
   */
  show({ with_others: others, skipped }, nextFreeMs) {
    this.hide();
    const skips = skipped &&
      `${plural(skipped, "image")} that you skipped ${skipped === 1 ? "is" : "are"} left for others.`;
    const held = others && `${plural(others, "image")} ${others === 1 ? "is" : "are"} with other people.`;
    this.#find("[data-shortage]").textContent = [held, skips].filter(Boolean).join(" ");
    this.#find("[data-shortage-title]").textContent = others
      ? "Someone else is working on the rest"
      : "Nothing is left for you";
    this.#freeAt = others && nextFreeMs !== null ? performance.now() + nextFreeMs : null;
    this.#askAgainAt = performance.now() + ASK_AGAIN_MS;
    this.#timer = setInterval(() => this.#tick(), 1000);
    this.#count();
  }

  hide() {
    clearInterval(this.#timer);
  }

  #tick() {
    this.#count();
    const now = performance.now();
    if (now < this.#askAgainAt && (this.#freeAt === null || now < this.#freeAt)) return;
    this.#askAgainAt = now + ASK_AGAIN_MS;
    if (this.#freeAt !== null && now >= this.#freeAt) this.#freeAt = null; // once: a lease may have been renewed
    this.tell("over", null);
  }

  #count() {
    const left = this.#freeAt === null ? null : this.#freeAt - performance.now();
    const text = left === null ? "" : left > 0 ? `The next is free in ${waitingTime(left)}.` : "The next is free now.";
    this.#find("[data-countdown]").textContent = text;
  }

  /** @param {string} selector */
  #find(selector) {
    return findIn(this.#place, selector);
  }
}
