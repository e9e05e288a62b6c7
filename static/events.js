/** The pool's stream of changes. It says what changed; the listener fetches it. */

import { Emitter } from "./emitter.js";

const FIRST_PAUSE_MS = 3_000;
const LONGEST_PAUSE_MS = 60_000; // the browser's console tells of each try that is refused
const POLL_MS = 5_000;

/** @type {("round" | "labels" | "leases" | "training" | "features")[]} */
const CHANGES = ["round", "labels", "leases", "training", "features"];

/**
 * Tells each change; "back" when the stream is open again after a break, in which news may have been missed; "lost"
 * when it breaks; "poll" every few seconds while the server refuses it. A hidden page closes its connection: a browser
 * has six for one server.
 *
 * @typedef {{ number: number }} Change
 * @extends {Emitter<{ round: Change, labels: Change, leases: Change, training: Change, features: Change,
 *   back: null, lost: null, poll: null }>}
 */
export class Events extends Emitter {
  #url;
  /** @type {EventSource | null} */
  #source = null;
  #wasTried = false;
  #pauseMs = FIRST_PAUSE_MS;
  #reopening = 0;
  #polling = 0;

  /** @param {string} url */
  constructor(url) {
    super();
    this.#url = url;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", () => this.open());
  }

  open() {
    if (this.#source !== null) return;
    clearTimeout(this.#reopening); // two timers would be two chains of tries
    const source = new EventSource(this.#url);
    this.#source = source;
    for (const type of CHANGES) source.addEventListener(type, ({ data }) => this.tell(type, JSON.parse(data)));
    source.addEventListener("open", () => {
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#stopPolling();
      if (this.#wasTried) this.tell("back", null);
      this.#wasTried = true;
    });
    source.addEventListener("error", () => this.#onError(source));
  }

  close() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#reopening);
    this.#stopPolling();
  }

  /**
   * The browser opens the stream again by itself, unless the answer was an error page.
   * @param {EventSource} source
   */
  #onError(source) {
    this.#wasTried = true; // a page that is loaded without the server has one that comes back, too
    this.tell("lost", null);
    if (source.readyState !== EventSource.CLOSED || source !== this.#source) return;
    this.#source = null;
    this.#reopening = setTimeout(() => document.hidden || this.open(), this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    this.#polling ||= setInterval(() => this.tell("poll", null), POLL_MS);
  }

  #stopPolling() {
    clearInterval(this.#polling);
    this.#polling = 0;
  }
}
