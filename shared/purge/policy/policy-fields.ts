/** What the fields of a purge policy mean together: which may not stand beside which. Used by policy.ts. */
import type { PolicySpec, PurgeRule } from "./policy.ts";

/** One wrong place: path inside the policy, and what was expected there. */
export type CrossProblem = { readonly path: PropertyKey[]; readonly expected: string };

/** Every field that does not fit the others. */
export function crossProblems({ rules, schedule }: PolicySpec): CrossProblem[] {
  const hasPreset = schedule !== null && "preset" in schedule;
  if (rules === null)
    return hasPreset ? [] : [{ path: ["rules"], expected: "at least one rule, or a preset as schedule" }];
  const names = new Set<string>();
  return rules.flatMap((rule, i) => {
    const isTaken = names.has(rule.name);
    names.add(rule.name);
    const problems = ruleProblems(rule, hasPreset);
    if (isTaken) problems.push({ path: ["name"], expected: "a name that no other rule has" });
    return problems.map(({ path, expected }) => ({ path: ["rules", i, ...path], expected }));
  });
}

function ruleProblems(rule: PurgeRule, hasPreset: boolean): CrossProblem[] {
  const problems: CrossProblem[] = [];
  if (rule.tags === null && !rule.untagged)
    problems.push({ path: ["tags"], expected: "a pattern, unless `untagged` is true" });
  if (rule.action === "keep") {
    if (rule.olderThan !== null)
      problems.push({ path: ["olderThan"], expected: "nothing: a keep rule keeps at any age" });
    if (rule.keepNewest !== 0)
      problems.push({ path: ["keepNewest"], expected: "0: a keep rule keeps all that it matches" });
    if (rule.includeLocked) problems.push({ path: ["includeLocked"], expected: "false: a keep rule deletes nothing" });
  } else if (!hasPreset && rule.olderThan === null && rule.keepNewest === 0) {
    problems.push({
      path: ["olderThan"],
      expected: "an age, or `keepNewest` of 1 and up: without both it takes everything",
    });
  }
  return problems;
}
