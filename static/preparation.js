/**
 * What the learner looks at before it asks, and how long that takes: a line of the notices with a bar. Screen readers
 * speak it once; what moves is silent. While people are asked by the learner already, the line is short.
 *
 * @import { Pool, Preparation } from "./api.js"
 * @import { Notices } from "./notices.js"
 */
import { count, roughTime } from "./format.js";

const TICK_MS = 1_000;
const KNOWN = 0.1; // of the work: less says nothing of the time that is left

export class PreparationView {
  #notices;
  #line = makeLine();
  #isShown = false;
  /** @type {Preparation | null} */
  #preparation = null;
  #heardAt = 0;
  #ticking = 0;

  /** @param {Notices} notices */
  constructor(notices) {
    this.#notices = notices;
  }

  /** @param {Pool} pool */
  show({ preparation, round }) {
    const isQuiet = round.asked_by !== "chance";
    const isSaid = preparation !== null && (preparation.step !== "" || !isQuiet);
    clearInterval(this.#ticking);
    this.#preparation = preparation;
    this.#heardAt = performance.now();
    if (isSaid) {
      this.#describe(preparation, isQuiet);
      this.#move();
      this.#ticking = setInterval(() => this.#move(), TICK_MS);
      if (!this.#isShown) this.#notices.put("preparation", this.#line.whole);
    } else this.#notices.clear("preparation");
    this.#isShown = isSaid;
  }

  /**
   * @param {Preparation} preparation
   * @param {boolean} isQuiet
   */
  #describe({ n_images: n, n_all: all, step }, isQuiet) {
    const images = n < all ? `${count(n)} of your ${count(all)} images` : `your ${count(all)} images`;
    const begun = isQuiet ? `Looking at all ${count(all)} images` : `Looking at ${images}${n < all ? " first" : ""}`;
    setText(this.#line.what, step ? begun : `First, ${images} are looked at`);
    setText(this.#line.step, step && !isQuiet ? `: ${step}` : "");
    setText(this.#line.meanwhile, isQuiet ? "" : "Until then images come by chance; your answers count.");
    this.#line.whole.toggleAttribute("data-quiet", isQuiet);
  }

  /** Between two words of the learner its time goes on. */
  #move() {
    const { share, seconds_left } = this.#preparation ?? { share: 0, seconds_left: null };
    const seconds = share < KNOWN ? null : seconds_left;
    const left = seconds === null ? null : seconds * 1000 - (performance.now() - this.#heardAt);
    this.#line.bar.value = share;
    const words = left !== null && left > 0 ? `About ${roughTime(left)} left.` : ""; // it takes longer than was thought
    setText(this.#line.left, words);
  }
}

/**
 * Only if it is another: each change of the page's text may be spoken.
 * @param {HTMLElement} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function makeLine() {
  const whole = document.createElement("div");
  whole.className = "notice preparation";
  whole.dataset.tone = "info";
  const [what, step, left, meanwhile] = Array.from({ length: 4 }, () => document.createElement("span"));
  step.ariaLive = "off";
  step.dataset.step = "";
  left.role = "timer"; // silent, too
  const bar = Object.assign(document.createElement("progress"), { max: 1, ariaLabel: "Looking at the images" });
  const words = document.createElement("p");
  words.append(what, step, ". ", left, " ", meanwhile);
  whole.append(words, bar);
  return { whole, what, step, left, meanwhile, bar };
}
