/**
 * What the page has to say, one line a subject, in a fixed order. Needs an element [data-notices] with
 * role="status", so that screen readers speak each line as it comes. Where the window is small the element is a low bar
 * that scrolls (see label.css): the newest line is in sight.
 */
const SUBJECTS = ["connection", "keeping", "others", "ask", "refused", "flag", "training", "model", "loading", "stale", "round"];

export class Notices {
  #place;
  #lines = new Map();

  constructor(place) {
    this.#place = place;
  }

  /** Say `text` about a subject, in place of what was said about it before; `link` is {href, text, target}. */
  set(subject, tone, text, { isDismissable = false, link = null } = {}) {
    if (this.#lines.get(subject)?.dataset.text === text) return;
    const line = document.createElement("p");
    line.className = "notice";
    Object.assign(line.dataset, { subject, tone, text });
    line.append(Object.assign(document.createElement("span"), { textContent: text }));
    if (link !== null) line.append(makeLink(link));
    if (isDismissable) line.append(this.#makeDismissButton(subject));
    this.clear(subject);
    this.#lines.set(subject, line);
    const rank = SUBJECTS.indexOf(subject);
    const next = [...this.#place.children].find((other) => SUBJECTS.indexOf(other.dataset.subject) > rank);
    this.#place.insertBefore(line, next ?? null);
    this.#place.scrollTop = line.offsetTop; // of the bar, which is positioned
    this.#letKeysScroll();
  }

  clear(subject) {
    this.#lines.get(subject)?.remove();
    this.#lines.delete(subject);
    this.#letKeysScroll();
  }

  /** Say it, or nothing if `text` is empty. */
  toggle(subject, tone, text, options = {}) {
    if (text) this.set(subject, tone, text, options);
    else this.clear(subject);
  }

  #letKeysScroll() {
    if (this.#place.scrollHeight > this.#place.clientHeight) this.#place.tabIndex = 0;
    else this.#place.removeAttribute("tabindex");
  }

  #makeDismissButton(subject) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "OK" });
    button.className = "button button-quiet";
    button.addEventListener("click", () => this.clear(subject));
    return button;
  }
}

function makeLink({ href, text, target = "" }) {
  return Object.assign(document.createElement("a"), { className: "button", href, target, textContent: text });
}
