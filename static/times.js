/**
 * Times as people say them: "12 min ago". Needs <time datetime="…"> with the time in UTC as its text and its title:
 * the title stays, and without this script so does the text.
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

/** @param {Date} at */
function say(at) {
  const passed = Date.now() - at.getTime();
  if (passed > RECENT_MS) return date.format(at);
  const found = UNITS.find(([, ms]) => passed >= ms);
  if (found === undefined) return "just now"; // also where this clock is behind
  const [unit, length] = found;
  return relative.format(-Math.floor(passed / length), unit);
}

/** All times of the page, or of what has been drawn anew. */
export function sayTimes() {
  for (const time of document.querySelectorAll("time")) {
    if (time.dateTime) time.textContent = say(new Date(time.dateTime));
  }
}

sayTimes();
setInterval(sayTimes, UPDATE_MS);
