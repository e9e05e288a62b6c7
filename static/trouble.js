/** What keeps answers from being stored, in words: with what becomes of them, and what to do. */
import { plural } from "./format.js";

/** {text, link} for the ApiError `trouble` while `n` answers of `annotator` wait; `path` is this page's. */
export function describeTrouble(trouble, { n, annotator, path, isLasting }) {
  const kept = `${plural(n, "answer")} ${n === 1 ? "is" : "are"} saved here`;
  const target = isLasting ? "" : "_blank"; // this page must stay if the answers are nowhere else
  if (trouble.isLoggedOut) {
    const link = { href: `/login?next=${encodeURIComponent(path)}`, text: "Log in again", target };
    return { text: `You are not logged in any more. ${n ? `${kept} and will be sent once you log in again.` : ""}`.trim(), link };
  }
  if (trouble.isOtherLogin) {
    const name = trouble.context.name;
    const waits = n ? `${kept} until ${annotator} logs in again.` : "";
    return { text: `Somebody else has logged in here: ${name}. ${waits}`.trim(), link: { href: path, text: `Go on as ${name}`, target } };
  }
  if (trouble.code === "TooManyActs") {
    const waits = n ? `${kept} and will be sent one by one as soon as the server takes them.` : "The page goes on in a moment.";
    return { text: `That was much at once. ${waits}`, link: null };
  }
  const goesOn = n ? `${kept} and will be sent when the connection is back.` : "The page goes on as soon as it is back.";
  if (trouble.code !== "DatabaseUnavailable") return { text: `${trouble.message} ${goesOn}`, link: null };
  const again = n ? `${kept} and will be sent again until the server stores them.` : "The page tries again.";
  return { text: `The server cannot store anything just now; its disk may be full. ${again}`, link: null };
}
