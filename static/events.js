/** The pool's stream of changes. It says what changed; whoever listens fetches it. */

const REOPEN_MS = 3_000;

/**
 * Dispatches "round", "labels", "leases" and "training" with detail {number}; "back" when the stream is there again after a
 * break, in which news may have been missed; "lost" when it breaks. A hidden page gives its connection up: a
 * browser has six for one server.
 */
export class Events extends EventTarget {
  #url;
  #source = null;
  #wasTried = false;

  constructor(url) {
    super();
    this.#url = url;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", () => this.open());
  }

  open() {
    if (this.#source !== null) return;
    const source = new EventSource(this.#url);
    this.#source = source;
    for (const type of ["round", "labels", "leases", "training"]) {
      source.addEventListener(type, (event) => this.#tell(type, JSON.parse(event.data)));
    }
    source.addEventListener("open", () => {
      if (this.#wasTried) this.#tell("back");
      this.#wasTried = true;
    });
    source.addEventListener("error", () => this.#onError(source));
  }

  close() {
    this.#source?.close();
    this.#source = null;
  }

  /** The browser opens the stream again by itself, unless the answer was an error page. */
  #onError(source) {
    this.#wasTried = true; // a page that is loaded without the server has one that comes back, too
    this.#tell("lost");
    if (source.readyState !== EventSource.CLOSED || source !== this.#source) return;
    this.close();
    setTimeout(() => {
      if (!document.hidden) this.open();
    }, REOPEN_MS);
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
