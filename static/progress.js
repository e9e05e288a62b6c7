/**
 * How the model does: accuracy, labels, round, curve. Needs elements [data-show=NAME] inside `place`, NAME one of
 * accuracy, accuracy-name, accuracy-note, accuracy-interval, validation, validation-note, change, test, test-note,
 * labels, labels-note, asked, round, until, fit, curve. data-asked of `asked` says which images the learner asks.
 * Rounds are compared by validation images, or by test images where there are no others.
 *
 * @import { Api, Pool, Round } from "./api.js"
 * @import { Connection } from "./connection.js"
 * @import { Notices } from "./notices.js"
 */
import { Emitter } from "./emitter.js";
import { findIn } from "./find.js";
import { change, confidence, count, interval, ofHowMany, percent, plural } from "./format.js";
import { makeSparkline } from "./sparkline.js";

const BY_CHANCE = "answers asked by chance, which no model learned from";
const GATHER_MS = 150; // several labels in a row are fetched once

/**
 * Tells "pool" with the pool each time it was fetched.
 *
 * @extends {Emitter<{ pool: Pool }>}
 */
export class Progress extends Emitter {
  #place;
  #notices;
  #api;
  #connection;
  /** @type {Round[]} */
  #rounds = [];
  #timer = 0;
  #isFetching = false;
  #isStale = false;
  #isByChance = false; // whether some questions are drawn by chance, to test on their answers
  #isToldEarly = false; // the newest round was announced before its images were counted

  /** @param {{ place: HTMLElement, notices: Notices, api: Api, connection: Connection }} parts */
  constructor({ place, notices, api, connection }) {
    super();
    this.#place = place;
    this.#notices = notices;
    this.#api = api;
    this.#connection = connection;
    connection.on("change", () => {
      const isEmpty = connection.trouble !== null && this.#rounds.length === 0;
      if (isEmpty) this.#set("validation-note", "Shown as soon as the server answers.");
    });
  }

  /** The number of the newest round shown, or -1. */
  get round() {
    return this.#rounds.at(-1)?.number ?? -1;
  }

  /** Soon, together with whatever else changes in the same moment. */
  refreshSoon() {
    this.#timer ||= setTimeout(() => this.refresh(), GATHER_MS);
  }

  /**
   * Fetch and show, or show `pool` first. A call during another's work makes that one fetch once more.
   * @param {Pool | null} pool
   */
  async refresh(pool = null) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#isStale = true;
    if (this.#isFetching) return;
    this.#isFetching = true;
    try {
      while (this.#isStale) {
        this.#isStale = false;
        await this.#show(pool ?? (await this.#connection.persist(() => this.#api.getPool())));
        pool = null;
      }
    } catch (error) {
      this.#notices.set("ask", "bad", error.message);
    } finally {
      this.#isFetching = false;
    }
  }

  /**
   * Show a pool, with the rounds that are not known yet.
   * @param {Pool} pool
   */
  async #show(pool) {
    this.#isByChance = pool.chance_every !== null;
    if (pool.round.number > this.round) {
      const isFirst = this.#rounds.length === 0;
      this.#rounds.push(...(await this.#connection.persist(() => this.#api.getRounds(this.round))));
      this.#showRounds();
      if (!isFirst) this.#announce();
    } else if (pool.round.test && !this.#rounds.at(-1)?.test) {
      this.#rounds[this.#rounds.length - 1] = pool.round; // its test images are counted by now
      this.#showRounds();
      if (this.#isToldEarly) this.#announce();
    }
    this.#showCounts(pool);
    this.#showTraining(pool.training);
    this.tell("pool", pool);
  }

  /**
   * The test images of an older round were counted: the curve has a further point.
   * @param {number} number
   */
  async recount(number) {
    if (this.#rounds[number]?.test !== null) return;
    try {
      const [counted] = await this.#connection.persist(() => this.#api.getRounds(number - 1));
      this.#rounds[number] = counted;
      this.#showRounds();
    } catch {
      // The page that is loaded next has it.
    }
  }

  #showRounds() {
    const { round, measured, before } = this.#compare();
    const shown = measured?.[this.#split] ?? null;
    const older = measured && measured !== round ? `round ${measured.number}: ` : "";
    this.#set("accuracy", shown ? `${older}${percent(shown.accuracy, 1)}` : "–");
    this.#set("accuracy-name", this.#split === "validation" ? "Validation accuracy: " : "Test accuracy: ");
    const note = measured ? describe(measured, this.#split) : "";
    this.#set("accuracy-note", note && `, ${note}`);
    this.#set("accuracy-interval", shown ? ` (${interval(shown.interval)})` : "");
    this.#find("accuracy").title = note;
    this.#showValidation(round);
    this.#showTest(round);
    this.#showChange(round, before);
    this.#set("round", count(round.number));
    this.#showAsked(round);
    this.#set("fit", describeFit(round));
    this.#find("curve").replaceChildren(makeSparkline(this.#rounds));
  }

  /** @param {Round} round */
  #showValidation(round) {
    this.#set("validation", round.validation ? percent(round.validation.accuracy) : "none");
    this.#set("validation-note", describe(round, "validation") || "this pool has no validation images");
  }

  /** @param {Round} round */
  #showTest(round) {
    const counted = this.#findCounted(round, "test");
    const [value, missing] = this.#rounds[0].test
      ? ["…", "being counted"]
      : this.#isByChance
      ? ["–", "known as soon as a round has answers asked by chance"]
      : ["none", "this pool has no test images"];
    this.#set("test", counted?.test ? percent(counted.test.accuracy) : value);
    const note = counted?.test ? describe(counted, "test") : missing;
    this.#set("test-note", counted && counted !== round ? `round ${counted.number}: ${note}` : note);
  }

  /**
   * @param {Round} round
   * @param {Round | undefined} before
   */
  #showChange(round, before) {
    const [now, then] = [round[this.#split], before?.[this.#split] ?? null];
    const news = change(now, then);
    const since = news && before ? `${news} since round ${before.number}` : "";
    this.#set("change", round.n_labels ? since : "before the first training");
    const better = Math.sign((now?.accuracy ?? 0) - (then?.accuracy ?? now?.accuracy ?? 0));
    this.#find("change").dataset.direction = ["worse", "same", "better"][now ? better + 1 : 1];
  }

  /** @param {Round} round */
  #showAsked({ number, asked_by: by }) {
    const { asked = "" } = this.#find("asked").dataset;
    this.#set("asked", by === "chance" ? "by chance" : number ? asked : "the first of the pool");
  }

  /** @param {Pool} pool */
  #showCounts({ counts, round, until_round: until }) {
    this.#set("labels", `${count(counts.labeled)} of ${count(counts.images)}`);
    /** @type {[number, string][]} */
    const by = [
      [counts.human, "people"],
      [counts.oracle, "oracle"],
      [counts.model, "model"],
    ];
    const some = by.filter(([n]) => n > 0).map(([n, who]) => `${who}: ${count(n)}`);
    this.#set("labels-note", some.join(", ") || "–");
    const next = counts.unlabeled === 0 ? "nothing left" : `after ${plural(until, "more label")}`;
    const isLookedAt = round.asked_by !== "chance";
    this.#set("until", isLookedAt ? (until === 0 ? "now" : next) : "after the first look");
  }

  /** @param {Pool["training"]} training */
  #showTraining({ status, message }) {
    this.#notices.toggle("training", "bad", status === "failed" && message);
    this.#notices.toggle("model", "info", (status === "loading" || status === "absent") && message);
  }

  #announce() {
    const { round, before } = this.#compare();
    const now = round[this.#split];
    const news = change(now, before?.[this.#split] ?? null);
    const result = now
      ? `${percent(now.accuracy)} right (${confidence(now)})${news ? `, ${news}` : ""}`
      : "the model is trained";
    const trained = `Round ${round.number}, ${plural(round.n_labels, "label")}: ${result}.`;
    const isLookedAt = round.asked_by !== "chance" && this.#rounds.at(-2)?.asked_by === "chance";
    const asked = `The images are looked at. From now on you are asked ${this.#find("asked").dataset.asked}.`;
    this.#notices.set("round", "good", [isLookedAt && asked, round.n_labels && trained].filter(Boolean).join(" "));
    this.#isToldEarly = now === null && round.n_labels > 0;
    this.#place.dataset.fresh = round.number % 2 ? "odd" : "even"; // two names, so that the animation starts anew
  }

  /** The images by which rounds are compared. */
  get #split() {
    return this.#rounds[0].validation ? "validation" : "test";
  }

  /** The newest round; it, or what is shown while it is counted; and the measured one before it. */
  #compare() {
    const round = this.#rounds[this.#rounds.length - 1];
    const before = this.#rounds.findLast((other) => other !== round && other[this.#split] !== null);
    return { round, before, measured: this.#findCounted(round, this.#split) };
  }

  /**
   * The round itself, or the one before that was counted last. What knew no label says nothing of one that does.
   * @param {Round} round
   * @param {"validation" | "test"} split
   */
  #findCounted(round, split) {
    const counted = this.#rounds.findLast((other) => other[split] !== null);
    return counted && (counted.n_labels > 0 || round.n_labels === 0) ? counted : null;
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #set(name, text) {
    this.#find(name).textContent = text;
  }

  /** @param {string} name */
  #find(name) {
    return findIn(this.#place, `[data-show="${name}"]`);
  }
}

/**
 * @param {Round} round
 * @param {"validation" | "test"} split
 */
function describe({ tested_on: testedOn, ...results }, split) {
  const accuracy = results[split];
  return accuracy ? ofHowMany(accuracy, split === "test" && testedOn === "chance" ? BY_CHANCE : "") : "";
}

/** @param {Round} round */
function describeFit(round) {
  if (!round.n_labels) return "–";
  const fit = `${round.fit_ms.toFixed(1)} ms, ${plural(round.steps, "step")}`;
  return round.validation || round.steps === 1 ? fit : `${fit}: as many as serve labeled images left out`;
}
