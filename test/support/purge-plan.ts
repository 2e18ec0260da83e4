/** Plans a repository of the registry in memory: rules by a few words, lines by digest. Used by the purge's unit tests. */

import { type InUse, inUseMaker } from "../../shared/purge/in-use/in-use.ts";
import { type CompiledRule, compileRules } from "../../shared/purge/plan/compiled-rules.ts";
import { type Gathered, gather } from "../../shared/purge/plan/gather.ts";
import type { PlanLine } from "../../shared/purge/plan-line.ts";
import type { FactsStore } from "../../shared/purge/ports.ts";
import { NOW } from "./fakes.ts";
import { type FakeRegistry, fakeFacts } from "./fakes-purge.ts";

export const REPOSITORY = "team/app";
export const LOGIN_SERVER = "demo.azurecr.io";
export const DAY_MS = 86_400_000;
/** So many days before the listing, in milliseconds since 1970. */
export const daysAgo = (days: number): number => NOW.getTime() - days * DAY_MS;

type RuleInput = Parameters<typeof compileRules>[0][number];
/** A rule that deletes every tag older than 7 days; patterns are JavaScript's. */
export function rule(changes: Partial<RuleInput> = {}): CompiledRule {
  const written: RuleInput = {
    name: "old",
    action: "delete",
    repositories: ".*",
    tags: ".*",
    untagged: false,
    olderThanSeconds: 7 * 86_400,
    keepNewest: 0,
    includeLocked: false,
    ...changes,
  };
  const [compiled] = compileRules([written], (pattern) => (name) => new RegExp(`^(?:${pattern})$`).test(name));
  if (compiled === undefined) throw new Error("The fake made no rule.");
  return compiled;
}
/** Nothing is in use. */
export const NOT_IN_USE: InUse = inUseMaker().inUse;

export type PlanChanges = {
  readonly rules?: readonly CompiledRule[];
  readonly inUse?: InUse;
  readonly allowLastTag?: boolean;
  readonly facts?: FactsStore;
  readonly now?: () => Date;
  readonly deadline?: Date;
  readonly asked?: ReadonlyMap<string, readonly string[]>;
  readonly repository?: string;
  readonly signal?: AbortSignal;
};

/** As gather; the rule deletes tags and untagged manifests over 7 days, unless told otherwise. */
export function gatherFrom(registry: FakeRegistry, changes: PlanChanges = {}): Promise<Gathered> {
  const deps = { content: registry.content, facts: changes.facts ?? fakeFacts(), now: changes.now ?? (() => NOW) };
  return gather(deps, {
    loginServer: LOGIN_SERVER,
    repository: changes.repository ?? REPOSITORY,
    rules: changes.rules ?? [rule({ untagged: true })],
    listedAt: NOW,
    inUse: changes.inUse ?? NOT_IN_USE,
    allowLastTag: changes.allowLastTag ?? true,
    deadline: changes.deadline ?? new Date(NOW.getTime() + DAY_MS),
    asked: changes.asked ?? new Map(),
    signal: changes.signal ?? new AbortController().signal,
  });
}

/** The lines of a plan that is made in one go. */
export async function planOf(registry: FakeRegistry, changes: PlanChanges = {}): Promise<readonly PlanLine[]> {
  const gathered = await gatherFrom(registry, changes);
  if (gathered.kind !== "planned") throw new Error(`The repository was not planned: ${gathered.kind}.`);
  return [...gathered.lines];
}
