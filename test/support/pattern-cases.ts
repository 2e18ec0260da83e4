/** The table of purge patterns with the answers of Go's regexp2; test/clients/pattern-engine.test.ts proves that they are its. */
import { readFileSync } from "node:fs";
import { z } from "zod";

const FILE = new URL("../unit/shared/purge/pattern/cases.json", import.meta.url);

const schema = z.strictObject({
  /** Pattern, subject, whether regexp2 finds a match anywhere, whether it matches the whole subject. */
  cases: z.array(z.tuple([z.string(), z.string(), z.boolean(), z.boolean()])),
  /** What regexp2 does not compile. */
  notPatterns: z.array(z.string()),
});

/** A pattern on a subject, and regexp2's two answers. */
export type PatternCase = {
  readonly pattern: string;
  readonly subject: string;
  readonly match: boolean;
  readonly whole: boolean;
};

/** Reads the table. */
export function patternCases(): { cases: PatternCase[]; notPatterns: string[] } {
  const { cases, notPatterns } = schema.parse(JSON.parse(readFileSync(FILE, "utf8")));
  return { cases: cases.map(([pattern, subject, match, whole]) => ({ pattern, subject, match, whole })), notPatterns };
}
