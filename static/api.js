/** The REST API of one pool. Every failure is an ApiError, with words for people in its message. */

const TIMEOUT_MS = 15_000; // asking may wait a second for a round; more than this is a server that hangs

/** `status` 0: no answer came. `code` and `context` are those of application/problem+json. */
export class ApiError extends Error {
  constructor({ status = 0, code = "NoAnswer", detail = "Can’t reach the server.", context = {} }) {
    super(detail);
    this.status = status;
    this.code = code;
    this.context = context;
  }

  /** Nobody is logged in any more. */
  get isLoggedOut() {
    return this.status === 401;
  }

  /** Somebody else has logged in in this browser; `context.name` says who. */
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

/** Requests of one annotator for the pool of this slug. Each names the annotator: nobody's work is stored as another's. */
export class Api {
  #base;
  #annotator;

  constructor(slug, annotator) {
    this.#base = `/api/v1/pools/${encodeURIComponent(slug)}`;
    this.#annotator = annotator;
  }

  get eventsUrl() {
    return `${this.#base}/events`;
  }

  getPool() {
    return request("GET", this.#base);
  }

  /** All rounds behind number `after`, page by page. */
  async getRounds(after) {
    const rounds = [];
    let cursor = after;
    do {
      const query = cursor === null || cursor < 0 ? "?limit=1000" : `?limit=1000&cursor=${cursor}`;
      const page = await request("GET", `${this.#base}/rounds${query}`);
      rounds.push(...page.items);
      cursor = page.next;
    } while (cursor !== null);
    return rounds;
  }

  /**
   * What the annotator still holds, or else the next batch; with a count, what is held and more up to that many. Or the
   * shortage, with `nextFreeMs` from now on.
   */
  async lease(count = null) {
    const asked = await this.#post("leases", { count });
    const freeAt = asked.shortage?.next_free_at ?? null;
    return { ...asked, nextFreeMs: freeAt === null ? null : Date.parse(freeAt) - serverLeadMs - Date.now() };
  }

  renew() {
    return this.#post("leases/renew", {});
  }

  release(imageIds) {
    return this.#post("leases/release", { image_ids: imageIds });
  }

  label(imageId, value, key) {
    return this.#post("labels", { labels: [{ image_id: imageId, value, key }] });
  }

  change(eventId, value, key) {
    return this.#post("changes", { event_id: eventId, value, key });
  }

  skip(imageId, key) {
    return this.#post("skips", { image_id: imageId, key });
  }

  flag(imageId, remark, key) {
    return this.#post("flags", { image_id: imageId, remark, key });
  }

  /** Without an event: the annotator's last act that stands. */
  undo(eventId, key) {
    return this.#post("undo", { event_id: eventId, key });
  }

  /** Whether the model is loaded. */
  async isReady() {
    try {
      const response = await fetch("/readyz", { signal: AbortSignal.timeout(TIMEOUT_MS) });
      return response.status !== 503;
    } catch {
      throw new ApiError({});
    }
  }

  #post(what, body) {
    return request("POST", `${this.#base}/${what}`, { annotator: this.#annotator, ...body });
  }
}

async function request(method, url, body) {
  const options = { method, headers: { Accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT_MS) };
  if (body !== undefined) {
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

/** The header has whole seconds: half a second is what is cut off on average. */
function noteClock(response) {
  const serverMs = Date.parse(response.headers.get("Date"));
  if (!Number.isNaN(serverMs)) serverLeadMs = serverMs + 500 - Date.now();
}

async function asApiError(response) {
  const problem = await response.json().catch(() => ({})); // a proxy's error page is no JSON
  const detail = problem.detail ?? `The server answered ${response.status} ${response.statusText}.`;
  return new ApiError({ status: response.status, code: problem.code, detail, context: problem.context });
}
