/** Short marks of classes for the small tiles, where long names have no room. */

const MOST = 4; // characters of a name that is its own mark

/**
 * A mark for each name, in their order: the name itself, or its beginning, or the initials of its words. Two names have
 * the same mark only where none of these tells them apart.
 * @param {string[]} names
 */
export function makeMarks(names) {
  /** @type {Set<string>} */
  const taken = new Set(names.filter((name) => lettersOf(name).length <= MOST));
  return names.map((name) => {
    const letters = lettersOf(name);
    if (letters.length <= MOST) return name;
    const choices = findChoices(name, letters);
    const mark = choices.find((choice) => !taken.has(choice)) ?? choices[0];
    taken.add(mark);
    return mark;
  });
}

/**
 * @param {string} name
 * @param {string[]} letters
 */
function findChoices(name, letters) {
  const words = (name.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).map(lettersOf);
  const initials = words.slice(0, 3).map(([first]) => first).join("").toLocaleUpperCase();
  const start = letters.slice(0, 3).join("").trim();
  const ends = letters.slice(3).map((letter) => letters.slice(0, 2).join("") + letter).filter((end) => !/\s/.test(end));
  return words.length > 1 ? [initials, start, ...ends] : [start, ...ends];
}

/**
 * What people take for one letter, accents and all.
 * @param {string} text
 */
function lettersOf(text) {
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}
