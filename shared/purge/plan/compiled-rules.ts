/** The rules of a policy with their patterns made ready, as the plan applies them. Used by decide.ts and gather.ts. */
import type { EffectiveRule } from "../policy/policy.ts";

/** A rule whose patterns can be asked. */
export type CompiledRule = Pick<
  EffectiveRule,
  "name" | "action" | "untagged" | "olderThanSeconds" | "keepNewest" | "includeLocked"
> & {
  readonly matchesRepository: (name: string) => boolean;
  /** Null: the rule says nothing of tags. May throw: a pattern that takes too long decides nothing. */
  readonly matchesTag: ((tag: string) => boolean) | null;
};

/** Makes a pattern ready: whether it matches the whole of a name. */
export type CompilePattern = (pattern: string) => (name: string) => boolean;

/** Answers that one rule remembers; a registry's repositories mostly share the names of their tags. */
const MAX_REMEMBERED = 10_000;

/**
 * Every pattern is compiled here, before anything is read, so that one that cannot be used stops the run at its start.
 * @throws what `compile` throws
 */
export function compileRules(rules: readonly EffectiveRule[], compile: CompilePattern): readonly CompiledRule[] {
  return rules.map((rule) => ({
    ...rule,
    matchesRepository: compile(rule.repositories),
    matchesTag: rule.tags === null ? null : remembering(compile(rule.tags)),
  }));
}

/** Rules that say anything of a repository; none: nothing of it can go. */
export function rulesFor(rules: readonly CompiledRule[], repository: string): readonly CompiledRule[] {
  return rules.filter((rule) => rule.matchesRepository(repository));
}

function remembering(matches: (name: string) => boolean): (name: string) => boolean {
  const known = new Map<string, boolean>();
  return (name) => {
    const answer = known.get(name) ?? matches(name);
    if (known.size >= MAX_REMEMBERED) known.clear();
    known.set(name, answer);
    return answer;
  };
}
