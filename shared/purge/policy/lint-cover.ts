/** Whether earlier rules of a purge policy leave anything to a later one. Used by lint.ts. */
import { compilePattern } from "../pattern/match.ts";
import type { Pattern } from "../pattern/parse.ts";
import { literalOf, type NameKind, takesEveryName } from "../pattern/shape.ts";
import type { EffectiveRule } from "./policy.ts";

/** A rule with its patterns parsed. */
export type LintedRule = Omit<EffectiveRule, "repositories" | "tags"> & {
  /** JSON pointer into the policy; null for the rule that a preset fills in. */
  readonly path: string | null;
  readonly repositories: Pattern;
  readonly tags: Pattern | null;
};

/**
 * The name of the earlier rule that decides about all that this one takes (for tags and untagged manifests it may be two: then
 * the first); null when something may be left. It never says so wrongly; it may miss patterns that are equal in other words.
 */
export function shadowingRule(rule: LintedRule, before: readonly LintedRule[]): string | null {
  const covering = before.filter((earlier) => covers(earlier.repositories, rule.repositories, "repository"));
  const { tags } = rule;
  const byTags =
    tags === null ? undefined : covering.find((earlier) => earlier.tags !== null && covers(earlier.tags, tags, "tag"));
  const byUntagged = covering.find((earlier) => earlier.untagged);
  if (tags !== null && byTags === undefined) return null;
  if (rule.untagged && byUntagged === undefined) return null;
  return (byTags ?? byUntagged)?.name ?? null;
}

function covers(earlier: Pattern, later: Pattern, kind: NameKind): boolean {
  if (earlier.text === later.text || takesEveryName(earlier.root, kind)) return true;
  const name = literalOf(later.root, kind);
  return name !== null && compilePattern(earlier).matchesWhole(name);
}
