/** Bracket classes of purge patterns, `[...]`, read as Go's regexp2 reads them in its RE2 mode; part of the parser. */
import { CharSetBuilder, ESCAPE_CLASSES, POSIX_CLASSES } from "./charset.ts";
import type { PatternCursor } from "./cursor.ts";
import { checkedCodePoint, readCategoryName, readCharEscape } from "./escape.ts";
import type { CharSet } from "./nodes.ts";

/** A member that is one character, and whether it was written as an escape. */
type Member = { readonly codePoint: number; readonly escaped: boolean };

/** Reads a class to its closing bracket; the cursor stands after the opening one. */
export function readClass(cursor: PatternCursor): CharSet {
  const open = cursor.at - 1;
  const set = new CharSetBuilder();
  if (cursor.peek() === "^") {
    cursor.at += 1;
    set.negated = true;
  }
  /** The beginning of a range whose end is still to come. A class that ends before it, `[a-\-]`, drops it. */
  let rangeStart: Member | undefined;
  for (let isFirst = true; cursor.left > 0; isFirst = false) {
    const start = cursor.at;
    if (cursor.peek() === "]" && !isFirst) {
      cursor.at += 1;
      return set.build(cursor.flags.i);
    }
    if (addNamedClass(cursor, set, rangeStart !== undefined)) continue;
    const member = readMember(cursor, rangeStart !== undefined);
    const char = String.fromCharCode(member.codePoint);
    if (rangeStart !== undefined) {
      if (char === "[" && !member.escaped && !isFirst) refuseSubtraction(cursor, start);
      if (rangeStart.codePoint > member.codePoint) cursor.refuse("A range in [...] is in reverse order.", start);
      set.addRange(rangeStart.codePoint, member.codePoint);
      rangeStart = undefined;
    } else if (cursor.peek() === "-" && cursor.left >= 2 && cursor.peek(1) !== "]") {
      rangeStart = member;
      cursor.at += 1;
    } else {
      if (char === "-" && !member.escaped && cursor.peek() === "[" && !isFirst) refuseSubtraction(cursor, start);
      set.addRange(member.codePoint, member.codePoint);
    }
  }
  return cursor.refuse("A class [...] is not closed.", open);
}

/**
 * Takes `\d`, `\p{Lu}`, `\-` or `[:alpha:]`, if one stands here, and returns whether nothing is left to be read of it.
 * After `[:alpha` without its `:]` the class has been added and the bracket is a character of its own as well.
 */
function addNamedClass(cursor: PatternCursor, set: CharSetBuilder, inRange: boolean): boolean {
  if (cursor.startsWith("[:") && !inRange) return addPosixClass(cursor, set);
  if (cursor.peek() !== "\\") return false;
  const letter = cursor.peek(1);
  // Also within a range, which then still waits for its end.
  if (letter === "-") {
    cursor.at += 2;
    set.addRange(0x2d, 0x2d);
    return true;
  }
  const isNegated = letter !== letter.toLowerCase();
  const ranges = ESCAPE_CLASSES.get(letter.toLowerCase());
  const isProperty = letter === "p" || letter === "P";
  if (ranges === undefined && !isProperty) return false;
  if (inRange) cursor.refuse("A class such as \\d cannot be the end of a range.", cursor.at);
  cursor.at += 2;
  if (ranges !== undefined) set.addRanges(ranges, isNegated);
  else set.addProperty(readCategoryName(cursor), isNegated, cursor.flags.i);
  return true;
}

function addPosixClass(cursor: PatternCursor, set: CharSetBuilder): boolean {
  const start = cursor.at;
  cursor.at += 2;
  const isNegated = cursor.peek() === "^" && cursor.left >= 2;
  if (isNegated) cursor.at += 1;
  const name = cursor.takeMatch(/[0-9A-Za-z_]+/y);
  const ranges = POSIX_CLASSES.get(name);
  if (name === "digit") set.addCategory("Nd", isNegated);
  else if (ranges !== undefined) set.addRanges(ranges, isNegated);
  else cursor.refuse("[: must be followed by the name of a class, as in [:alpha:].", start);
  if (cursor.startsWith(":]")) {
    cursor.at += 2;
    return true;
  }
  cursor.at = start;
  return false;
}

function readMember(cursor: PatternCursor, isRangeEnd: boolean): Member {
  const start = cursor.at;
  const char = cursor.take();
  if (char === "\\" && cursor.left > 0) return { codePoint: readCharEscape(cursor, isRangeEnd), escaped: true };
  return { codePoint: checkedCodePoint(cursor, char.charCodeAt(0), start), escaped: false };
}

function refuseSubtraction(cursor: PatternCursor, position: number): never {
  return cursor.refuse("Taking a class from a class, as in [a-z-[aeiou]], is not supported.", position);
}
