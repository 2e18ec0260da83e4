/** Purge patterns against Go's regexp2 itself, built from test/clients/regexp2: random pairs and the unit tests' own cases. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { compilePattern, type Matcher } from "../../shared/purge/pattern-match.ts";
import { PatternError, parsePattern } from "../../shared/purge/pattern-parse.ts";
import { patternCases } from "../support/pattern-cases.ts";
import { diceFrom, randomPattern, randomSubject } from "../support/purge-patterns.ts";

const SOURCE = fileURLToPath(new URL("regexp2/", import.meta.url));
/** Another one compares other pairs: PATTERN_SEED=2 npm run test:clients. */
const SEED = Number(process.env.PATTERN_SEED ?? "1");
const PATTERNS = 5_000;
const SUBJECTS_EACH = 4;
/** Random pairs that must at least be comparable: accepted by both. It is about 17,000. */
const FEWEST_COMPARED = 12_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

type Question = { readonly pattern: string; readonly subject: string };
const answerSchema = z.object({
  outcome: z.enum(["answer", "no pattern", "no answer"]),
  match: z.boolean(),
  whole: z.boolean(),
});
type Answer = z.infer<typeof answerSchema>;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-regexp2-"));
  execFileSync("go", ["build", "-o", join(folder, "regexp2"), "."], { cwd: SOURCE, stdio: "pipe" });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function askRegexp2(questions: readonly Question[]): Answer[] {
  const input = questions.map((question) => JSON.stringify(question)).join("\n");
  const output = execFileSync(join(folder, "regexp2"), { input, encoding: "utf8", maxBuffer: MAX_OUTPUT_BYTES });
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
  const questions = Array.from({ length: PATTERNS }, () => randomPattern(dice)).flatMap((pattern) =>
    Array.from({ length: SUBJECTS_EACH }, () => ({ pattern, subject: randomSubject(dice) })),
  );
  const answers = askRegexp2(questions);
  expect(answers).toHaveLength(questions.length);
  let compared = 0;
  const wrong = questions.flatMap((question, number) => {
    const theirs = answers[number];
    const matcher = matcherOf(question.pattern);
    if (matcher === undefined) return [];
    compared += 1;
    const match = matcher.search(question.subject);
    const whole = matcher.matchesWhole(question.subject);
    const isSame = theirs?.outcome === "answer" && theirs.match === match && theirs.whole === whole;
    return isSame ? [] : [{ ...question, ours: { match, whole }, theirs }];
  });
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(FEWEST_COMPARED);
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
