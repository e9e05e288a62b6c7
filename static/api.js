/**
 * The REST API of one pool. Every failure is an ApiError, with words for people in its message.
 *
 * @typedef {{ correct: number, total: number, accuracy: number, interval: [number, number] }} Accuracy
 * @typedef {"strategy" | "chance" | "review"} AskedBy
 * @typedef {{ number: number, n_labels: number, asked_by: AskedBy, validation: Accuracy | null, test: Accuracy | null,
 *   tested_on: "test" | "chance" | null, steps: number, fit_ms: number }} Round
 * @typedef {{ images: number, labeled: number, unlabeled: number, human: number, oracle: number,
 *   model: number }} Counts
 * @typedef {{ status: "absent" | "loading" | "idle" | "running" | "failed", message: string | null }} Training
 * @typedef {{ n_images: number, n_all: number, step: string, share: number,
 *   seconds_left: number | null }} Preparation
 * @typedef {{ kind: "labels" | "accuracy", goal: number, value: number | null, interval: [number, number] | null,
 *   reached_at: string | null }} Goal
 * @typedef {{ slug: string, created_at: string, classes: string[], class_order: number[], chance_every: number | null,
 *   batch_size: number, counts: Counts, round: Round, until_round: number, training: Training,
 *   preparation: Preparation | null, goals: Goal[] }} Pool
 * @typedef {{ image_id: number, url: string, prediction: number | null, confidence: number | null,
 *   asked_by: AskedBy }} Leased
 * @typedef {{ unlabeled: number, with_others: number, skipped: number, next_free_at: string | null }} Shortage
 * @typedef {{ round: number, stale: boolean, images: Leased[], shortage: Shortage | null }} Lease
 * @typedef {{ event_id: number, image?: Leased | null }} Stored what an act became on the server
 */

const TIMEOUT_MS = 15_000; // a lease may wait a second for a round; more than this is a server that hangs

/** `status` 0: no answer came. `code` and `context` are those of application/problem+json. */
export class ApiError extends Error {
  /**
   * @typedef {{ name?: string, seconds?: number }} Context
   * @param {{ status?: number, code?: string, detail?: string, context?: Context }} problem
   */
  constructor({ status = 0, code = "NoAnswer", detail = "Can’t reach the server.", context = {} }) {
    super(detail);
    this.status = status;
    this.code = code;
    this.context = context;
  }

  /** The session has ended. */
  get isLoggedOut() {
    return this.status === 401;
  }

  /** Another account has logged in in this browser; `context.name` says which. */
  get isOtherLogin() {
    return this.code === "NotAllowed" && this.context?.name !== undefined;
  }

  /** How long the server asks to wait before the same request is sent again. */
  get waitMs() {
    return 1000 * (this.context?.seconds ?? 0);
  }

  /** Whether the same request may succeed later, so that it is worth sending again. */
  get isTransient() {
    const isPassing = this.status === 0 || this.status >= 500 || [408, 425, 429].includes(this.status);
    return isPassing || this.isLoggedOut || this.isOtherLogin;
  }
}

let serverLeadMs = 0; // how far the server's clock is ahead of this one

/** Requests of one annotator for one pool. Each names the annotator: no answer is stored under another account. */
export class Api {
  #base;
  #annotator;

  /**
   * @param {string} slug
   * @param {string} annotator
   */
  constructor(slug, annotator) {
    this.#base = `/api/v1/pools/${encodeURIComponent(slug)}`;
    this.#annotator = annotator;
  }

  get streamUrl() {
    return `${this.#base}/stream`;
  }

  /** @returns {Promise<Pool>} */
  getPool() {
    return request("GET", this.#base);
  }

  /**
   * All rounds behind number `after`, page by page.
   * @param {number} after
   */
  async getRounds(after) {
    /** @type {Round[]} */
    const rounds = [];
    /** @type {number | null} */
    let cursor = after;
    do {
      /** @type {string} */
      const query = cursor < 0 ? "?limit=1000" : `?limit=1000&cursor=${cursor}`;
      /** @type {{ items: Round[], next: number | null }} */
      const page = await request("GET", `${this.#base}/rounds${query}`);
      rounds.push(...page.items);
      cursor = page.next;
    } while (cursor !== null);
    return rounds;
  }

  /**
   * What the annotator still holds, or else the next batch; with a count, what is held and more up to that many. Or the
   * shortage, with `nextFreeMs` from now on.
   * @param {number | null} count
   * @returns {Promise<Lease & { nextFreeMs: number | null }>}
   */
  async lease(count = null) {
    /** @type {Lease} */
    const lease = await this.#post("leases", { count });
    const freeAt = lease.shortage?.next_free_at ?? null;
    return { ...lease, nextFreeMs: freeAt === null ? null : Date.parse(freeAt) - serverLeadMs - Date.now() };
  }

  /** @returns {Promise<{ renewed: number }>} */
  renew() {
    return this.#post("leases/renew", {});
  }

  /** @param {number[]} imageIds */
  release(imageIds) {
    return this.#post("leases/release", { image_ids: imageIds });
  }

  /**
   * @param {number} imageId
   * @param {number} value
   * @param {string} key
   * @returns {Promise<{ events: Stored[] }>}
   */
  label(imageId, value, key) {
    return this.#post("labels", { labels: [{ image_id: imageId, value, key }] });
  }

  /**
   * @param {number | null} eventId
   * @param {number} value
   * @param {string} key
   * @returns {Promise<Stored>}
   */
  change(eventId, value, key) {
    return this.#post("changes", { event_id: eventId, value, key });
  }

  /**
   * @param {number} imageId
   * @param {string} key
   * @returns {Promise<Stored>}
   */
  skip(imageId, key) {
    return this.#post("skips", { image_id: imageId, key });
  }

  /**
   * @param {number} imageId
   * @param {string} remark
   * @param {string} key
   * @returns {Promise<Stored>}
   */
  flag(imageId, remark, key) {
    return this.#post("flags", { image_id: imageId, remark, key });
  }

  /**
   * Without an event: the annotator's last act that stands.
   * @param {number | null} eventId
   * @param {string} key
   * @returns {Promise<{ event: Stored, image: Leased | null }>}
   */
  undo(eventId, key) {
    return this.#post("undo", { event_id: eventId, key });
  }

  /**
   * @param {string} what
   * @param {object} body
   */
  #post(what, body) {
    return request("POST", `${this.#base}/${what}`, { annotator: this.#annotator, ...body });
  }
}

/**
 * The answer's JSON; any failure is an ApiError.
 * @param {string} method
 * @param {string} url
 * @param {object | FormData} [body] a form brings files
 * @param {number} [timeoutMs]
 */
export async function request(method, url, body, timeoutMs = TIMEOUT_MS) {
  /** @type {RequestInit & { headers: Record<string, string> }} */
  const options = { method, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(timeoutMs) };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
    options.keepalive = true; // an answer under way arrives even if the page is closed
  }
  try {
    const response = await fetch(url, options);
    noteClock(response);
    if (response.ok) return await response.json();
    throw await asApiError(response);
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError({});
  }
}

/**
 * The header has whole seconds: half a second is what is cut off on average.
 * @param {Response} response
 */
function noteClock(response) {
  const serverMs = Date.parse(response.headers.get("Date") ?? "");
  if (!Number.isNaN(serverMs)) serverLeadMs = serverMs + 500 - Date.now();
}

/** @param {Response} response */
async function asApiError(response) {
  const problem = await response.json().catch(() => ({})); // a proxy's error page is no JSON
  const detail = problem.detail ?? `The server answered ${response.status} ${response.statusText}.`;
  return new ApiError({ status: response.status, code: problem.code, detail, context: problem.context });
}
