/** Purge patterns on names: the answers of Go's regexp2, and a bound on the work. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Alphabet } from "../../../../../shared/purge/pattern/alphabet.ts";
import { compilePattern } from "../../../../../shared/purge/pattern/match.ts";
import { parsePattern } from "../../../../../shared/purge/pattern/parse.ts";
import { layOut } from "../../../../../shared/purge/pattern/program.ts";
import { MAX_PATTERN_STATES, statesOf } from "../../../../../shared/purge/pattern/size.ts";
import { patternCases } from "../../../../support/pattern-cases.ts";
import { diceFrom, randomPattern, randomSubject } from "../../../../support/purge-patterns.ts";

const matcherOf = (text: string) => compilePattern(parsePattern(text));

test.each(patternCases().cases)("$pattern on $subject", ({ pattern, subject, match, whole }) => {
  const matcher = matcherOf(pattern);
  expect({ match: matcher.search(subject), whole: matcher.matchesWhole(subject) }).toEqual({ match, whole });
});

describe("a matcher", () => {
  test("takes the text itself when every character of it is escaped", () => {
    const escaped = (text: string) => [...text].map((char) => `\\x{${char.codePointAt(0)?.toString(16)}}`).join("");
    const char = fc.integer({ min: 0, max: 0xd7ff }).map((codePoint) => String.fromCodePoint(codePoint));
    fc.assert(
      fc.property(fc.string({ unit: char, maxLength: 30 }), fc.string({ unit: char }), (text, other) => {
        const matcher = matcherOf(escaped(text));
        expect(matcher.matchesWhole(text)).toBe(true);
        expect(matcher.matchesWhole(other)).toBe(other === text);
        expect(matcher.search(`${other}${text}`)).toBe(true);
      }),
    );
  });

  test("answers the same however many other subjects it was asked before", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const dice = diceFrom(seed);
        const text = acceptedPattern(dice);
        const used = matcherOf(text);
        for (let number = 0; number < 5; number += 1) {
          const subject = randomSubject(dice);
          const fresh = matcherOf(text);
          expect(used.search(subject)).toBe(fresh.search(subject));
          expect(used.matchesWhole(subject)).toBe(fresh.matchesWhole(subject));
        }
      }),
    );
  });

  test("finds anywhere what it takes as a whole", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const dice = diceFrom(seed);
        const matcher = matcherOf(acceptedPattern(dice));
        const subject = randomSubject(dice);
        if (matcher.matchesWhole(subject)) expect(matcher.search(subject)).toBe(true);
      }),
    );
  });

  test("takes subjects longer than any name", () => {
    const matcher = matcherOf("(?=.*b$)a+b");
    expect(matcher.matchesWhole(`${"a".repeat(5_000)}b`)).toBe(true);
    expect(matcher.matchesWhole("a".repeat(5_000))).toBe(false);
  });
});

describe("work is bounded", () => {
  /** Each ends at once here and never in an engine that goes back. */
  test.each([
    "(a+)+$",
    "(a|a)*b",
    "(a*)*b",
    "(?:a?){900}b",
    "(a|aa)+$",
    "^(?=(a+)+b)",
    "(?<=(a+)+)b",
    "(.*)*.*(x+x+)+y",
  ])("%s on the longest name", (text) => {
    expect(matcherOf(text).matchesWhole(`${"a".repeat(255)}!`)).toBe(false);
  });

  test("a pattern has no more states than it is counted for, and never more than the limit", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { root } = parsePattern(acceptedPattern(diceFrom(seed)));
        const { main, looks } = layOut(root);
        const states = [main, ...looks].reduce((sum, machine) => sum + machine.states.length - 1, 0);
        expect(states).toBeLessThanOrEqual(statesOf(root));
        expect(statesOf(root)).toBeLessThanOrEqual(MAX_PATTERN_STATES);
      }),
    );
  });

  test("characters that no set tells apart are one symbol", () => {
    const alphabet = new Alphabet(layOut(parsePattern("[a-c]é\\d").root).sets);
    expect(alphabet.symbolOf(0x61)).toBe(alphabet.symbolOf(0x63));
    expect(alphabet.symbolOf(0x7a)).toBe(alphabet.symbolOf(0x1f600));
    expect(alphabet.symbolOf(0xe9)).not.toBe(alphabet.symbolOf(0xe8));
  });
});

function acceptedPattern(dice: (bound: number) => number): string {
  for (;;) {
    const text = randomPattern(dice);
    try {
      parsePattern(text);
      return text;
    } catch {
      // Refused ones are the parser's tests.
    }
  }
}
