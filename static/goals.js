/**
 * How far the pool is to its goals: a line each, and a notice once one is reached while the page is open. Nothing ends
 * by it. Needs an element with [data-goal-lines], a list, inside; it is hidden while there is no goal.
 *
 * @import { Goal, Pool } from "./api.js"
 * @import { Notices } from "./notices.js"
 */
import { findIn } from "./find.js";
import { count, interval, percent } from "./format.js";

export class GoalsView {
  #place;
  #notices;
  /** @type {Goal[]} */
  #goals = [];
  #isFirst = true;

  /**
   * @param {HTMLElement} place
   * @param {Notices} notices
   */
  constructor(place, notices) {
    this.#place = place;
    this.#notices = notices;
  }

  /** @param {Pool} pool */
  show({ goals }) {
    const reached = goals.filter((goal) => goal.reached_at !== null && this.#isNew(goal));
    if (reached.length && !this.#isFirst) {
      const told = reached.map(describe).join("; ");
      this.#notices.set("goal", "good", `The goal is reached: ${told}. You can go on all the same.`);
    } else if (!goals.some((goal) => goal.reached_at !== null)) this.#notices.clear("goal");
    this.#goals = goals;
    this.#isFirst = false;
    this.#place.hidden = goals.length === 0;
    findIn(this.#place, "[data-goal-lines]").replaceChildren(...goals.map(makeLine));
    findIn(this.#place, "[data-goal-note]").hidden = !goals.some((goal) => goal.kind === "accuracy");
  }

  /** @param {Goal} goal */
  #isNew({ kind, goal }) {
    return !this.#goals.some((each) => each.kind === kind && each.goal === goal && each.reached_at !== null);
  }
}

/**
 * "212 of 400 answers", "93.1 % (91.0–94.8 %) of 95 %".
 * @param {Goal} goal
 */
function describe({ kind, goal, value, interval: bounds }) {
  if (kind === "labels") return `${count(value ?? 0)} of ${count(goal)} ${goal === 1 ? "answer" : "answers"}`;
  const wanted = `${Number((goal * 100).toFixed(2))}\u202f%`;
  if (value === null || bounds === null) return `accuracy not known yet, of ${wanted}`;
  return `${percent(value, 1)} (${interval(bounds)}) of ${wanted}`;
}

/** @param {Goal} goal */
function makeLine(goal) {
  const line = document.createElement("li");
  line.append(describe(goal));
  if (goal.reached_at !== null) {
    const badge = Object.assign(document.createElement("span"), { className: "badge", textContent: "reached" });
    badge.dataset.tone = "good";
    line.append(" ", badge);
  }
  return line;
}
