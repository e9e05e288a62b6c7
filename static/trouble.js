/**
 * What keeps answers from being stored, in words: with what becomes of them, and what to do.
 *
 * @import { ApiError } from "./api.js"
 * @import { Link } from "./notices.js"
 */
import { plural } from "./format.js";

/**
 * @param {ApiError} trouble what keeps `n` answers of `annotator` waiting
 * @param {{ n: number, annotator: string, path: string, isLasting: boolean }} page
 * @returns {{ text: string, link: Link | null }}
 */
export function describeTrouble(trouble, { n, annotator, path, isLasting }) {
  const kept = `${plural(n, "answer")} ${n === 1 ? "is" : "are"} saved here`;
  const target = isLasting ? "" : "_blank"; // this page must stay if the answers are nowhere else
  if (trouble.isLoggedOut) {
    const link = { href: `/login?next=${encodeURIComponent(path)}`, text: "Log in again", target };
    const waits = n ? `${kept} and will be sent once you log in again.` : "";
    return { text: `You are not logged in any more. ${waits}`.trim(), link };
  }
  if (trouble.isOtherLogin) {
    const name = trouble.context.name;
    const waits = n ? `${kept} until ${annotator} logs in again.` : "";
    const link = { href: path, text: `Go on as ${name}`, target };
    return { text: `Another account is logged in here: ${name}. ${waits}`.trim(), link };
  }
  if (trouble.code === "TooManyActs") {
    const waits = n
      ? `${kept} and will be sent one by one as soon as the server takes them.`
      : "The page goes on in a moment.";
    return { text: `That was much at once. ${waits}`, link: null };
  }
  const goesOn = n
    ? `${kept} and will be sent when the connection is back.`
    : "The page goes on as soon as it is back.";
  if (trouble.code !== "DatabaseUnavailable") return { text: `${trouble.message} ${goesOn}`, link: null };
  const again = n ? `${kept} and will be sent again until the server stores them.` : "The page tries again.";
  return { text: `The server cannot store anything just now; its disk may be full. ${again}`, link: null };
}
