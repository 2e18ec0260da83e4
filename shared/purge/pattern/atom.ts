/** The smallest parts of purge patterns outside of `[...]`: characters, escapes, classes, anchors; part of the parser. */
import { CharSetBuilder, complementOf, ESCAPE_CLASSES, lowerCaseOf, MAX_CODE_POINT } from "./charset.ts";
import { readClass } from "./class.ts";
import type { PatternCursor } from "./cursor.ts";
import { checkedCodePoint, readCategoryName, readCharEscape } from "./escape.ts";
import type { AnchorKind, CharSet, PatternNode } from "./nodes.ts";

/** Why a pattern is refused, for a person, and the offset of what is wrong. */
export type Problem = { readonly reason: string; readonly position: number };

const NO_BACK_REFERENCES = "Back-references are not supported.";
/** `\1` to `\9` are always references; from here on a number is one only if there are that many groups. */
const FIRST_DOUBTFUL_REFERENCE = 10;
const NEWLINE = 0x0a;
const ANY: CharSet = { negated: false, ranges: [{ first: 0, last: MAX_CODE_POINT }], categories: [] };
const NOT_NEWLINE: CharSet = { negated: true, ranges: [{ first: NEWLINE, last: NEWLINE }], categories: [] };
/** `\G` is where the search begins: always the beginning, as no second match is asked for. */
const ANCHOR_ESCAPES: ReadonlyMap<string, AnchorKind> = new Map([
  ["A", "begin"],
  ["G", "begin"],
  ["z", "end"],
  ["Z", "end"],
  ["b", "word-boundary"],
  ["B", "not-word-boundary"],
]);

/** `\k` in any form, and `\<name>` and `\'name'`, after their backslash; `\<` before anything else is a bracket. */
const REFERENCE = /^(?:k|[<'][0-9]|<[\p{L}\p{Mn}\p{Nd}\p{Pc}\u200c\u200d]+>|'[\p{L}\p{Mn}\p{Nd}\p{Pc}\u200c\u200d]+')/u;

/** Groups of a pattern, to tell at its end whether `\10` and higher were references or octal characters. */
export class BackReferences {
  private readonly doubtful: { number: number; position: number }[] = [];
  private readonly numbers = new Set<number>();
  private readonly names = new Set<string>();
  private unnamed = 0;

  /** Notes a capturing group. A name of digits gives the number itself. */
  noteGroup(name: string | undefined): void {
    if (name === undefined) this.unnamed += 1;
    else if (/^[0-9]+$/.test(name)) this.numbers.add(Number(name));
    else this.names.add(name);
  }

  /** Notes `\10` or higher, read as a character for now. */
  noteDoubtful(number: number, position: number): void {
    this.doubtful.push({ number, position });
  }

  /** The first that is a reference after all. Names take the lowest free numbers, after the unnamed groups. */
  findResolved(): Problem | undefined {
    const highest = this.unnamed + this.names.size + this.numbers.size;
    const found = this.doubtful.find(({ number }) => number <= highest || this.numbers.has(number));
    return found && { reason: NO_BACK_REFERENCES, position: found.position };
  }
}

/** Reads one character, escape, class or anchor; the cursor stands before it, and it is no bracket or quantifier. */
export function readAtom(cursor: PatternCursor, references: BackReferences): PatternNode {
  const start = cursor.at;
  const char = cursor.take();
  switch (char) {
    case "[":
      return classNode(cursor, readClass(cursor), start);
    case "\\":
      return readEscape(cursor, references);
    case "^":
      return { kind: "anchor", anchor: cursor.flags.m ? "line-begin" : "begin", start, end: cursor.at };
    case "$":
      return { kind: "anchor", anchor: cursor.flags.m ? "line-end" : "end", start, end: cursor.at };
    case ".":
      return classNode(cursor, cursor.flags.s ? ANY : NOT_NEWLINE, start);
    default:
      return literalNode(cursor, checkedCodePoint(cursor, char.charCodeAt(0), start), start);
  }
}

function readEscape(cursor: PatternCursor, references: BackReferences): PatternNode {
  const start = cursor.at - 1;
  const letter = cursor.peek();
  const anchor = ANCHOR_ESCAPES.get(letter);
  if (anchor !== undefined) {
    cursor.at += 1;
    return { kind: "anchor", anchor, start, end: cursor.at };
  }
  const ranges = ESCAPE_CLASSES.get(letter.toLowerCase());
  if (ranges !== undefined) {
    cursor.at += 1;
    const isNegated = letter !== letter.toLowerCase();
    // Not made for lower case: regexp2 does that for bracket classes only.
    return classNode(
      cursor,
      { negated: false, ranges: isNegated ? complementOf(ranges) : ranges, categories: [] },
      start,
    );
  }
  if (letter === "p" || letter === "P") {
    cursor.at += 1;
    const set = new CharSetBuilder();
    set.addProperty(readCategoryName(cursor), letter === "P", cursor.flags.i);
    return classNode(cursor, set.build(cursor.flags.i), start);
  }
  refuseReference(cursor, references, start);
  return literalNode(cursor, readCharEscape(cursor), start);
}

/** Refuses back-references in every form; the cursor stays. Octal numbers of two digits and more pass for now. */
function refuseReference(cursor: PatternCursor, references: BackReferences, start: number): void {
  const after = cursor.text.slice(cursor.at);
  if (REFERENCE.test(after)) cursor.refuse(NO_BACK_REFERENCES, start);
  const digits = /^[1-9][0-9]*/.exec(after)?.[0];
  if (digits === undefined) return;
  const number = Number(digits);
  if (number < FIRST_DOUBTFUL_REFERENCE || number > 0x7fffffff) cursor.refuse(NO_BACK_REFERENCES, start);
  references.noteDoubtful(number, start);
}

function literalNode(cursor: PatternCursor, codePoint: number, start: number): PatternNode {
  const ignoreCase = cursor.flags.i;
  cursor.sawIgnoreCase ||= ignoreCase;
  return {
    kind: "literal",
    codePoint: ignoreCase ? lowerCaseOf(codePoint) : codePoint,
    ignoreCase,
    start,
    end: cursor.at,
  };
}

function classNode(cursor: PatternCursor, set: CharSet, start: number): PatternNode {
  cursor.sawIgnoreCase ||= cursor.flags.i;
  return { kind: "class", set, ignoreCase: cursor.flags.i, start, end: cursor.at };
}
