/** Checks input against a schema at an edge. Paths and expectations go into the error, values never do. */
import type { z } from "zod";
import { InputError, type InputProblem } from "./errors.ts";

/** How many wrong places one answer names; the rest would only bury them. */
const MAX_PROBLEMS = 20;

/**
 * The value as the schema has it.
 * @param where what was read, for the message: `body`, `query`, `path`
 * @throws InputError INVALID_REQUEST with every wrong place
 */
export function parse<S extends z.ZodType>(schema: S, input: unknown, where: string): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap(toProblems).slice(0, MAX_PROBLEMS);
  const list = problems.map((problem) => `${problem.path}: ${problem.expected}`).join("; ");
  throw new InputError("INVALID_REQUEST", `The ${where} is not valid. Correct ${list}.`, { problems });
}

function toProblems(issue: z.core.$ZodIssue): InputProblem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), expected: "no such field: remove it" }));
  }
  return [{ path: pathOf(issue.path), expected: expectation(issue) }];
}

/** A key may be the caller's own text: the path ends before one that does not look like a name, so that no secret is echoed. */
function pathOf(keys: readonly PropertyKey[]): string {
  const names = keys.map(String);
  const end = names.findIndex((name) => !/^\w{1,40}$/.test(name));
  return `/${names.slice(0, end === -1 ? names.length : end).join("/")}`;
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${issue.expected}`;
    case "invalid_value":
      return `expected one of ${issue.values.map(String).join(", ")}`;
    case "too_small":
      return `at least ${issue.minimum}`;
    case "too_big":
      return `at most ${issue.maximum}`;
    case "invalid_union":
      return "expected one of the forms in the API description";
    default:
      // Messages of formats and of our own refinements name the rule, not the value.
      return issue.message;
  }
}
