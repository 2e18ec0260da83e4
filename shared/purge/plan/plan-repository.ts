/** The lines of one repository's plan, out of what was decided and found to hang together. Used by gather.ts. Pure. */

import type { PlanLine } from "../plan-line.ts";
import { noCounts, type RunCounts } from "../run.ts";
import type { CompiledRule } from "./compiled-rules.ts";
import type { Decisions } from "./decide.ts";
import type { FactsTable } from "./facts-table.ts";
import { freedBytes } from "./freed-bytes.ts";
import { orderLines } from "./line-order.ts";
import { countLine } from "./plan-counts.ts";
import type { Protection } from "./protect.ts";
import { isTagged, type RepositoryItems, tagsOf } from "./repository-items.ts";
import type { Verdict } from "./verdicts.ts";

/** What a plan is made of. */
export type PlanParts = {
  readonly items: RepositoryItems;
  readonly rules: readonly CompiledRule[];
  readonly decisions: Decisions;
  readonly protection: Protection;
  readonly facts: FactsTable;
};
/** The same lines whenever they are read; each is made when it is its turn. */
export type RepositoryPlan = { readonly lines: Iterable<PlanLine>; readonly counts: RunCounts };

/** First all that change, what must go first before the others; then all that stay, by digest. */
export function planRepository(parts: PlanParts): RepositoryPlan {
  const lines = { [Symbol.iterator]: () => planLines(parts) };
  let counts: RunCounts = {
    ...noCounts(),
    repositories: 1,
    manifests: parts.items.listed,
    tags: parts.items.tags.length,
  };
  for (const line of lines) counts = countLine(counts, line);
  return { lines, counts };
}

function* planLines(parts: PlanParts): Generator<PlanLine> {
  const { items, decisions, protection } = parts;
  const freed = freedBytes(items, parts.facts, protection.goes);
  const parents = goingParents(parts);
  const changing = [...items.manifests.keys()].filter(
    (manifest) => protection.goes(manifest) || tagsToGo(parts, manifest).length > 0,
  );
  const before = (manifest: number) => {
    const first = new Set(tagsToGo(parts, manifest).flatMap((tag) => items.signedBy(tag) ?? []));
    if (protection.goes(manifest)) {
      for (const parent of parents.get(manifest) ?? []) first.add(parent);
      first.add(protection.subject(manifest) ?? manifest);
    }
    first.delete(manifest);
    return new Set([...first].filter(protection.goes));
  };
  for (const { manifest, after } of orderLines(changing.sort(byPreference(items)), before)) {
    const tags = tagsToGo(parts, manifest);
    const change = {
      after: after.map((other) => items.manifests[other]?.digest ?? "").sort(),
      seen: seen(items, manifest),
    };
    if (protection.goes(manifest)) {
      const { bytes, isEstimate } = freed(manifest);
      const rules = verdictsOf(parts, protection.leader(manifest));
      const own = { action: "delete" as const, reason: "matched" as const, freedBytes: bytes, isEstimate };
      yield { ...lineOf(parts, manifest, tags, rules), ...own, ...change };
    } else {
      const rules = tags.flatMap((tag) => decisions.tags[tag] ?? []);
      yield { ...lineOf(parts, manifest, tags, rules), action: "untag", ...change };
    }
  }
  for (const manifest of items.manifests.keys()) if (!protection.goes(manifest)) yield* keepLines(parts, manifest);
}

/** One line for each reason for which tags stay; one without tags where only the manifest does. */
function* keepLines(parts: PlanParts, manifest: number): Generator<PlanLine> {
  const { items, decisions } = parts;
  const reasons = new Map<
    string,
    { readonly tags: number[]; readonly verdicts: Verdict[]; readonly verdict: Verdict }
  >();
  for (const tag of tagsOf(items, manifest)) {
    const verdict = whyTagStays(parts, manifest, tag);
    if (verdict === null) continue;
    const key = `${verdict.reason} ${verdict.because ?? ""}`;
    const same = reasons.get(key) ?? { tags: [], verdicts: [], verdict };
    reasons.set(key, same);
    same.tags.push(tag);
    same.verdicts.push(verdict);
  }
  for (const { tags, verdicts, verdict } of reasons.values()) {
    yield {
      ...lineOf(parts, manifest, tags, verdicts),
      action: "keep",
      reason: verdict.reason,
      because: verdict.because,
    };
  }
  if (reasons.size > 0) return;
  const verdict = verdictOfProtection(parts, manifest) ?? decisions.manifests[manifest];
  const { reason = "no-rule", because = null } = verdict ?? {};
  yield { ...lineOf(parts, manifest, [], verdictsOf(parts, manifest)), action: "keep", reason, because };
}

/** Null: the tag goes, with its image or alone. */
function whyTagStays(parts: PlanParts, manifest: number, tag: number): Verdict | null {
  const { items, decisions, protection } = parts;
  const own = decisions.tags[tag] ?? decisions.verdict(-1, "no-rule");
  if (own.reason !== "matched") return own;
  if (protection.goes(manifest)) return null;
  const signed = items.signedBy(tag);
  if (signed !== undefined && signed !== manifest && !protection.goes(signed)) {
    return decisions.verdict(own.rule, "refers", items.manifests[signed]?.digest ?? null);
  }
  const protectedBy = verdictOfProtection(parts, manifest);
  // A lock is on all of the image; and of what cannot be read nothing is changed.
  const isHeld = items.manifests[manifest]?.isLocked || protectedBy?.reason === "unreadable";
  return isHeld && protectedBy !== null ? decisions.verdict(own.rule, protectedBy.reason, protectedBy.because) : null;
}

function tagsToGo(parts: PlanParts, manifest: number): readonly number[] {
  return [...tagsOf(parts.items, manifest)].filter((tag) => whyTagStays(parts, manifest, tag) === null);
}

function verdictOfProtection({ items, decisions, protection }: PlanParts, manifest: number): Verdict | null {
  const why = protection.why(manifest);
  if (why === null) return null;
  return decisions.verdict(
    -1,
    why.reason,
    why.because === null ? null : (items.manifests[why.because]?.digest ?? null),
  );
}

/** Of all its tags, or its own. */
function verdictsOf({ items, decisions }: PlanParts, manifest: number): readonly Verdict[] {
  if (!isTagged(items, manifest)) return [decisions.manifests[manifest] ?? decisions.verdict(-1, "no-rule")];
  return [...tagsOf(items, manifest)].flatMap((tag) => decisions.tags[tag] ?? []);
}

function lineOf(
  { items, rules }: PlanParts,
  manifest: number,
  tags: readonly number[],
  verdicts: readonly Verdict[],
): Omit<PlanLine, "action"> {
  const { digest = "", mediaType = null, updatedAt = null, sizeBytes = null } = items.manifests[manifest] ?? {};
  const places = [...new Set(verdicts.map(({ rule }) => rule))].sort((one, other) => one - other);
  return {
    repository: items.repository,
    digest,
    tags: tags.flatMap((tag) => items.tags[tag]?.name ?? []),
    rules: places.flatMap((place) => rules[place]?.name ?? []),
    reason: "matched",
    because: null,
    mediaType,
    updatedAt: updatedAt === null ? null : new Date(updatedAt).toISOString(),
    sizeBytes,
    freedBytes: 0,
    isEstimate: false,
    after: [],
    seen: null,
  };
}

/** What changes has times throughout: what has none stays. */
function seen(items: RepositoryItems, manifest: number): PlanLine["seen"] {
  const { updatedAt = null, isLocked = false } = items.manifests[manifest] ?? {};
  const tags = [...tagsOf(items, manifest)].flatMap((tag): [string, number, boolean][] => {
    const it = items.tags[tag];
    return it === undefined ? [] : [[it.name, it.updatedAt ?? 0, it.isLocked]];
  });
  return { manifestUpdatedAt: updatedAt ?? 0, isLocked, tags };
}

/** Indexes that go by each of their children that goes. */
function goingParents({ items, facts, protection }: PlanParts): ReadonlyMap<number, readonly number[]> {
  const parents = new Map<number, number[]>();
  for (const index of items.manifests.keys()) {
    if (!protection.goes(index)) continue;
    for (const child of facts.children(index)) {
      if (!protection.goes(child)) continue;
      const list = parents.get(child) ?? [];
      parents.set(child, list);
      list.push(index);
    }
  }
  return parents;
}

/** Tagged ones first, then the oldest: what others refer to is mostly older than they are. */
function byPreference(items: RepositoryItems): (one: number, other: number) => number {
  const time = (manifest: number) => items.manifests[manifest]?.updatedAt ?? 0;
  return (one, other) =>
    Number(isTagged(items, other)) - Number(isTagged(items, one)) || time(one) - time(other) || one - other;
}
