/** Warnings about a purge policy that is valid but may not do what its writer means. Shown when it is saved or imported. */

import { compilePattern } from "../pattern/match.ts";
import { parsePattern } from "../pattern/parse.ts";
import { literalOf, type NameKind, takesEveryName } from "../pattern/shape.ts";
import { type LintedRule, shadowingRule } from "./lint-cover.ts";
import { lintPattern, type PatternWarningCode } from "./lint-pattern.ts";
import { effectiveRules, type PurgePolicy } from "./policy.ts";

/**
 * What is odd. Of a pattern:
 * `NOT_A_PART` no anchor, no wildcard: it takes the full name only, where `acr purge` would find it in a part of a tag, or
 * a branch `foo|bar` in a part of a repository;
 * `NOT_A_START`, `NOT_AN_END` an anchor at one end alone: it does not take names that merely begin or end so;
 * `UNGROUPED_ALTERNATION` `^foo|bar$`: branches with different anchors;
 * `LOOKS_LIKE_GLOB` `team/*`: a star that repeats one plain character;
 * `FLAGS_LEAK` `(?i)foo|bar`: flags that hold for later branches too;
 * `NEVER_MATCHES` no name that a repository or tag can have fits;
 * `KEEPS_ONE_NAME` a keep rule that can keep nothing more than one name.
 * Of a rule: `RULE_SHADOWED` an earlier rule decides about all that it takes; `NO_SUCH_REPOSITORY`, `NO_SUCH_TAG` nothing of
 * what is in the registry now fits; `CHILDREN_STAY` it deletes indexes, and no rule takes their untagged children.
 * Of the policy: `NOTHING_DELETED` no rule can delete anything; `NOTHING_KEPT` no rule keeps anything, and the last tag of a
 * repository may go.
 */
export type LintCode =
  | PatternWarningCode
  | "KEEPS_ONE_NAME"
  | "RULE_SHADOWED"
  | "NO_SUCH_REPOSITORY"
  | "NO_SUCH_TAG"
  | "CHILDREN_STAY"
  | "NOTHING_DELETED"
  | "NOTHING_KEPT";

/** One warning. `path` is a JSON pointer into the policy; `detail` is for people and shows no pattern. */
export type LintWarning = {
  readonly code: LintCode;
  /** Name of the rule; null for the policy as a whole. */
  readonly rule: string | null;
  readonly path: string;
  readonly detail: string;
};

/** What is in the registry; null where it was not asked. */
export type KnownNames = {
  readonly repositories: readonly string[] | null;
  /** Tags by repository. */
  readonly tags: ReadonlyMap<string, readonly string[]> | null;
};

/**
 * All warnings, in the order of the rules.
 * @throws PatternError when the policy was not read by readPurgePolicy
 */
export function lintPolicy(policy: PurgePolicy, known: KnownNames): readonly LintWarning[] {
  const rules = effectiveRules(policy).map((rule, i): LintedRule => {
    const repositories = parsePattern(rule.repositories);
    const tags = rule.tags === null ? null : parsePattern(rule.tags);
    return { ...rule, path: policy.rules === null ? null : `/rules/${i}`, repositories, tags };
  });
  const perRule = rules.map((rule, i) => {
    const own = patternWarnings(rule);
    const isDead = own.some(({ code }) => code === "NEVER_MATCHES");
    if (isDead) return { warnings: own, canDelete: false };
    const warnings = [...own, ...keepWarnings(rule), ...knownWarnings(rule, known), ...childrenWarnings(rule, rules)];
    const shadow = shadowingRule(rule, rules.slice(0, i));
    if (shadow !== null) {
      warnings.push(
        about(rule, "RULE_SHADOWED", "", `The rule "${shadow}" decides first about all that this one takes.`),
      );
    }
    return { warnings, canDelete: rule.action === "delete" && shadow === null };
  });
  const warnings = perRule.flatMap((result) => result.warnings);
  if (!perRule.some(({ canDelete }) => canDelete)) {
    warnings.push({ code: "NOTHING_DELETED", rule: null, path: "/rules", detail: "No rule can delete anything." });
  } else if (
    policy.limits.allowLastTag &&
    rules.every(({ action, keepNewest }) => action === "delete" && keepNewest === 0)
  ) {
    warnings.push({
      code: "NOTHING_KEPT",
      rule: null,
      path: "/limits/allowLastTag",
      detail:
        "A repository in which everything is old enough is emptied: set keepNewest, add a keep rule, or forbid it the last tag.",
    });
  }
  return warnings;
}

function about(rule: LintedRule, code: LintCode, field: string, detail: string): LintWarning {
  // What a preset fills in stands nowhere but in its name.
  return { code, rule: rule.name, path: rule.path === null ? "/schedule" : `${rule.path}${field}`, detail };
}

function patternWarnings(rule: LintedRule): LintWarning[] {
  const { repositories, tags } = rule;
  const ofRepositories = lintPattern(repositories, "repository").map(({ code, detail }) =>
    about(rule, code, "/repositories", detail),
  );
  const ofTags =
    tags === null ? [] : lintPattern(tags, "tag").map(({ code, detail }) => about(rule, code, "/tags", detail));
  // One name that is kept is meant as a name; KEEPS_ONE_NAME says what it does not keep.
  const isOneName = rule.action === "keep" && tags !== null && literalOf(tags.root, "tag") !== null;
  return [
    ...ofRepositories,
    ...ofTags.filter(({ code }) => !isOneName || !["NOT_A_PART", "NOT_A_START", "NOT_AN_END"].includes(code)),
  ];
}

function keepWarnings(rule: LintedRule): LintWarning[] {
  if (rule.action !== "keep") return [];
  const one = (kind: NameKind, field: string) =>
    about(
      rule,
      "KEEPS_ONE_NAME",
      field,
      `It keeps the one ${kind} of exactly this name, and none that merely contains it.`,
    );
  const isOneRepository = literalOf(rule.repositories.root, "repository") !== null;
  const isOneTag = rule.tags !== null && literalOf(rule.tags.root, "tag") !== null;
  return [...(isOneRepository ? [one("repository", "/repositories")] : []), ...(isOneTag ? [one("tag", "/tags")] : [])];
}

function knownWarnings(rule: LintedRule, { repositories, tags }: KnownNames): LintWarning[] {
  if (repositories === null) return [];
  const { matchesWhole: isSelected } = compilePattern(rule.repositories);
  if (!repositories.some(isSelected)) {
    return [about(rule, "NO_SUCH_REPOSITORY", "/repositories", "No repository that the registry has now matches.")];
  }
  if (rule.tags === null || tags === null) return [];
  const { matchesWhole: isTag } = compilePattern(rule.tags);
  // A repository of which the tags are not known may have one that fits.
  const hasTag = repositories.some((name) => isSelected(name) && (tags.get(name)?.some(isTag) ?? true));
  return hasTag ? [] : [about(rule, "NO_SUCH_TAG", "/tags", "No tag that these repositories have now matches.")];
}

function childrenWarnings(rule: LintedRule, rules: readonly LintedRule[]): LintWarning[] {
  if (rule.action !== "delete" || rule.tags === null || rule.untagged) return [];
  const isTaken = rules.some(
    (other) =>
      other.action === "delete" &&
      other.untagged &&
      (other.repositories.text === rule.repositories.text || takesEveryName(other.repositories.root, "repository")),
  );
  if (isTaken) return [];
  return [
    about(
      rule,
      "CHILDREN_STAY",
      "/untagged",
      "Of images for several platforms the parts have no tag: they stay when the image goes. Set untagged, here or in a rule for the same repositories.",
    ),
  ];
}
