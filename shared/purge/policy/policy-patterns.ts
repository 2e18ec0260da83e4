/** Refuses a policy with a pattern that cannot be matched exactly. Used by policy.ts. */
import { InputError, type InputProblem } from "../../errors.ts";
import { PatternError, parsePattern } from "../pattern/parse.ts";
import type { PurgeRule } from "./policy.ts";

/**
 * Parses both patterns of every rule.
 * @throws InputError PATTERN_UNSUPPORTED with each place and position, never the pattern
 */
export function refusePatterns(rules: readonly Pick<PurgeRule, "repositories" | "tags">[]): void {
  const problems = rules.flatMap((rule, i) => [
    ...patternProblems(rule.repositories, `/rules/${i}/repositories`),
    ...(rule.tags === null ? [] : patternProblems(rule.tags, `/rules/${i}/tags`)),
  ]);
  if (problems.length === 0) return;
  const list = problems.map(({ path, expected }) => `${path}: ${expected}`).join("; ");
  throw new InputError("PATTERN_UNSUPPORTED", `A pattern cannot be matched exactly. Change ${list}.`, { problems });
}

function patternProblems(text: string, path: string): InputProblem[] {
  try {
    parsePattern(text);
    return [];
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return [{ path, expected: `another pattern: ${error.reason.replace(/\.$/, "")}, at position ${error.position}` }];
  }
}
