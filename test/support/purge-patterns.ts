/** Random purge patterns and subjects in all of the dialect's syntax, also wrong ones; the same for the same seed. */

/** A source of numbers below `bound`. */
export type Dice = (bound: number) => number;

/** Numbers from a seed (mulberry32, a public-domain generator). */
export function diceFrom(seed: number): Dice {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const LITERALS = [
  "a",
  "a",
  "b",
  "b",
  "c",
  "A",
  "B",
  "i",
  "k",
  "z",
  "0",
  "1",
  "-",
  "_",
  "/",
  ",",
  "]",
  "}",
  "{",
  "#",
  " ",
  "\n",
];
const RARE_LITERALS = ["é", "É", "ſ", "K", "İ", "\t", "~", "@", "&", "<", "'", "=", "!", ":", "P", "\u2028", "\u00a0"];
const ESCAPES = [
  ..."dDwWsSdDwWsS".split("").map((letter) => `\\${letter}`),
  ..."aefnrtvQEiI_hNR.*+?()[]{}|^$/-# '<\\".split("").map((letter) => `\\${letter}`),
  ..."\\x41 \\x{61} \\x{0} \\x61 \\u0062 \\cA \\cj \\c[ \\0 \\00 \\012 \\101 \\141 \\60 \\11 \\12 \\75 \\x{e9} \\80".split(
    " ",
  ),
  ..."\\pL \\p{Lu} \\P{Ll} \\p{Nd} \\PN \\pP \\p{Greek} \\P{Latin} \\p{Zs} \\p{Han}".split(" "),
];
const RARE_ESCAPES =
  "\\pC \\p{Foo} \\p{} \\p{L \\k \\k<n> \\1 \\<a> \\<1 \\'1' \\x \\x{ \\u00 \\c1 \\x{110000} \\".split(" ");
const ANCHORS = ["^", "$", "\\A", "\\z", "\\Z", "\\G", "\\b", "\\B", "\\b", "\\B"];
const POSIX = "alpha digit alnum upper lower space punct print graph cntrl xdigit word blank ascii foo".split(" ");
const QUANTIFIERS = "* + ? *? +? ?? {2} {0} {1} {0,1} {1,2} {0,2}? {2,3} {2,}? {1,}? {0,} {3}? {,2} {x} {1".split(" ");
const RARE_QUANTIFIERS = "{2,1} ++ *{2} {1}{2} {1001} {1,2147483647} {2147483648}".split(" ");
const FLAGS = "i i i s m x n im sx i-s -i ix-m - d u U +i".split(" ");
const OPENERS = [
  ..."( ( ( (?: (?: (?: (?= (?! (?<= (?<! (?<n> (?'q' (?P<p> (?<2>".split(" "),
  ..."(?i: (?-i: (?s: (?m: (?n: (?x: (?i-s:".split(" "),
];
const RARE_OPENERS = "(?r) (?iP) (?> (?( (?(1) (?<a-b> (?P=p) (?P< (?< (? (?z (?| (?<0> (?<1x> (?)".split(" ");
/** One in so many parts is of a rare kind; most patterns must be accepted for the comparison to be worth something. */
const RARE = 60;

function oneOf(dice: Dice, choices: readonly string[]): string {
  return choices[dice(choices.length)] ?? "";
}

/** A pattern; `depth` bounds its nesting. Most are accepted. */
export function randomPattern(dice: Dice, depth = 3): string {
  const branches = dice(4) === 0 ? 2 + dice(2) : 1;
  let text = Array.from({ length: branches }, () => randomSequence(dice, depth)).join("|");
  if (depth === 3 && dice(4) === 0) text = `(?${oneOf(dice, FLAGS)})${text}`;
  if (depth === 3 && dice(RARE) === 0) text = mutated(dice, text);
  return text;
}

function mutated(dice: Dice, text: string): string {
  const at = dice(text.length + 1);
  const inserted = oneOf(dice, [..."()[]{}*+?|^$\\-#:<>'=!iP01,. \n".split(""), "[:", "(?", "\\p", "\\x"]);
  return dice(2) === 0 ? text.slice(0, at) + text.slice(at + 1) : text.slice(0, at) + inserted + text.slice(at);
}

function randomSequence(dice: Dice, depth: number): string {
  return Array.from({ length: dice(4) }, () => randomPart(dice, depth)).join("");
}

function randomPart(dice: Dice, depth: number): string {
  const kind = dice(20);
  if (kind === 19 && dice(4) === 0) return `(?${oneOf(dice, FLAGS)})`;
  if (kind === 18 && dice(4) === 0) return oneOf(dice, ["(?#x)", "(?#)", "#c\n"]);
  const atom = randomAtom(dice, depth, kind);
  if (dice(3) !== 0) return atom;
  return atom + (dice(RARE) === 0 ? "(?#q)" : "") + oneOf(dice, dice(RARE) === 0 ? RARE_QUANTIFIERS : QUANTIFIERS);
}

function randomAtom(dice: Dice, depth: number, kind: number): string {
  if (kind < 5 && depth > 0) {
    const opener = oneOf(dice, dice(RARE) === 0 ? RARE_OPENERS : OPENERS);
    return `${opener}${randomPattern(dice, depth - 1)})`;
  }
  if (kind < 7) return randomClass(dice);
  if (kind < 9) return oneOf(dice, dice(RARE) === 0 ? RARE_ESCAPES : ESCAPES);
  if (kind < 10) return oneOf(dice, ANCHORS);
  if (kind < 11) return ".";
  return oneOf(dice, dice(RARE) === 0 ? RARE_LITERALS : LITERALS);
}

function randomClass(dice: Dice): string {
  const parts = Array.from({ length: 1 + dice(3) }, () => {
    const kind = dice(10);
    if (kind < 3) return `${oneOf(dice, LITERALS)}-${oneOf(dice, LITERALS)}`;
    if (kind < 4) return `[:${dice(3) === 0 ? "^" : ""}${oneOf(dice, POSIX)}${dice(RARE) === 0 ? "" : ":]"}`;
    if (kind < 6) return oneOf(dice, ESCAPES);
    if (kind < 7) return oneOf(dice, ["-", "\\-", "a-\\-", "^", "[", "a-c", "A-Z", "X-b", "0-9", "!-~", "\\b", "-["]);
    return oneOf(dice, dice(RARE) === 0 ? RARE_LITERALS : LITERALS);
  });
  return `[${dice(4) === 0 ? "^" : ""}${dice(10) === 0 ? "]" : ""}${parts.join("")}]`;
}

/** A subject of the characters that the patterns use. */
export function randomSubject(dice: Dice): string {
  const length = dice(8);
  return Array.from({ length }, () => {
    const kind = dice(40);
    if (kind === 0) return oneOf(dice, RARE_LITERALS);
    if (kind === 1) return String.fromCharCode(dice(128));
    return oneOf(dice, kind < 30 ? ["a", "b", "A", "B", "a", "0", "1", "-"] : LITERALS);
  }).join("");
}
