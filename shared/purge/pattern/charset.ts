/** Sets of characters of purge patterns, as Go's regexp2 counts them in its RE2 mode: built by the parser, asked by the matcher. */
import type { CharCategory, CharRange, CharSet } from "./nodes.ts";

/** The greatest code point of Unicode. */
export const MAX_CODE_POINT = 0x10ffff;
/** The first code point that is not ASCII. */
export const FIRST_NON_ASCII = 0x80;
/** Capital I with a dot: the one letter outside ASCII whose lower case regexp2's class tables know as an ASCII letter. */
const DOTTED_CAPITAL_I = 0x130;
const SMALL_I = 0x69;
const CAPITAL_A = 0x41;
const CAPITAL_Z = 0x5a;
const TO_LOWER = 0x20;

const range = (first: number, last: number): CharRange => ({ first, last });
const DIGITS = [range(0x30, 0x39)];
const UPPER = [range(CAPITAL_A, CAPITAL_Z)];
const LOWER = [range(0x61, 0x7a)];
const WORD = [...DIGITS, ...UPPER, range(0x5f, 0x5f), ...LOWER];
/** `\s` of RE2: without the vertical tab. */
const SPACE = [range(0x09, 0x0a), range(0x0c, 0x0d), range(0x20, 0x20)];
/** `[:space:]` is ECMAScript's white space in regexp2, in RE2 mode too. */
const POSIX_SPACE = [
  range(0x09, 0x0d),
  range(0x20, 0x20),
  range(0xa0, 0xa0),
  range(0x1680, 0x1680),
  range(0x2000, 0x200a),
  range(0x2028, 0x2029),
  range(0x202f, 0x202f),
  range(0x205f, 0x205f),
  range(0x3000, 0x3000),
  range(0xfeff, 0xfeff),
];

/** What `\d`, `\w` and `\s` stand for; ASCII only. */
export const ESCAPE_CLASSES: ReadonlyMap<string, readonly CharRange[]> = new Map([
  ["d", DIGITS],
  ["w", WORD],
  ["s", SPACE],
]);

/** What `[:name:]` stands for; `digit` is not here, it is the Unicode category Nd in regexp2. */
export const POSIX_CLASSES: ReadonlyMap<string, readonly CharRange[]> = new Map([
  ["alnum", [...DIGITS, ...UPPER, ...LOWER]],
  ["alpha", [...UPPER, ...LOWER]],
  ["ascii", [range(0, 0x7f)]],
  ["blank", [range(0x09, 0x09), range(0x20, 0x20)]],
  ["cntrl", [range(0, 0x1f), range(0x7f, 0x7f)]],
  ["graph", [range(0x21, 0x7e)]],
  ["lower", LOWER],
  ["print", [range(0x20, 0x7e)]],
  ["punct", [range(0x21, 0x2f), range(0x3a, 0x40), range(0x5b, 0x60), range(0x7b, 0x7e)]],
  ["space", POSIX_SPACE],
  ["upper", UPPER],
  ["word", WORD],
  ["xdigit", [...DIGITS, range(0x41, 0x46), range(0x61, 0x66)]],
]);

/**
 * Category and script names that are taken. Missing on purpose: C, Cn, Cs and LC, which changed between versions of Go,
 * and the properties and rarer scripts. For ASCII they are exact; outside it they are those of this runtime's Unicode.
 */
const CATEGORY_NAMES =
  "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp Cc Cf Co".split(" ");
const SCRIPT_NAMES = ["Latin", "Greek", "Cyrillic", "Common", "Han", "Hebrew", "Arabic"];
const CATEGORY_TESTS: ReadonlyMap<string, RegExp> = new Map([
  ...CATEGORY_NAMES.map((name) => [name, new RegExp(`\\p{General_Category=${name}}`, "u")] as const),
  ...SCRIPT_NAMES.map((name) => [name, new RegExp(`\\p{Script=${name}}`, "u")] as const),
]);
/** Letters, marks, digits and connectors, as `\b` counts them; Unicode although `\w` is ASCII. */
const UNICODE_WORD = /[\p{L}\p{Mn}\p{Nd}\p{Pc}\u200c\u200d]/u;

/** Whether `\p{name}` is understood. */
export function isCategoryName(name: string): boolean {
  return CATEGORY_TESTS.has(name);
}

/** Ranges in order, without overlap or touching neighbours. */
export function mergeRanges(ranges: readonly CharRange[]): CharRange[] {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else merged.push({ first, last });
  }
  return merged;
}

/** All code points that are in none of `ranges`. */
export function complementOf(ranges: readonly CharRange[]): CharRange[] {
  const complement: CharRange[] = [];
  let next = 0;
  for (const { first, last } of mergeRanges(ranges)) {
    if (next < first) complement.push(range(next, first - 1));
    next = last + 1;
  }
  if (next <= MAX_CODE_POINT) complement.push(range(next, MAX_CODE_POINT));
  return complement;
}

/**
 * A class for subjects in lower case, as regexp2 makes it under `(?i)`: capitals bring their small letters. Its tables
 * also bring `i` for a range that holds U+0130 and begins after `i`, so that `(?i)[\W]` takes an `i`: that is kept.
 */
function lowerCased(ranges: readonly CharRange[]): CharRange[] {
  const merged = mergeRanges(ranges);
  const added: CharRange[] = [];
  for (const { first, last } of merged) {
    const from = Math.max(first, CAPITAL_A);
    const to = Math.min(last, CAPITAL_Z);
    if (from <= to) added.push(range(from + TO_LOWER, to + TO_LOWER));
    if (first < DOTTED_CAPITAL_I && last > DOTTED_CAPITAL_I) added.push(range(SMALL_I, SMALL_I));
  }
  return mergeRanges([...merged, ...added]);
}

/** The lower case of one code point as Go's `unicode.ToLower` gives it: always one code point. */
export function lowerCaseOf(codePoint: number): number {
  if (codePoint < FIRST_NON_ASCII) {
    return codePoint >= CAPITAL_A && codePoint <= CAPITAL_Z ? codePoint + TO_LOWER : codePoint;
  }
  if (codePoint === DOTTED_CAPITAL_I) return SMALL_I;
  const lower = String.fromCodePoint(codePoint).toLowerCase();
  const first = lower.codePointAt(0);
  return first !== undefined && String.fromCodePoint(first) === lower ? first : codePoint;
}

/** Whether `\b` counts the character as part of a word. */
export function isWordCharacter(codePoint: number): boolean {
  if (codePoint < FIRST_NON_ASCII) return WORD.some(({ first, last }) => codePoint >= first && codePoint <= last);
  return UNICODE_WORD.test(String.fromCodePoint(codePoint));
}

/**
 * Whether the class holds the character. Of several categories the first that decides counts: a negated one decides for
 * every character, so what follows it is never asked. That is regexp2's own order.
 */
export function isInSet(set: CharSet, codePoint: number): boolean {
  const inRange = set.ranges.some(({ first, last }) => codePoint >= first && codePoint <= last);
  return (inRange || isInCategories(set.categories, codePoint)) !== set.negated;
}

function isInCategories(categories: readonly CharCategory[], codePoint: number): boolean {
  for (const { name, negated } of categories) {
    const isIn = CATEGORY_TESTS.get(name)?.test(String.fromCodePoint(codePoint)) ?? false;
    if (isIn) return !negated;
    if (negated) return true;
  }
  return false;
}

/** A class as the parser fills it, part by part. */
export class CharSetBuilder {
  negated = false;
  private anything = false;
  private readonly ranges: CharRange[] = [];
  private readonly categories: CharCategory[] = [];

  addRange(first: number, last: number): void {
    this.ranges.push(range(first, last));
  }

  /** All of `ranges`, or all but them. */
  addRanges(ranges: readonly CharRange[], negated: boolean): void {
    this.ranges.push(...(negated ? complementOf(ranges) : ranges));
  }

  /** A category together with its opposite is everything; the same one twice is one. */
  addCategory(name: string, negated: boolean): void {
    if (this.anything) return;
    const known = this.categories.find((category) => category.name === name);
    if (known === undefined) this.categories.push({ name, negated });
    else if (known.negated !== negated) {
      this.anything = true;
      this.categories.length = 0;
      this.ranges.push(range(0, MAX_CODE_POINT));
    }
  }

  /** `\p{name}`; the three cases of letters are one under `(?i)`. */
  addProperty(name: string, negated: boolean, ignoreCase: boolean): void {
    if (ignoreCase && (name === "Lu" || name === "Ll" || name === "Lt")) {
      for (const cased of ["Ll", "Lu", "Lt"]) this.addCategory(cased, negated);
    }
    this.addCategory(name, negated);
  }

  /** The finished class; made for lower case when `lower`. */
  build(lower: boolean): CharSet {
    return {
      negated: this.negated,
      ranges: lower && !this.anything ? lowerCased(this.ranges) : mergeRanges(this.ranges),
      categories: [...this.categories],
    };
  }
}
