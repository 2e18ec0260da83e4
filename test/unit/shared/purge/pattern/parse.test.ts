/** Purge patterns: what is refused, with its place, and the tree that the linter walks. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { childrenOf, type PatternNode } from "../../../../../shared/purge/pattern/nodes.ts";
import {
  MAX_PATTERN_LENGTH,
  MAX_PATTERN_NESTING,
  PatternError,
  parsePattern,
} from "../../../../../shared/purge/pattern/parse.ts";
import { MAX_PATTERN_LOOKS, MAX_PATTERN_STATES } from "../../../../../shared/purge/pattern/size.ts";
import { patternCases } from "../../../../support/pattern-cases.ts";
import { diceFrom, randomPattern } from "../../../../support/purge-patterns.ts";

function refusalOf(text: string): PatternError {
  try {
    parsePattern(text);
  } catch (error) {
    if (error instanceof PatternError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

test.each(patternCases().notPatterns)("%s is no pattern", (text) => {
  expect(refusalOf(text).reason).not.toBe("");
});

describe("a construct that is not matched exactly is refused where it stands", () => {
  test.each([
    ["(a)b\\1", 4],
    ["(?<n>a)\\k<n>", 7],
    ["(?<n>a)\\<n>", 7],
    ["((((((((((a))))))))))\\10", 21],
    ["a(?>b)", 1],
    ["(a)?(?(1)b|c)", 4],
    ["(?<a>x)(?<b-a>y)", 7],
    ["[a-z-[aeiou]]", 4],
    ["[a-[b]]", 3],
    ["x\\p{Katakana}", 1],
    ["\\pC", 0],
    ["(?i)aé", 5],
    ["(?i)[à-é]", 5],
    ["é(?i)a", 0],
    ["a\\x{10400}", 1],
    ["😀", 0],
    ["\\x{d800}", 0],
    ["\\P{Lu}\\pN", 0],
    ["\\p{Lu}(?i)|b", 0],
    ["(?i:a)\\W", 6],
    ["a(?:b?)*?", 1],
    ["(?:|b)+?", 0],
    ["a(?#not closed", 1],
  ])("%s at %i", (text, position) => {
    expect(refusalOf(text).position).toBe(position);
  });
});

describe("limits", () => {
  test("the longest pattern is accepted, one more character is not", () => {
    expect(() => parsePattern("a".repeat(MAX_PATTERN_LENGTH))).not.toThrow();
    expect(refusalOf("a".repeat(MAX_PATTERN_LENGTH + 1)).position).toBe(MAX_PATTERN_LENGTH);
  });

  test("groups nest to the limit", () => {
    const nested = (depth: number) => "(".repeat(depth) + ")".repeat(depth);
    expect(() => parsePattern(nested(MAX_PATTERN_NESTING))).not.toThrow();
    expect(refusalOf(nested(MAX_PATTERN_NESTING + 1)).position).toBe(MAX_PATTERN_NESTING);
  });

  test("repeats are counted as if written out, nested ones too", () => {
    expect(() => parsePattern("(?:a{100}){20}")).not.toThrow();
    expect(MAX_PATTERN_STATES).toBe(2_000);
    expect(refusalOf("(?:a{100}){21}").position).toBe(10);
    expect(refusalOf("(?:(?:(?:a{50}){50}){50}){50}").position).toBe(15);
    expect(refusalOf(`${"a{900}".repeat(3)}`).position).toBe(0);
  });

  test("look-arounds are counted", () => {
    expect(() => parsePattern("(?=a)".repeat(MAX_PATTERN_LOOKS))).not.toThrow();
    expect(refusalOf("(?=a)".repeat(MAX_PATTERN_LOOKS + 1)).position).toBe(MAX_PATTERN_LOOKS * 5);
  });
});

describe("the tree", () => {
  test("an alternation at the top stands as itself, with its branches", () => {
    const { root } = parsePattern("foo|ba");
    expect(root).toMatchObject({ kind: "alternation", start: 0, end: 6 });
    expect(childrenOf(root)).toMatchObject([
      { kind: "sequence", start: 0, end: 3 },
      { kind: "sequence", start: 4, end: 6 },
    ]);
  });

  test("flags, anchors, groups and repeats have their places", () => {
    const { root } = parsePattern("(?i)^(?<n>b)+?$");
    expect(childrenOf(root)).toMatchObject([
      { kind: "flags", start: 0, end: 4 },
      { kind: "anchor", anchor: "begin", start: 4, end: 5 },
      {
        kind: "repeat",
        min: 1,
        max: Number.POSITIVE_INFINITY,
        lazy: true,
        start: 5,
        end: 14,
        body: { kind: "group", name: "n" },
      },
      { kind: "anchor", anchor: "end", start: 14, end: 15 },
    ]);
  });

  test("a flag in a group ends with it, also over its branches", () => {
    const literals = (node: PatternNode): boolean[] =>
      node.kind === "literal" ? [node.ignoreCase] : childrenOf(node).flatMap(literals);
    expect(literals(parsePattern("a(b(?i)c|d)e").root)).toEqual([false, false, true, true, false]);
  });
});

test("any text is refused with a place in it or becomes a tree whose parts lie within each other", () => {
  const check = (text: string): void => {
    try {
      const visit = (node: PatternNode): void => {
        expect(node.start).toBeLessThanOrEqual(node.end);
        for (const child of childrenOf(node)) {
          expect(child.start).toBeGreaterThanOrEqual(node.start);
          expect(child.end).toBeLessThanOrEqual(node.end);
          visit(child);
        }
      };
      visit(parsePattern(text).root);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      expect(error.position).toBeGreaterThanOrEqual(0);
      expect(error.position).toBeLessThanOrEqual(text.length);
    }
  };
  fc.assert(fc.property(fc.string({ unit: "binary" }), check));
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."()[]{}?*+|\\^$:<>='!#-ipPxkb12,\n a".split("")) }), check),
  );
  fc.assert(fc.property(fc.integer(), (seed) => check(randomPattern(diceFrom(seed)))));
});
