/**
 * The service worker: lets the labeling page load while the server cannot be reached. Browsers run it on HTTPS and on
 * localhost only; elsewhere the page works without it. The worker does not handle answers: they wait in the outbox.
 *
 * The labeling page comes from the server. The cached copy is served if the server does not answer; a refusal is an
 * answer and is passed on. Styles, modules and images have addresses that change with their content, so a cached one is
 * never stale. Requests to the API are not handled here.
 *
 * The types of a service worker and those of a page exclude each other, so the few that are used here are spelled out:
 * @typedef {Event & { waitUntil(work: Promise<unknown>): void }} ExtendableEvent
 * @typedef {ExtendableEvent & { addRoutes?(rules: object): void }} InstallEvent
 * @typedef {ExtendableEvent & { request: Request, respondWith(response: Promise<Response>): void }} FetchEvent
 * @typedef {{ page: string, parts: string[], images: string[] }} Wanted
 */
const PAGES = "inkling-pages";
const PARTS = "inkling-parts";
const IMAGES = "inkling-images";
const MAX_IMAGES = 100;
const PATIENCE_MS = 5_000; // a lost packet may go unnoticed for minutes
const OWNER = "Inkling-Annotator"; // the header that names the annotator for whom a page was made

const worker = /** @type {any} */ (self);
let nEvictions = 0; // a page that was requested before an eviction is not cached after it

worker.addEventListener("install", (/** @type {InstallEvent} */ event) => {
  worker.skipWaiting();
  // Chromium drops about half of the requests that a closing page sends through a worker: they bypass it if they can.
  event.addRoutes?.({ condition: { urlPattern: "/api/*" }, source: "network" });
});
worker.addEventListener("activate", (/** @type {ExtendableEvent} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("message", (/** @type {ExtendableEvent & { data: Wanted }} */ event) => {
  event.waitUntil(keep(event.data));
});

worker.addEventListener("fetch", (/** @type {FetchEvent} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isNavigation = request.mode === "navigate";
  if (origin !== location.origin) return;
  if (isNavigation && changesUser(pathname)) event.waitUntil(evictAll());
  else if (request.method !== "GET") return;
  else if (isNavigation && isLabelPage(pathname)) event.respondWith(answerPage(event, pathname));
  else if (pathname.startsWith("/static/")) event.respondWith(answerPart(request));
  else if (pathname.startsWith("/images/")) event.respondWith(answerImage(request));
});

/**
 * Whether another user may be logged in after this: by a password, or by the link of an invitation.
 *
 * @param {string} pathname
 */
function changesUser(pathname) {
  return ["/login", "/logout"].includes(pathname) || pathname.startsWith("/join/");
}

/**
 * @param {FetchEvent} event
 * @param {string} pathname
 */
async function answerPage(event, pathname) {
  const kept = await find(PAGES, pathname);
  return freshOrKept(event, fetchPage(event.request, pathname), kept);
}

/** @param {Request} request */
async function answerPart(request) {
  return (await find(PARTS, request)) ?? fetchInto(PARTS, request);
}

/** @param {Request} request */
async function answerImage(request) {
  return (await find(IMAGES, request)) ?? fetch(request);
}

/**
 * The server's answer; or the cached one, if there is any, when the server fails or is slow.
 * @param {FetchEvent} event
 * @param {Promise<Response>} fresh
 * @param {Response | undefined} kept
 * @returns {Promise<Response>}
 */
function freshOrKept(event, fresh, kept) {
  if (!kept) return fresh;
  event.waitUntil(fresh.catch(() => {})); // a late answer is cached all the same
  /** @type {Promise<Response>} */
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  return Promise.race([fresh.catch(() => kept), late]);
}

/**
 * @param {RequestInfo} request
 * @param {string} pathname
 */
async function fetchPage(request, pathname) {
  const before = nEvictions;
  const response = await fetch(request);
  if (response.ok && !response.redirected) {
    await evictOthers(response.headers.get(OWNER));
    await store(PAGES, pathname, response.clone());
    if (before !== nEvictions) await caches.delete(PAGES);
  }
  return response;
}

/**
 * @param {string} name of the cache
 * @param {RequestInfo} request
 */
async function fetchInto(name, request) {
  const response = await fetch(request);
  if (response.ok) await store(name, request, response.clone());
  return response;
}

/**
 * @param {string} name of the cache
 * @param {RequestInfo} request
 */
async function find(name, request) {
  return (await caches.open(name)).match(request);
}

/**
 * A browser whose storage is full shows the page all the same.
 * @param {string} name of the cache
 * @param {RequestInfo} request
 * @param {Response} response
 */
async function store(name, request, response) {
  try {
    await (await caches.open(name)).put(request, response);
  } catch {
    // The page works without a copy while the server is there.
  }
}

/**
 * Cache what a page needs. The page itself comes last, because a page without its parts is worse than none; a first
 * visit is not seen by this worker, so its page is fetched again.
 * @param {Wanted} wanted
 */
async function keep({ page, parts, images }) {
  try {
    await keepAll(PARTS, parts, parts.length); // others belong to an older version
    await keepAll(IMAGES, images, MAX_IMAGES);
    if (!(await find(PAGES, page))) await fetchPage(page, page);
  } catch {
    // The server cannot be reached: the next message of the page tries again.
  }
}

/**
 * Cache all `paths`, and evict the oldest of the others beyond `n` together.
 * @param {string} name of the cache
 * @param {string[]} paths
 * @param {number} n
 */
async function keepAll(name, paths, n) {
  const cache = await caches.open(name);
  await Promise.all(paths.map(async (path) => (await find(name, path)) ?? fetchInto(name, path)));
  const requests = await cache.keys(); // in the order in which they came
  const others = requests.filter(({ url }) => !paths.includes(url.slice(location.origin.length)));
  for (const request of others.slice(0, Math.max(0, requests.length - n))) await cache.delete(request);
}

/** After a login or a logout, the next annotator sees no page and no image of the last one. */
async function evictAll() {
  nEvictions += 1;
  await Promise.all([caches.delete(PAGES), caches.delete(IMAGES)]);
}

/** @param {string | null} owner */
async function evictOthers(owner) {
  const cache = await caches.open(PAGES);
  const pages = await Promise.all((await cache.keys()).map((request) => cache.match(request)));
  if (pages.some((page) => page && page.headers.get(OWNER) !== owner)) await caches.delete(PAGES);
}

/** @param {string} pathname */
function isLabelPage(pathname) {
  return /^\/pools\/[^/]+\/label$/.test(pathname);
}
