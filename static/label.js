/**
 * The labeling page, put together. Needs [data-label-page] with the pool as JSON in data-pool, the name in
 * data-annotator, data-lease-seconds; inside it [data-work] (see tiles.js and shortage.js), [data-model] (see
 * progress.js), [data-goals] (see goals.js), [data-notices] (see notices.js), [data-waiting], [data-undo], [data-help], [data-guess-switch], the
 * dialogs [data-keys] with [data-characters-switch], and [data-flag-dialog] (see flag.js). The buttons of the pad have
 * their keys in data-key. A form [data-logout] may stand anywhere. Not every pool offers [data-zoom] (see zoom.js),
 * [data-find] with [data-finder] (see finder.js), and [data-guide] with [data-guideline] (see examples.js).
 *
 * @import { Pool } from "./api.js"
 */
import { Api } from "./api.js";
import { Asking } from "./asking.js";
import { Connection } from "./connection.js";
import { offerDialog } from "./dialogs.js";
import { Events } from "./events.js";
import { Examples } from "./examples.js";
import { findAllIn, findIn } from "./find.js";
import { Finder } from "./finder.js";
import { makeFlagDialog } from "./flag.js";
import { plural } from "./format.js";
import { GoalsView } from "./goals.js";
import { Held } from "./held.js";
import { Labeling } from "./labeling.js";
import { Leases } from "./leases.js";
import { Notices } from "./notices.js";
import { Offline } from "./offline.js";
import { Outbox } from "./outbox.js";
import { PreparationView } from "./preparation.js";
import { Progress } from "./progress.js";
import { ShortageView } from "./shortage.js";
import { listenToKeys } from "./shortcuts.js";
import { Store } from "./store.js";
import { paint } from "./swatches.js";
import { TilesView } from "./tiles.js";
import { describeTrouble } from "./trouble.js";
import { Zoom } from "./zoom.js";

const WAITING_MS = 400; // answers that are stored sooner are not worth a word
const LEAVING_MS = 5_000; // the longest that logging out waits for images to be given back

const page = findIn(document, "[data-label-page]");
const find = (/** @type {string} */ selector) => findIn(page, selector);
const has = (/** @type {string} */ selector) => page.querySelector(selector) !== null;
const findDialog = (/** @type {string} */ selector) => /** @type {HTMLDialogElement} */ (find(selector));
const findBox = (/** @type {string} */ selector) => /** @type {HTMLInputElement} */ (find(selector));
/** @type {Pool} */
const pool = JSON.parse(page.dataset.pool ?? "");
const annotator = page.dataset.annotator ?? "";
const leaseSeconds = Number(page.dataset.leaseSeconds);

/**
 * The prefix of a store. It holds the time, so that answers to an older database never reach a new one; and the
 * annotator, so that no answer is sent under another account.
 * @param {string} what
 */
function shelf(what, whose = `${annotator}:`) {
  return `inkling:${what}:${pool.slug}:${pool.created_at}:${whose}`;
}

const notices = new Notices(find("[data-notices]"));
const connection = new Connection();
const api = new Api(pool.slug, annotator);
const outbox = new Outbox({
  entries: new Store(shelf("outbox")),
  receipts: new Store(shelf("receipts")),
  lockName: shelf("sending"),
  connection,
  api,
});
const view = new TilesView(find("[data-work]"), pool);
const shortage = new ShortageView(find("[data-work]"));
const progress = new Progress({ place: page, notices, api, connection });
const preparation = new PreparationView(notices);
const goals = new GoalsView(find("[data-goals]"), notices);
const held = new Held({ store: new Store(shelf("held")), offline: new Offline(), outbox, leaseSeconds });
const asking = new Asking({
  api,
  outbox,
  connection,
  makePicture: (url) => view.makePicture(url),
  notices,
  shortage,
  held,
  pool,
});
const labeling = new Labeling({ classes: pool.classes, asking, outbox, view, notices });
const leases = new Leases({
  api,
  connection,
  pages: new Store(shelf("pages")),
  leaseSeconds,
  getOpen: () => asking.openImageIds,
});
const events = new Events(api.streamUrl);
const preferences = new Store("inkling:preferences:");

view.on("answer", answer);
view.on("select", (tile) => labeling.select(tile));
progress.on("pool", (pool) => {
  preparation.show(pool);
  goals.show(pool);
  asking.learn(pool);
});
asking.on("asked", ({ round }) => {
  if (round > progress.round) progress.refresh();
});
leases.on("lost", () => asking.realign());
leases.on("renewed", () => held.extend());
find("[data-undo]").addEventListener("click", () => labeling.undo());
find("[data-skip]").addEventListener("click", () => labeling.skip());

followChanges();
tellWhatWaits();
tellOfOthers();
offerSwitch("guess", "[data-guess-switch]", false, (isOn) => {
  view.isGuessShown = isOn;
  view.redraw();
});
offerSwitch("characters", "[data-characters-switch]", true, (isOn) => {
  page.toggleAttribute("data-characters-off", !isOn);
});
leaveBeforeLogout();
const zoom = has("[data-zoom]") ? new Zoom(find("[data-picture]"), find("[data-zoom]")) : null;
view.on("picture", () => zoom?.reset());
for (const swatch of findAllIn(page, ".swatch")) paint(swatch, Number(swatch.dataset.index));
const examples = new Examples({
  slug: pool.slug,
  pool,
  isAsked: (imageId) => asking.batch.tiles.some((tile) => tile.imageId === imageId),
});
const finder = has("[data-finder]") ? makeFinder() : null;
const actions = {
  values: new Map(
    Array.from(findAllIn(page, "[data-key]"), ({ dataset: { key, value } }) => [key ?? "", Number(value)]),
  ),
  answer,
  skip: () => labeling.skip(),
  flag: offerFlag(),
  undo: () => labeling.undo(),
  move: (/** @type {number} */ step) => labeling.move(step),
  isZoomed: () => zoom?.isZoomed ?? false,
  pan: (/** @type {number} */ right, /** @type {number} */ down) => zoom?.pan(right, down),
  help: offerDialog(findDialog("[data-keys]"), find("[data-help]")),
  find: finder && offerDialog(findDialog("[data-finder]"), find("[data-find]"), () => finder.open(labeling.current)),
  zoom: zoom && (() => zoom.toggle()),
  guide: has("[data-guide]") ? offerGuide() : null,
};
listenToKeys(actions, () => findBox("[data-characters-switch]").checked);

progress.refresh(pool);
outbox.drain(); // what an earlier visit left; the end of it asks for the images
events.open();

/** @param {number} value */
function answer(value) {
  if (labeling.current !== null) finder?.learn(value);
  labeling.answer(value);
}

function offerGuide() {
  const dialog = findDialog("[data-guideline]");
  return offerDialog(dialog, find("[data-guide]"), () => {
    dialog.showModal();
    examples.show(dialog);
  });
}

function makeFinder() {
  const classes = { classes: pool.classes, buttons: pool.class_order, examples };
  return new Finder(findDialog("[data-finder]"), classes, (tile, value) => {
    const isThis = tile === labeling.current;
    notices.toggle("found", "warn", !isThis && "Another image came meanwhile: nothing was answered.");
    if (isThis) answer(value);
  });
}

function followChanges() {
  events.on("round", ({ number }) => {
    if (number >= progress.round) progress.refresh(); // the same one again: its test images are counted
    else progress.recount(number);
  });
  events.on("labels", () => progress.refreshSoon());
  events.on("leases", () => asking.askAgain());
  events.on("training", () => progress.refresh());
  events.on("features", () => progress.refreshSoon());
  events.on("poll", () => progress.refreshSoon());
  events.on("lost", () => asking.expectLoading());
  events.on("back", () => {
    connection.wake();
    progress.refresh();
  });
}

function tellWhatWaits() {
  let timer = 0;
  const tell = () => {
    const n = outbox.size;
    const { trouble } = connection;
    const { text, link } = trouble
      ? describeTrouble(trouble, { n, annotator, path: location.pathname, isLasting: outbox.isLasting })
      : { text: "", link: null };
    notices.toggle("connection", "warn", text, { link });
    find("[data-waiting]").textContent = n ? `${plural(n, "answer")} not yet stored.` : "All answers are stored.";
    const isLost = "This browser’s storage is full: stay on this page until all answers are stored.";
    notices.toggle("keeping", "bad", !outbox.isLasting && isLost);
  };
  const tellSoon = () => {
    find("[data-waiting]").dataset.count = String(outbox.size);
    clearTimeout(timer);
    if (connection.trouble || outbox.size === 0) tell();
    else timer = setTimeout(tell, WAITING_MS);
  };
  outbox.on("change", tellSoon);
  connection.on("change", tellSoon);
  addEventListener("beforeunload", (event) => {
    if (!outbox.isLasting) event.preventDefault(); // the browser asks whether to stay
  });
}

/** Answers that another annotator left in this browser stay here until that annotator logs in. */
function tellOfOthers() {
  const left = new Map();
  for (const key of new Store(shelf("outbox", "")).keys()) {
    const [name, entry] = key.split(":");
    if (entry !== undefined && name !== annotator) left.set(name, (left.get(name) ?? 0) + 1);
  }
  const describe = (/** @type {[string, number]} */ [name, n]) =>
    `${plural(n, "answer")} of ${name}: sent when ${name} logs in here again.`;
  const texts = [...left].map(describe);
  notices.toggle("others", "info", texts.length > 0 && `Saved in this browser: ${texts.join(" ")}`);
}

/**
 * A switch that this browser remembers under `name`; `apply` is called now and at each change.
 * @param {string} name
 * @param {string} selector
 * @param {boolean} isOnAtFirst
 * @param {(isOn: boolean) => void} apply
 */
function offerSwitch(name, selector, isOnAtFirst, apply) {
  const box = findBox(selector);
  box.checked = preferences.get(name) ?? isOnAtFirst;
  box.addEventListener("change", () => {
    preferences.set(name, box.checked);
    apply(box.checked);
  });
  apply(box.checked);
}

/** Without a session the page cannot release its images. */
function leaveBeforeLogout() {
  /** @type {HTMLFormElement | null} */
  const form = document.querySelector("[data-logout]");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    await Promise.race([leases.leave(), new Promise((resolve) => setTimeout(resolve, LEAVING_MS))]);
    held.forget();
    form.submit();
  });
}

function offerFlag() {
  const dialog = findDialog("[data-flag-dialog]");
  const ask = makeFlagDialog(dialog, (tile, remark) => labeling.flag(tile, remark));
  return offerDialog(dialog, find("[data-flag]"), () => labeling.current && ask(labeling.current));
}
