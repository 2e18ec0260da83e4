/** Refuses parsed purge patterns on which Go's regexp2 is known to answer other than the pattern says; part of the parser. */

import type { Problem } from "./atom.ts";
import { isInSet } from "./charset.ts";
import type { PatternCursor } from "./cursor.ts";
import { type CharSet, type ClassNode, childrenOf, type LiteralNode, type PatternNode } from "./nodes.ts";
import { MAX_PATTERN_LOOKS, MAX_PATTERN_STATES, statesOf } from "./size.ts";

/** The first thing, if any, for which the pattern must be refused. */
export function findInexact(root: PatternNode, cursor: PatternCursor): Problem | undefined {
  if (statesOf(root) > MAX_PATTERN_STATES) {
    return { reason: "The pattern is too long with its repeats written out.", position: 0 };
  }
  const excess = looksOf(root)[MAX_PATTERN_LOOKS];
  if (excess !== undefined) {
    return { reason: `A pattern has at most ${MAX_PATTERN_LOOKS} look-arounds.`, position: excess.start };
  }
  // Go's tables of lower case outside ASCII are two, and they differ from each other and from ours.
  if (cursor.sawIgnoreCase && cursor.firstNonAscii !== undefined) {
    const reason = "A pattern that ignores case can name ASCII characters only.";
    return { reason, position: cursor.firstNonAscii };
  }
  return findMixedCategories(root) ?? findMixedCase(root) ?? findLazyEmptyLoop(root);
}

function looksOf(node: PatternNode): PatternNode[] {
  return [...(node.kind === "look" ? [node] : []), ...childrenOf(node).flatMap(looksOf)];
}

/**
 * regexp2 joins the classes of neighbouring branches, and those that a match can begin with, into one. In a class the first
 * negated category decides alone, so that another category beside it would be lost.
 */
function findMixedCategories(root: PatternNode): Problem | undefined {
  const names = new Set<string>();
  let position: number | undefined;
  const visit = (node: PatternNode): void => {
    if (node.kind === "class") {
      for (const { name, negated } of node.set.categories) {
        names.add(name);
        if (negated) position ??= node.start;
      }
    }
    childrenOf(node).forEach(visit);
  };
  visit(root);
  if (position === undefined || names.size < 2) return undefined;
  return { reason: "A negated Unicode category cannot stand together with other categories.", position };
}

/** The Kelvin sign: outside ASCII, and its lower case is the letter k. */
const KELVIN_SIGN = 0x212a;
const SMALL_K = 0x6b;

/**
 * When some parts ignore case, regexp2 looks in lower case for where a match can begin, also where that begins with a part
 * that does not: a capital of `\p{Lu}` is then missed, and so is a Kelvin sign in a class without `k`.
 */
function findMixedCase(root: PatternNode): Problem | undefined {
  const takers = takersOf(root);
  if (takers.every(({ ignoreCase }) => !ignoreCase)) return undefined;
  const missed = takers.find((node) => !node.ignoreCase && node.kind === "class" && canMissBeginning(node.set));
  if (missed === undefined) return undefined;
  return { reason: "This class cannot stand beside parts that ignore case.", position: missed.start };
}

function takersOf(node: PatternNode): (LiteralNode | ClassNode)[] {
  return node.kind === "literal" || node.kind === "class" ? [node] : childrenOf(node).flatMap(takersOf);
}

function canMissBeginning(set: CharSet): boolean {
  if (set.categories.length > 0) return true;
  // A negated class ends the search for beginnings, but for one that leaves out a single character.
  const [only] = set.ranges;
  const isMerged = !set.negated || (set.ranges.length === 1 && only?.first === only?.last);
  return isMerged && isInSet(set, KELVIN_SIGN) && !isInSet(set, SMALL_K);
}

/**
 * A lazy loop without upper bound over something that can match nothing leaves regexp2's stack out of order after a pass
 * that takes nothing: what is around the loop then goes wrong, or the search never ends.
 */
function findLazyEmptyLoop(node: PatternNode): Problem | undefined {
  const isEndless = node.kind === "repeat" && node.lazy && node.min <= 1 && node.max === Number.POSITIVE_INFINITY;
  if (isEndless && canBeEmpty(node.body)) {
    return {
      reason: "A lazy repeat without end of something that can match nothing is not supported.",
      position: node.start,
    };
  }
  for (const child of childrenOf(node)) {
    const problem = findLazyEmptyLoop(child);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Whether the part can match without taking a character; looks and anchors count as if they always held. */
function canBeEmpty(node: PatternNode): boolean {
  switch (node.kind) {
    case "literal":
    case "class":
      return false;
    case "sequence":
      return node.items.every(canBeEmpty);
    case "alternation":
      return node.branches.some(canBeEmpty);
    case "group":
      return canBeEmpty(node.body);
    case "repeat":
      return node.min === 0 || canBeEmpty(node.body);
    default:
      return true;
  }
}
