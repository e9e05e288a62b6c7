/**
 * What the page has to say, one line a subject, in a fixed order. Needs an element [data-notices] with
 * role="status", so that screen readers speak each line as it comes. Where the window is small the element is a low bar
 * that scrolls (see label.css): the newest line is in sight.
 *
 * @typedef {{ href: string, text: string, target?: string }} Link
 * @typedef {"info" | "good" | "warn" | "bad"} Tone
 * @typedef {{ isDismissable?: boolean, link?: Link | null }} Options
 */
const SUBJECTS = [
  "connection",
  "keeping",
  "others",
  "ask",
  "refused",
  "flag",
  "training",
  "model",
  "preparation",
  "loading",
  "stale",
  "round",
  "goal",
];

export class Notices {
  #place;
  /** @type {Map<string, HTMLElement>} */
  #lines = new Map();

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
  }

  /**
   * Say `text` about a subject, in place of what was said about it before.
   * @param {string} subject
   * @param {Tone} tone
   * @param {string} text
   * @param {Options} options
   */
  set(subject, tone, text, { isDismissable = false, link = null } = {}) {
    if (this.#lines.get(subject)?.dataset.text === text) return;
    const line = document.createElement("p");
    line.className = "notice";
    Object.assign(line.dataset, { tone, text });
    line.append(Object.assign(document.createElement("span"), { textContent: text }));
    if (link !== null) line.append(makeLink(link));
    if (isDismissable) line.append(this.#makeDismissButton(subject));
    this.put(subject, line);
  }

  /**
   * Show a line that its owner makes and keeps up to date.
   * @param {string} subject
   * @param {HTMLElement} line
   */
  put(subject, line) {
    this.clear(subject);
    line.dataset.subject = subject;
    this.#lines.set(subject, line);
    const rank = SUBJECTS.indexOf(subject);
    const later = SUBJECTS.slice(rank + 1).map((other) => this.#lines.get(other));
    this.#place.insertBefore(line, later.find((other) => other !== undefined) ?? null);
    this.#place.scrollTop = line.offsetTop; // of the bar, which is positioned
    this.#letKeysScroll();
  }

  /** @param {string} subject */
  clear(subject) {
    this.#lines.get(subject)?.remove();
    this.#lines.delete(subject);
    this.#letKeysScroll();
  }

  /**
   * Say it, or nothing if there is no text.
   * @param {string} subject
   * @param {Tone} tone
   * @param {string | false | null} text
   * @param {Options} options
   */
  toggle(subject, tone, text, options = {}) {
    if (text) this.set(subject, tone, text, options);
    else this.clear(subject);
  }

  #letKeysScroll() {
    if (this.#place.scrollHeight > this.#place.clientHeight) this.#place.tabIndex = 0;
    else this.#place.removeAttribute("tabindex");
  }

  /** @param {string} subject */
  #makeDismissButton(subject) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "OK" });
    button.className = "button button-quiet";
    button.addEventListener("click", () => this.clear(subject));
    return button;
  }
}

/** @param {Link} link */
function makeLink({ href, text, target = "" }) {
  return Object.assign(document.createElement("a"), { className: "button", href, target, textContent: text });
}
