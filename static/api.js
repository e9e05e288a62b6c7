/** The REST API of one pool. Every failure is an ApiError, with words for people in its message. */

const TIMEOUT_MS = 15_000; // asking may wait a second for a round; more than this is a server that hangs

/** `status` 0: no answer came. `code` and `context` are those of application/problem+json. */
export class ApiError extends Error {
  constructor({ status = 0, code = "NoAnswer", detail = "The server does not answer.", context = {} }) {
    super(detail);
    this.status = status;
    this.code = code;
    this.context = context;
  }

  /** Whether the same request may succeed later, so that it is worth sending again. */
  get isTransient() {
    return this.status === 0 || this.status >= 500 || [408, 425, 429].includes(this.status);
  }
}

/** Requests for the pool of this slug. */
export class Api {
  #base;

  constructor(slug) {
    this.#base = `/api/v1/pools/${encodeURIComponent(slug)}`;
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

  /** What the annotator still holds, or else the next batch. */
  lease() {
    return request("POST", `${this.#base}/leases`, {});
  }

  label(imageId, value, key) {
    return request("POST", `${this.#base}/labels`, { labels: [{ image_id: imageId, value, key }] });
  }

  /** Without an event: the annotator's last answer that stands. */
  undo(eventId, key) {
    return request("POST", `${this.#base}/undo`, { event_id: eventId, key });
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
    if (response.ok) return await response.json();
    throw await asApiError(response);
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError({});
  }
}

async function asApiError(response) {
  const problem = await response.json().catch(() => ({})); // a proxy's error page is no JSON
  const detail = problem.detail ?? `The server answered ${response.status} ${response.statusText}.`;
  return new ApiError({ status: response.status, code: problem.code, detail, context: problem.context });
}
