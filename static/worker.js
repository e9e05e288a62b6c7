/**
 * The service worker: lets the labeling page load while the server cannot be reached. Browsers run it on HTTPS and on
 * localhost only; elsewhere everything works as without it. It knows nothing of answers: they wait in the outbox.
 *
 * The labeling page comes from the server; what came last stands in when no answer comes. A refusal is an answer too and
 * goes through. Its parts (styles, modules) and images have addresses that change with their content, so those that are
 * kept need no server. The API is none of its business.
 */
const PAGES = "inkling-pages";
const PARTS = "inkling-parts";
const IMAGES = "inkling-images";
const MAX_IMAGES = 100;
const PATIENCE_MS = 5_000; // a network may swallow what is sent, and say so only minutes later
const OWNER = "Inkling-Annotator"; // the header that tells whose page it is

let nForgotten = 0; // times that pages were dropped: what was asked for before that is not kept

self.addEventListener("install", (event) => {
  self.skipWaiting();
  // Past this worker altogether, where the browser can: of what a page sends as it goes Chromium loses half on the way through.
  event.addRoutes?.({ condition: { urlPattern: "/api/*" }, source: "network" });
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => event.waitUntil(keep(event.data)));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isNavigation = request.mode === "navigate";
  if (origin !== self.location.origin) return;
  if (isNavigation && ["/login", "/logout"].includes(pathname)) event.waitUntil(forgetPerson());
  else if (request.method !== "GET") return;
  else if (isNavigation && isLabelPage(pathname)) event.respondWith(answerPage(event, pathname));
  else if (pathname.startsWith("/static/")) event.respondWith(answerPart(request));
  else if (pathname.startsWith("/images/")) event.respondWith(answerImage(request));
});

async function answerPage(event, pathname) {
  const kept = await find(PAGES, pathname);
  return freshOrKept(event, fetchPage(event.request, pathname), kept);
}

async function answerPart(request) {
  return (await find(PARTS, request)) ?? fetchInto(PARTS, request);
}

async function answerImage(request) {
  return (await find(IMAGES, request)) ?? fetch(request);
}

/** What the server answers; what is kept, if there is any, when it fails or lets one wait. */
function freshOrKept(event, fresh, kept) {
  if (!kept) return fresh;
  event.waitUntil(fresh.catch(() => {})); // it may come late, and is kept all the same
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  return Promise.race([fresh.catch(() => kept), late]);
}

async function fetchPage(request, pathname) {
  const before = nForgotten;
  const response = await fetch(request);
  if (response.ok && !response.redirected) {
    await forgetOthers(response.headers.get(OWNER));
    await store(PAGES, pathname, response.clone());
    if (before !== nForgotten) await caches.delete(PAGES);
  }
  return response;
}

async function fetchInto(name, request) {
  const response = await fetch(request);
  if (response.ok) await store(name, request, response.clone());
  return response;
}

async function find(name, request) {
  return (await caches.open(name)).match(request);
}

/** A browser whose storage is full shows the page all the same. */
async function store(name, request, response) {
  try {
    await (await caches.open(name)).put(request, response);
  } catch {
    // As if it had not been asked to keep it.
  }
}

/**
 * What a page says it needs: its own path, all its parts, the images it holds. A first visit went past this worker; its
 * page is kept last, for a page without its parts is worse than none.
 */
async function keep({ page, parts, images }) {
  try {
    await keepAll(PARTS, parts, parts.length); // others are of an older version
    await keepAll(IMAGES, images, MAX_IMAGES);
    if (!(await find(PAGES, page))) await fetchPage(page, page);
  } catch {
    // The server cannot be reached: what is missing is kept when the page asks the next time.
  }
}

/** All of `paths`, and of what else is there the newest, up to `n` together. */
async function keepAll(name, paths, n) {
  const cache = await caches.open(name);
  await Promise.all(paths.map(async (path) => (await find(name, path)) ?? fetchInto(name, path)));
  const requests = await cache.keys(); // in the order in which they came
  const others = requests.filter(({ url }) => !paths.includes(url.slice(self.location.origin.length)));
  for (const request of others.slice(0, Math.max(0, requests.length - n))) await cache.delete(request);
}

/** Somebody logs in or out here: whoever comes next sees nothing of whoever was here. */
async function forgetPerson() {
  nForgotten += 1;
  await Promise.all([caches.delete(PAGES), caches.delete(IMAGES)]);
}

async function forgetOthers(owner) {
  const cache = await caches.open(PAGES);
  const pages = await Promise.all((await cache.keys()).map((request) => cache.match(request)));
  if (pages.some((page) => page && page.headers.get(OWNER) !== owner)) await caches.delete(PAGES);
}

function isLabelPage(pathname) {
  return /^\/pools\/[^/]+\/label$/.test(pathname);
}
