/** Purge patterns against Go's regexp2 itself, built from test/clients/regexp2: random pairs and the unit tests' own cases. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";
import { compilePattern, type Matcher } from "../../shared/purge/pattern/match.ts";
import { PatternError, parsePattern } from "../../shared/purge/pattern/parse.ts";
import { patternCases } from "../support/pattern-cases.ts";
import { diceFrom, randomPattern, randomSubject } from "../support/purge-patterns.ts";

/** Built from test/clients/regexp2 by scripts/clients/install.sh. */
const REGEXP2 = fileURLToPath(new URL("bin/regexp2", import.meta.url));
/** Another one compares other pairs: PATTERN_SEED=2 npm run test:clients. */
const SEED = Number(process.env.PATTERN_SEED ?? "1");
const PATTERNS = 6_000;
const SUBJECTS_EACH = 4;
/** Random pairs that must at least be comparable: accepted by both. It is about 20,000. */
const FEWEST_COMPARED = 12_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

type Question = { readonly pattern: string; readonly subject: string };
const answerSchema = z.object({
  outcome: z.enum(["answer", "no pattern", "no answer"]),
  match: z.boolean(),
  whole: z.boolean(),
});
type Answer = z.infer<typeof answerSchema>;

function askRegexp2(questions: readonly Question[]): Answer[] {
  const input = questions.map(({ pattern, subject }) => JSON.stringify({ pattern, subject })).join("\n");
  const output = execFileSync(REGEXP2, { input, encoding: "utf8", maxBuffer: MAX_OUTPUT_BYTES });
  return output
    .trimEnd()
    .split("\n")
    .map((line) => answerSchema.parse(JSON.parse(line)));
}

function matcherOf(pattern: string): Matcher | undefined {
  try {
    return compilePattern(parsePattern(pattern));
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}

test(`random patterns (seed ${SEED}): the accepted ones answer as regexp2 does, and are patterns for it`, () => {
  const dice = diceFrom(SEED);
  // Refused ones are not asked: among them are those on which regexp2 never ends.
  const asked = Array.from({ length: PATTERNS }, () => randomPattern(dice)).flatMap((pattern) => {
    const matcher = matcherOf(pattern);
    if (matcher === undefined) return [];
    return Array.from({ length: SUBJECTS_EACH }, () => ({ pattern, subject: randomSubject(dice), matcher }));
  });
  expect(asked.length).toBeGreaterThan(FEWEST_COMPARED);
  const answers = askRegexp2(asked);
  expect(answers).toHaveLength(asked.length);
  const wrong = asked.flatMap(({ pattern, subject, matcher }, number) => {
    const theirs = answers[number];
    const ours = { outcome: "answer", match: matcher.search(subject), whole: matcher.matchesWhole(subject) };
    const isSame = theirs?.outcome === "answer" && theirs.match === ours.match && theirs.whole === ours.whole;
    return isSame ? [] : [{ pattern, subject, ours, theirs }];
  });
  expect(wrong).toEqual([]);
});

test("the unit tests' cases hold what regexp2 answers", () => {
  const { cases } = patternCases();
  const answers = askRegexp2(cases);
  expect(cases.map(({ match, whole }) => ({ outcome: "answer", match, whole }))).toEqual(answers);
});

test("the unit tests' list of what is no pattern is regexp2's too", () => {
  const { notPatterns } = patternCases();
  const answers = askRegexp2(notPatterns.map((pattern) => ({ pattern, subject: "" })));
  expect(notPatterns.filter((_, number) => answers[number]?.outcome !== "no pattern")).toEqual([]);
});
