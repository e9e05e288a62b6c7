/**
 * What the labeling page is doing: one table of what it shows, one of what it asks the server for. Each state names
 * those that may follow it; another transition is a bug, and is reported as one.
 *
 * @typedef {"starting" | "asking" | "answering" | "restored" | "finished" | "taken"} PageState
 * @typedef {"idle" | "waiting" | "leasing" | "realigning"} RequestState
 * @typedef {"asking" | "answering" | "finished" | "taken"} Shown the value of [data-when] and [data-state]
 */

/** @type {Record<PageState, { shows: Shown, next: PageState[] }>} */
export const PAGE = {
  /** No batch has come since the page was loaded. */
  starting: { shows: "asking", next: ["answering", "restored", "finished", "taken"] },
  /** The batch is done, and the next one is being asked for. */
  asking: { shows: "asking", next: ["answering", "finished", "taken"] },
  /** The batch that the server leased. */
  answering: { shows: "answering", next: ["asking"] },
  /** The batch of an earlier visit, shown without the server: its leases may have ended. */
  restored: { shows: "answering", next: ["answering", "asking"] },
  /** Every image has a label. */
  finished: { shows: "finished", next: ["answering", "taken"] },
  /** Every image that is left is leased to others, or was skipped by this annotator. */
  taken: { shows: "taken", next: ["answering", "finished"] },
};

/** @type {Record<RequestState, { next: RequestState[] }>} */
export const REQUEST = {
  idle: { next: ["waiting", "realigning"] },
  /** A batch is wanted; the page waits for the model, or for the server to be reached again. An undo goes first. */
  waiting: { next: ["leasing", "idle"] },
  /** The server is choosing a batch. An undo waits for it. */
  leasing: { next: ["waiting"] },
  /** The page asks which of its images it still holds. */
  realigning: { next: ["idle"] },
};

/** @template {string} State */
export class Machine {
  #table;
  #state;

  /**
   * @param {Record<State, { next: State[] }>} table
   * @param {State} first
   */
  constructor(table, first) {
    this.#table = table;
    this.#state = first;
  }

  get state() {
    return this.#state;
  }

  /** @param {State[]} states */
  is(...states) {
    return states.includes(this.#state);
  }

  /**
   * To the state that is already there: nothing. An illegal transition is done all the same, for the annotator is
   * better served by a page that goes on.
   * @param {State} state
   */
  go(state) {
    if (state === this.#state) return;
    const isLegal = this.#table[this.#state].next.includes(state);
    if (!isLegal) reportError(new Error(`Illegal transition from "${this.#state}" to "${state}".`));
    this.#state = state;
  }
}
