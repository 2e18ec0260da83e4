/** How much work a purge pattern is: the states that it has when its counted repeats are written out. */
import type { PatternNode } from "./nodes.ts";

/**
 * Most states of a pattern, over all its look-arounds: ours. It bounds the time of a match, which is at most this times
 * the length of the name in steps of some nanoseconds: about 2,000 x 257 places for the longest repository name.
 */
export const MAX_PATTERN_STATES = 2_000;

/**
 * Most look-arounds of a pattern: ours. With the six kinds of anchors they are the conditions of a machine, which are kept
 * as bits of one number.
 */
export const MAX_PATTERN_LOOKS = 20;

/** States of the part, as program.ts lays them out (never fewer); counted repeats are copies of their body. */
export function statesOf(node: PatternNode): number {
  switch (node.kind) {
    case "sequence":
      return node.items.reduce((sum, item) => sum + statesOf(item), 0);
    case "alternation":
      return node.branches.reduce((sum, branch) => sum + statesOf(branch) + 1, 0);
    case "group":
      return statesOf(node.body);
    case "look":
      return statesOf(node.body) + 2;
    case "repeat": {
      const body = statesOf(node.body);
      if (node.max === Number.POSITIVE_INFINITY) return Math.max(node.min, 1) * body + 1;
      return node.min * body + (node.max - node.min) * (body + 1);
    }
    default:
      return 1;
  }
}
