/** The filters of `acr purge`: where one is split, and patterns of a rule that select exactly what it selects. Used by acr-rules.ts. */
import { PatternError, parsePattern } from "../pattern/parse.ts";
import { isAlwaysEmpty, isAnchor, isAnyRun, itemsOf, type NameKind } from "../pattern/shape.ts";

/** Takes any run of characters, whatever flags a pattern has set. */
const ANYTHING = "(?s:.*)";

/** Both halves as they are written, or what was expected, never the text itself. */
export type FilterReading =
  | { readonly repository: string; readonly tag: string; readonly tagStart: number }
  | { readonly expected: string };

/**
 * Splits `repository:tag` at its one colon. Source: acr-cli, GetRepositoryAndTagRegex: a colon does not count behind `(?` with
 * up to five of `imsU-`, behind `[` with any `^`, and before `]`.
 */
export function splitFilter(filter: string): FilterReading {
  const colons = [...filter.matchAll(/:/g)].map((match) => match.index).filter((at) => isSplit(filter, at));
  const [at] = colons;
  if (at === undefined || colons.length > 1) {
    return {
      expected: "exactly one colon, between the repository's pattern and the tag's; (?i:..) and [[:alpha:]] have none",
    };
  }
  if (at === 0) return { expected: "a repository's pattern before the colon" };
  if (at === filter.length - 1) return { expected: "a tag's pattern behind the colon" };
  return { repository: filter.slice(0, at), tag: filter.slice(at + 1), tagStart: at + 1 };
}

function isSplit(filter: string, at: number): boolean {
  if (filter[at + 1] === "]") return false;
  if (/\(\?[imsU-]{0,5}$/.test(filter.slice(Math.max(0, at - 7), at))) return false;
  let before = at - 1;
  while (filter[before] === "^") before -= 1;
  return filter[before] !== "[";
}

/**
 * A pattern that takes as a whole exactly the names in which `text` is found.
 * @throws PatternError with the place in `text`
 */
export function wholeOfSearch(text: string, kind: NameKind): string {
  const { root } = parsePattern(text);
  if (isAlwaysEmpty(root)) return ".*";
  const items = itemsOf(root);
  // Flags and branches reach as far as the group they stand in: they get one.
  const isPlain = root.kind !== "alternation" && !items.some((item) => item.kind === "flags");
  if (!isPlain) return `${ANYTHING}${grouped(text)}${ANYTHING}`;
  const [first] = items;
  const last = items.at(-1);
  const isBegun = first !== undefined && (isAnchor(first, "begin") || isAnyRun(first, kind, 0));
  const isEnded = last !== undefined && (isAnchor(last, "end") || isAnyRun(last, kind, 0));
  return `${isBegun ? "" : ANYTHING}${text}${isEnded ? "" : ANYTHING}`;
}

/**
 * A pattern that takes as a whole exactly the repositories that the half of a filter selects: those in which `^half$` is
 * found, with no group round the half.
 * @throws PatternError with the place in `half`
 */
export function wholeOfRepository(half: string): string {
  const searched = `^${half}$`;
  try {
    const { root } = parsePattern(searched);
    const items = itemsOf(root);
    const last = items.at(-1);
    const hasBothEnds =
      items[0]?.kind === "anchor" && last?.kind === "anchor" && last.anchor === "end" && last.end === searched.length;
    if (hasBothEnds && parses(half)) return half;
    return wholeOfSearch(searched, "repository");
  } catch (error) {
    // Places count from the half's first character.
    if (error instanceof PatternError) throw new PatternError(error.reason, Math.max(0, error.position - 1));
    throw error;
  }
}

/** A group round any pattern. Under `(?x)` a comment would swallow the bracket, so that it gets a line of its own. */
export function grouped(text: string): string {
  return parses(`(?:${text})`) ? `(?:${text})` : `(?:${text}\n)`;
}

function parses(text: string): boolean {
  try {
    parsePattern(text);
    return true;
  } catch (error) {
    if (error instanceof PatternError) return false;
    throw error;
  }
}
