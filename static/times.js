/**
 * Times as people say them: "12 min ago". Needs <time datetime="…"> with the time in UTC as its text and its title:
 * the title stays, and without this script so does the text. With data-ahead the time is to come: "in 7 days".
 */

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];
const RECENT_MS = 30 * 86_400_000; // what is older says its date
const UPDATE_MS = 30_000;

const relative = new Intl.RelativeTimeFormat("en-GB", { style: "short" });
const date = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

/**
 * @param {Date} at
 * @param {boolean} isAhead
 */
function say(at, isAhead) {
  const distance = (Date.now() - at.getTime()) * (isAhead ? -1 : 1);
  if (distance > RECENT_MS + UPDATE_MS) return date.format(at);
  const found = UNITS.find(([, ms]) => distance >= ms);
  if (found === undefined) return isAhead ? "in less than a minute" : "just now"; // also where this clock is behind
  const [unit, length] = found;
  // A week that has just begun is a week, not six days.
  return relative.format(isAhead ? Math.round(distance / length) : -Math.floor(distance / length), unit);
}

/** All times of the page, or of what has been drawn anew. */
export function sayTimes() {
  for (const time of document.querySelectorAll("time")) {
    if (time.dateTime) time.textContent = say(new Date(time.dateTime), time.dataset.ahead !== undefined);
  }
}

sayTimes();
setInterval(sayTimes, UPDATE_MS);
