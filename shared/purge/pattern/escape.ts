/** Escapes of purge patterns that stand for one character or a Unicode category; used inside and outside of `[...]`. */
import { FIRST_NON_ASCII, isCategoryName, MAX_CODE_POINT } from "./charset.ts";
import type { PatternCursor } from "./cursor.ts";

/** From here on regexp2's own search tables are not right: U+FFFF and above it are taken only as the end of a range. */
const FIRST_UNSURE = 0xffff;
/** Octal escapes keep their low eight bits only. */
const OCTAL_MASK = 0xff;
/** Code points that no text holds: halves of surrogate pairs. */
const SURROGATES = { first: 0xd800, last: 0xdfff } as const;
const CONTROL_BASE = 0x40;
const CONTROL_COUNT = 0x20;

const NAMED: ReadonlyMap<string, number> = new Map([
  ["a", 0x07],
  ["b", 0x08],
  ["e", 0x1b],
  ["f", 0x0c],
  ["n", 0x0a],
  ["r", 0x0d],
  ["t", 0x09],
  ["v", 0x0b],
]);

/**
 * Reads what follows a backslash as one character and returns its code point; the cursor stands after the backslash. A
 * letter that means nothing stands for itself: `\i` is `i`, and `\Q...\E` does not quote. `isRangeEnd`: as in `[a-\x{10FFFF}]`.
 */
export function readCharEscape(cursor: PatternCursor, isRangeEnd = false): number {
  const start = cursor.at - 1;
  const octal = cursor.takeMatch(/[0-7]{1,3}/y);
  if (octal !== "") return checkedCodePoint(cursor, Number.parseInt(octal, 8) & OCTAL_MASK, start);
  const char = cursor.take();
  if (char === "") return cursor.refuse("A backslash at the end escapes nothing.", start);
  if (char === "x" && cursor.peek() === "{") {
    return checkedCodePoint(cursor, readBracedHex(cursor, start), start, isRangeEnd);
  }
  if (char === "x") return checkedCodePoint(cursor, readHex(cursor, /[0-9A-Fa-f]{2}/y, start), start);
  if (char === "u") return checkedCodePoint(cursor, readHex(cursor, /[0-9A-Fa-f]{4}/y, start), start);
  if (char === "c") return readControl(cursor, start);
  return NAMED.get(char) ?? checkedCodePoint(cursor, char.charCodeAt(0), start);
}

/** Reads the name in `\p{name}` or `\pN`; the cursor stands after the `p`. */
export function readCategoryName(cursor: PatternCursor): string {
  const start = cursor.at - 2;
  const text = cursor.peek() === "{" ? cursor.takeMatch(/\{[0-9A-Za-z_-]*\}/y) : cursor.take();
  const name = text.startsWith("{") ? text.slice(1, -1) : text;
  if (!isCategoryName(name)) {
    return cursor.refuse("\\p must name a Unicode category or script that is supported, as in \\p{Lu} or \\pL.", start);
  }
  return name;
}

/** Notes that the pattern names a character, and refuses those that would not be matched exactly. */
export function checkedCodePoint(
  cursor: PatternCursor,
  codePoint: number,
  position: number,
  isRangeEnd = false,
): number {
  if (codePoint >= FIRST_NON_ASCII) cursor.firstNonAscii ??= position;
  if (codePoint >= SURROGATES.first && codePoint <= SURROGATES.last) {
    return cursor.refuse("Half of a surrogate pair is not a character.", position);
  }
  if (codePoint >= FIRST_UNSURE && !(isRangeEnd && codePoint === MAX_CODE_POINT)) {
    return cursor.refuse("Characters above U+FFFE are not supported.", position);
  }
  return codePoint;
}

function readBracedHex(cursor: PatternCursor, start: number): number {
  const digits = cursor.takeMatch(/\{[0-9A-Fa-f]+\}/y).slice(1, -1);
  const value = digits === "" ? Number.NaN : Number.parseInt(digits, 16);
  if (!(value <= MAX_CODE_POINT)) {
    return cursor.refuse("\\x{...} must hold the hexadecimal number of a character.", start);
  }
  return value;
}

function readHex(cursor: PatternCursor, digits: RegExp, start: number): number {
  const taken = cursor.takeMatch(digits);
  if (taken === "") return cursor.refuse("\\x needs two and \\u four hexadecimal digits.", start);
  return Number.parseInt(taken, 16);
}

function readControl(cursor: PatternCursor, start: number): number {
  const char = cursor.take();
  // Not toUpperCase of any character: outside ASCII there are some whose capital is an ASCII letter.
  const code = (/^[a-z]$/.test(char) ? char.toUpperCase() : char).charCodeAt(0) - CONTROL_BASE;
  if (!(code >= 0 && code < CONTROL_COUNT)) return cursor.refuse("\\c needs a letter or one of @ [ \\ ] ^ _.", start);
  return code;
}
