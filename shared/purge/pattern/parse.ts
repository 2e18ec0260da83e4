/**
 * Parses purge patterns: the dialect of Go's regexp2 v1.11.5 with its option RE2, the one of the registry's own clean-up
 * tool. What would not be matched exactly as there is refused. Used by the policy's schema, its linter and the matcher.
 */

import { BackReferences, readAtom } from "./atom.ts";
import { findInexact } from "./check.ts";
import { PatternCursor } from "./cursor.ts";
import { type GroupOpener, readGroupOpener } from "./group.ts";
import type { PatternNode, Span } from "./nodes.ts";
import { MAX_PATTERN_STATES, statesOf } from "./size.ts";

/** Longest pattern, UTF-16 units: ours. Names are at most 256 characters, so a longer one lists what a policy should. */
export const MAX_PATTERN_LENGTH = 1_000;
/** Deepest nesting of groups: ours, far above what a person writes, far below what the call stack bears. */
export const MAX_PATTERN_NESTING = 50;
/** Greatest number in `{n,m}`: RE2's own (kMaxRepeat); regexp2 has none. */
export const MAX_PATTERN_REPEAT = 1_000;

/** regexp2's own number for "without end". */
const NO_UPPER_BOUND = 0x7fffffff;

/** A pattern that is understood and will be matched exactly. */
export type Pattern = { readonly text: string; readonly root: PatternNode };

/** No pattern, or one that is not supported. `reason` is for a person; `position` is a 0-based offset in UTF-16 units. */
export class PatternError extends Error {
  readonly reason: string;
  readonly position: number;
  constructor(reason: string, position: number) {
    super(reason);
    this.name = "PatternError";
    this.reason = reason;
    this.position = position;
  }
}

/** What is shared by all levels of one parse. */
type Parse = { readonly cursor: PatternCursor; readonly references: BackReferences };

/**
 * Reads a pattern.
 * @throws PatternError when regexp2 would not compile it, or when it is not supported
 */
export function parsePattern(text: string): Pattern {
  const cursor = new PatternCursor(text, (reason, position): never => {
    throw new PatternError(reason, position);
  });
  if (text.length > MAX_PATTERN_LENGTH) {
    cursor.refuse(`A pattern is at most ${MAX_PATTERN_LENGTH} characters long.`, MAX_PATTERN_LENGTH);
  }
  const unsure = text.search(/[\ud800-\udfff\uffff]/);
  if (unsure !== -1) cursor.refuse("Characters above U+FFFE are not supported.", unsure);
  const parse: Parse = { cursor, references: new BackReferences() };
  const root = readAlternation(parse, 0);
  const problem = parse.references.findResolved() ?? findInexact(root, cursor);
  if (problem !== undefined) cursor.refuse(problem.reason, problem.position);
  return { text, root };
}

/** Reads to the end of the pattern, or to the closing bracket of the group at `depth` 1 and more, which stays. */
function readAlternation(parse: Parse, depth: number): PatternNode {
  const { cursor } = parse;
  const start = cursor.at;
  const branches: PatternNode[] = [readSequence(parse, depth)];
  while (cursor.peek() === "|") {
    cursor.at += 1;
    branches.push(readSequence(parse, depth));
  }
  if (depth === 0 && cursor.peek() === ")") cursor.refuse("This closing bracket has no opening one.", cursor.at);
  const [only] = branches;
  return only !== undefined && branches.length === 1 ? only : { kind: "alternation", branches, start, end: cursor.at };
}

function readSequence(parse: Parse, depth: number): PatternNode {
  const { cursor } = parse;
  const start = cursor.at;
  const items: PatternNode[] = [];
  for (;;) {
    cursor.skipBlank();
    const next = cursor.peek();
    if (next === "" || next === "|" || next === ")") break;
    if (isQuantifier(cursor)) cursor.refuse("There is nothing here that could be repeated.", cursor.at);
    const item = next === "(" ? readGroup(parse, depth) : readAtom(cursor, parse.references);
    items.push(item.kind === "flags" ? item : readQuantifier(cursor, item));
  }
  const [only] = items;
  if (only === undefined) return { kind: "empty", start, end: start };
  return items.length === 1 ? only : { kind: "sequence", items, start, end: items.at(-1)?.end ?? start };
}

function readGroup(parse: Parse, depth: number): PatternNode {
  const { cursor } = parse;
  const start = cursor.at;
  const outerFlags = cursor.flags;
  if (depth >= MAX_PATTERN_NESTING) cursor.refuse(`Groups nest at most ${MAX_PATTERN_NESTING} deep.`, start);
  cursor.at += 1;
  const opener = readGroupOpener(cursor);
  if (opener.kind === "flags") return { kind: "flags", start, end: cursor.at };
  if (opener.kind === "group" && opener.capture) parse.references.noteGroup(opener.name);
  const body = readAlternation(parse, depth + 1);
  if (cursor.take() !== ")") cursor.refuse("This group is not closed.", start);
  cursor.flags = outerFlags;
  return groupNode(opener, body, { start, end: cursor.at });
}

function groupNode(opener: Exclude<GroupOpener, { kind: "flags" }>, body: PatternNode, span: Span): PatternNode {
  if (opener.kind === "look") {
    return { kind: "look", ahead: opener.ahead, negative: opener.negative, body, ...span };
  }
  return { kind: "group", capture: opener.capture, name: opener.name, body, ...span };
}

/** A brace that is not `{n}`, `{n,}` or `{n,m}` is an ordinary character. */
const BRACES = /\{([0-9]+)(?:(,)([0-9]*))?\}/y;

function isQuantifier(cursor: PatternCursor): boolean {
  const next = cursor.peek();
  if (next === "*" || next === "+" || next === "?") return true;
  BRACES.lastIndex = cursor.at;
  return next === "{" && BRACES.test(cursor.text);
}

/** The item as it is, or repeated when a quantifier follows; blanks may stand before it and before its `?`. */
function readQuantifier(cursor: PatternCursor, body: PatternNode): PatternNode {
  cursor.skipBlank();
  if (!isQuantifier(cursor)) return body;
  const position = cursor.at;
  const { min, max } = readBounds(cursor);
  let end = cursor.at;
  cursor.skipBlank();
  const lazy = cursor.peek() === "?";
  if (lazy) {
    cursor.at += 1;
    end = cursor.at;
  }
  const node: PatternNode = { kind: "repeat", min, max, lazy, body, start: body.start, end };
  if (statesOf(node) > MAX_PATTERN_STATES) {
    cursor.refuse("This repeats too much: written out, the pattern would be too long.", position);
  }
  return node;
}

function readBounds(cursor: PatternCursor): { min: number; max: number } {
  const position = cursor.at;
  const sign = cursor.peek();
  if (sign !== "{") {
    cursor.at += 1;
    return { min: sign === "+" ? 1 : 0, max: sign === "?" ? 1 : Number.POSITIVE_INFINITY };
  }
  BRACES.lastIndex = cursor.at;
  const [text = "", low, comma, high] = BRACES.exec(cursor.text) ?? [];
  cursor.at += text.length;
  const min = Number(low);
  const upper = high === "" || Number(high) === NO_UPPER_BOUND ? Number.POSITIVE_INFINITY : Number(high);
  const max = comma === undefined ? min : upper;
  if (min > MAX_PATTERN_REPEAT || (max > MAX_PATTERN_REPEAT && max !== Number.POSITIVE_INFINITY)) {
    cursor.refuse(`A repeat count is at most ${MAX_PATTERN_REPEAT}.`, position);
  }
  if (min > max) cursor.refuse("The first repeat count is greater than the second.", position);
  return { min, max };
}
