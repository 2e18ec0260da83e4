/** Rules × tags and untagged manifests × the time of the listing: what each would become by itself. Used by gather.ts. Pure. */

import type { InUse } from "../in-use/in-use.ts";
import type { PlanReason } from "../plan-line.ts";
import type { CompiledRule } from "./compiled-rules.ts";
import { isTagged, type RepositoryItems, tagsOf } from "./repository-items.ts";
import { type Verdict, type Verdicts, verdicts } from "./verdicts.ts";

/** What the decisions are made with. */
export type DecideInput = {
  readonly items: RepositoryItems;
  /** All rules of the policy in their order; only those that match the repository decide. */
  readonly rules: readonly CompiledRule[];
  /** Ages count from here: milliseconds since 1970. */
  readonly listedAt: number;
  readonly inUse: InUse;
  /** False: a repository that would lose its last tag keeps the newest one. */
  readonly allowLastTag: boolean;
};

/** By number of the tag and of the manifest. keep-newest.ts and protect.ts take from what goes. */
export type Decisions = {
  readonly tags: Verdict[];
  /** Of a tagged manifest `matched` only when all of it goes; else that of its first tag that stays. */
  readonly manifests: Verdict[];
  /** 1: untagged, and kept by nothing but that no rule took it: it follows what it refers to. */
  readonly mayFollow: Uint8Array;
  readonly verdict: Verdicts;
};

/** What becomes of each item by the rule that decides about it; keepNewest, last tags and what hangs together come later. */
export function decide(input: DecideInput): Decisions {
  const { items, rules } = input;
  const verdict = verdicts();
  // Places in the whole policy: lines name rules in its order.
  const places = rules.flatMap((rule, place) => (rule.matchesRepository(items.repository) ? [place] : []));
  const tags = items.tags.map((_, tag) => verdictOfTag(input, places, verdict, tag));
  const decisions: Decisions = { tags, manifests: [], mayFollow: new Uint8Array(items.manifests.length), verdict };
  for (const manifest of items.manifests.keys()) {
    if (isTagged(items, manifest)) {
      decisions.manifests.push(verdict(-1, "no-rule"));
      settleImage(input, decisions, manifest);
    } else {
      const { verdict: own, isExplicit } = verdictOfUntagged(input, places, verdict, manifest);
      decisions.manifests.push(own);
      decisions.mayFollow[manifest] = isExplicit ? 0 : 1;
    }
  }
  return decisions;
}

/**
 * Makes one of an image's tags: times must all be known, a lock of the manifest holds all of it, and it goes whole only when
 * it is old itself. Called again whenever one of its tags came to stay.
 */
export function settleImage(
  { items, rules, listedAt }: Pick<DecideInput, "items" | "rules" | "listedAt">,
  decisions: Decisions,
  manifest: number,
): void {
  const tags = [...tagsOf(items, manifest)];
  const { isLocked, updatedAt } = items.manifests[manifest] ?? { isLocked: true, updatedAt: null };
  const times = tags.map((tag) => items.tags[tag]?.updatedAt ?? null);
  if (updatedAt === null || times.includes(null)) holdImage(items, decisions, manifest, "unknown-time");
  const going = tags.filter((tag) => decisions.tags[tag]?.reason === "matched");
  if (
    isLocked &&
    going.some((tag) => !rules[decisions.tags[tag]?.rule ?? -1]?.includeLocked || going.length < tags.length)
  ) {
    holdImage(items, decisions, manifest, "locked");
  }
  const youngest = tags.reduce((one, other) =>
    (times[other - (tags[0] ?? 0)] ?? 0) > (times[one - (tags[0] ?? 0)] ?? 0) ? other : one,
  );
  const rule = rules[decisions.tags[youngest]?.rule ?? -1];
  if (going.length === tags.length && !isBefore(updatedAt, rule, listedAt)) {
    holdImage(items, decisions, manifest, "young");
  }
  const stays = tags.find((tag) => decisions.tags[tag]?.reason !== "matched") ?? youngest;
  decisions.manifests[manifest] = decisions.tags[stays] ?? decisions.verdict(-1, "no-rule");
}

/** Every tag of an image that would go stays instead. */
export function holdImage(
  items: RepositoryItems,
  { tags, verdict }: Pick<Decisions, "tags" | "verdict">,
  manifest: number,
  reason: PlanReason,
  because: string | null = null,
): void {
  for (const tag of tagsOf(items, manifest)) {
    const own = tags[tag];
    if (own?.reason === "matched") tags[tag] = verdict(own.rule, reason, because);
  }
}

/** Whether a time is strictly before the rule's age. */
function isBefore(time: number | null, rule: CompiledRule | undefined, listedAt: number): boolean {
  return time !== null && time < listedAt - (rule?.olderThanSeconds ?? 0) * 1_000;
}

function verdictOfTag(input: DecideInput, places: readonly number[], verdict: Verdicts, number: number): Verdict {
  const { items, rules, listedAt, inUse } = input;
  const tag = items.tags[number];
  if (tag === undefined) return verdict(-1, "no-rule");
  for (const place of places) {
    const rule = rules[place];
    if (rule === undefined || rule.matchesTag === null) continue;
    try {
      if (!rule.matchesTag(tag.name)) continue;
    } catch {
      // A pattern that does not answer may be the one that keeps it.
      return verdict(place, "unreadable");
    }
    if (rule.action === "keep") return verdict(place, "keep-rule");
    if (tag.updatedAt === null) return verdict(place, "unknown-time");
    if (!isBefore(tag.updatedAt, rule, listedAt)) return verdict(place, "young");
    if (items.isLocked || (tag.isLocked && !rule.includeLocked)) return verdict(place, "locked");
    const cluster = inUse.usesTag(items.repository, tag.name) ?? inUse.usesDigest(items.repository, tag.digest);
    return cluster === null ? verdict(place, "matched") : verdict(place, "in-use", cluster);
  }
  return verdict(-1, "no-rule");
}

function verdictOfUntagged(input: DecideInput, places: readonly number[], verdict: Verdicts, number: number) {
  const { items, rules, listedAt, inUse } = input;
  const place = places.find((at) => rules[at]?.untagged) ?? -1;
  const rule = rules[place];
  const manifest = items.manifests[number];
  const cluster = manifest === undefined ? null : inUse.usesDigest(items.repository, manifest.digest);
  const own = (reason: PlanReason, because: string | null = null) => ({
    verdict: verdict(place, reason, because),
    isExplicit: true,
  });
  if (manifest === undefined) return own("unreadable");
  if (rule?.action === "keep") return own("keep-rule");
  if (manifest.updatedAt === null) return own("unknown-time");
  if (rule !== undefined && !isBefore(manifest.updatedAt, rule, listedAt)) return own("young");
  if (items.isLocked || (manifest.isLocked && !rule?.includeLocked)) return own("locked");
  if (cluster !== null) return own("in-use", cluster);
  return rule === undefined ? { verdict: verdict(-1, "no-rule"), isExplicit: false } : own("matched");
}
