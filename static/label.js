/**
 * The labeling page, put together. Needs [data-label-page] with the pool as JSON in data-pool, the name in
 * data-annotator, data-lease-seconds; inside it [data-work] (see tiles.js and shortage.js), [data-model] (see
 * progress.js), [data-notices] (see notices.js), [data-waiting], [data-undo], [data-help], [data-guess-switch], the dialogs
 * [data-keys] with [data-characters-switch], and [data-flag-dialog] (see flag.js). A form [data-logout] may stand anywhere.
 */
import { Api } from "./api.js";
import { Asking } from "./asking.js";
import { Connection } from "./connection.js";
import { Events } from "./events.js";
import { makeFlagDialog } from "./flag.js";
import { plural } from "./format.js";
import { Held } from "./held.js";
import { Labeling } from "./labeling.js";
import { Leases } from "./leases.js";
import { Notices } from "./notices.js";
import { Offline } from "./offline.js";
import { Outbox } from "./outbox.js";
import { Progress } from "./progress.js";
import { ShortageView } from "./shortage.js";
import { listenToKeys } from "./shortcuts.js";
import { Store } from "./store.js";
import { TilesView } from "./tiles.js";
import { describeTrouble } from "./trouble.js";

const WAITING_MS = 400; // answers that are stored sooner are not worth a word
const LEAVING_MS = 1_000; // the longest that logging out waits for images to be given back

const page = document.querySelector("[data-label-page]");
const find = (selector) => page.querySelector(selector);
const pool = JSON.parse(page.dataset.pool);
const { annotator } = page.dataset;
const leaseSeconds = Number(page.dataset.leaseSeconds);

// The time is in the name, so that what an older database left never reaches the images of a new one; the annotator,
// so that nobody's answers are sent as somebody else's.
const shelf = (what, whose = `${annotator}:`) => `inkling:${what}:${pool.slug}:${pool.created_at}:${whose}`;

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
const held = new Held({ store: new Store(shelf("held")), offline: new Offline(), leaseSeconds });
const makePicture = (url) => view.makePicture(url);
const asking = new Asking({ api, outbox, connection, makePicture, notices, shortage, held, pool });
const labeling = new Labeling({ classes: pool.classes, asking, outbox, view, notices });
const leases = new Leases({
  api,
  connection,
  pages: new Store(shelf("pages")),
  leaseSeconds,
  getOpen: () => asking.openImageIds,
});
const events = new Events(api.eventsUrl);
const preferences = new Store("inkling:preferences:");

view.addEventListener("answer", ({ detail: value }) => labeling.answer(value));
view.addEventListener("select", ({ detail: tile }) => labeling.select(tile));
progress.addEventListener("pool", ({ detail }) => detail.counts.unlabeled > 0 && asking.askAgain());
asking.addEventListener("asked", ({ detail }) => {
  if (detail.round > progress.round) progress.refresh();
});
leases.addEventListener("lost", () => asking.realign());
leases.addEventListener("renewed", () => held.extend());
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
const showKeys = offerKeys();
const showFlag = offerFlag();
const actions = {
  digit: (value) => labeling.answer(value),
  skip: () => labeling.skip(),
  flag: showFlag,
  undo: () => labeling.undo(),
  move: (step) => labeling.move(step),
  help: showKeys,
};
listenToKeys(actions, () => find("[data-characters-switch]").checked);

progress.refresh(pool);
outbox.drain(); // what an earlier visit left; the end of it asks for the images
events.open();

function followChanges() {
  events.addEventListener("round", ({ detail }) => {
    if (detail.number >= progress.round) progress.refresh(); // the same one again: its unseen images are counted
  });
  events.addEventListener("labels", () => progress.refreshSoon());
  events.addEventListener("leases", () => asking.askAgain());
  events.addEventListener("training", () => progress.refresh());
  events.addEventListener("poll", () => progress.refreshSoon());
  events.addEventListener("lost", () => asking.expectLoading());
  events.addEventListener("back", () => {
    connection.wake();
    progress.refresh();
  });
}

function tellWhatWaits() {
  let timer = null;
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
    find("[data-waiting]").dataset.count = outbox.size;
    clearTimeout(timer);
    if (connection.trouble || outbox.size === 0) tell();
    else timer = setTimeout(tell, WAITING_MS);
  };
  outbox.addEventListener("change", tellSoon);
  connection.addEventListener("change", tellSoon);
  addEventListener("beforeunload", (event) => {
    if (!outbox.isLasting) event.preventDefault(); // the browser asks whether to stay
  });
}

/** What another annotator left in this browser stays here: it is theirs to send. */
function tellOfOthers() {
  const left = new Map();
  for (const key of new Store(shelf("outbox", "")).keys()) {
    const [name, entry] = key.split(":");
    if (entry !== undefined && name !== annotator) left.set(name, (left.get(name) ?? 0) + 1);
  }
  const texts = [...left].map(([name, n]) => `${plural(n, "answer")} of ${name}: sent when ${name} logs in here again.`);
  notices.toggle("others", "info", texts.length > 0 && `Saved in this browser: ${texts.join(" ")}`);
}

/** A switch that this browser remembers under `name`; `apply(isOn)` is called now and at each change. */
function offerSwitch(name, selector, isOnAtFirst, apply) {
  const box = find(selector);
  box.checked = preferences.get(name) ?? isOnAtFirst;
  box.addEventListener("change", () => {
    preferences.set(name, box.checked);
    apply(box.checked);
  });
  apply(box.checked);
}

/** Without a session nothing can be given back any more. */
function leaveBeforeLogout() {
  const form = document.querySelector("[data-logout]");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    await Promise.race([leases.leave(), new Promise((resolve) => setTimeout(resolve, LEAVING_MS))]);
    held.forget();
    form.submit();
  });
}

function offerKeys() {
  const dialog = find("[data-keys]");
  const show = () => dialog.showModal();
  find("[data-help]").addEventListener("click", show);
  closeByBackdrop(dialog);
  return show;
}

function offerFlag() {
  const dialog = find("[data-flag-dialog]");
  const ask = makeFlagDialog(dialog, (tile, remark) => labeling.flag(tile, remark));
  const show = () => labeling.current && ask(labeling.current);
  find("[data-flag]").addEventListener("click", show);
  closeByBackdrop(dialog);
  return show;
}

function closeByBackdrop(dialog) {
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close();
  });
}
