/** `keepNewest` of a rule, and the last tag of a repository: what stays although a rule would delete it. Used by gather.ts. Pure. */

import { signedKey } from "../signature-tag.ts";
import { type DecideInput, type Decisions, holdImage, settleImage } from "./decide.ts";
import { compareText, isTagged, type RepositoryItems, tagsOf } from "./repository-items.ts";
import type { Verdict } from "./verdicts.ts";

/** An image with the newest of its tags that a rule takes, or an untagged manifest with its own time. */
type Candidate = { readonly manifest: number; readonly updatedAt: number; readonly name: string };

/** Newest first; of the same time the name that is later in the alphabet, so that v2 is newer than v1. */
const newestFirst = (one: Candidate, other: Candidate) =>
  other.updatedAt - one.updatedAt || compareText(other.name, one.name);

/** Whether a rule that keeps its newest images would delete any that has a tag: only then it matters what holds what. */
export function keepsNewestTagged({ rules }: DecideInput, { tags }: Decisions): boolean {
  return tags.some(({ reason, rule }) => reason === "matched" && (rules[rule]?.keepNewest ?? 0) > 0);
}

/**
 * Keeps the newest tagged images of each rule that wants that. What the rule would not delete takes no place, nor does a
 * signature. Nor does a part of a tagged index that stays, or that is an image of the same rule: it goes or stays with that.
 * @param holders see taggedIndexes
 */
export function keepNewestTagged(
  input: DecideInput,
  decisions: Decisions,
  holders: ReadonlyMap<number, readonly number[]>,
): void {
  const { items, rules } = input;
  const stays = (manifest: number) => decisions.manifests[manifest]?.reason !== "matched";
  for (const [place, { keepNewest }] of rules.entries()) {
    if (keepNewest === 0) continue;
    const keep = (manifest: number, verdict: Verdict) => {
      for (const tag of tagsOf(items, manifest)) {
        const own = decisions.tags[tag];
        if (own?.reason === "matched" && own.rule === place) decisions.tags[tag] = verdict;
      }
      settleImage(input, decisions, manifest);
    };
    const candidates = taggedCandidates(items, (tag) => {
      const isMatched = decisions.tags[tag]?.reason === "matched" && decisions.tags[tag]?.rule === place;
      return isMatched && isOfImage(items, tag);
    });
    const own = new Set(candidates.map(({ manifest }) => manifest));
    const parts = new Set(
      [...own].filter((manifest) => holders.get(manifest)?.some((index) => own.has(index) || stays(index))),
    );
    const newest = candidates
      .filter(({ manifest }) => !parts.has(manifest))
      .sort(newestFirst)
      .slice(0, keepNewest);
    for (const { manifest } of newest) keep(manifest, decisions.verdict(place, "newest"));
    for (const part of parts) {
      const index = holders.get(part)?.find(stays);
      if (index !== undefined) keep(part, decisions.verdict(place, "needed", items.manifests[index]?.digest));
    }
  }
}

/** Of what cannot be read, each image may be a part or none: all that such a rule would delete stays. */
export function keepAllTagged(input: DecideInput, decisions: Decisions): void {
  const { items, rules } = input;
  for (const manifest of items.manifests.keys()) {
    if (!isTagged(items, manifest)) continue;
    for (const tag of tagsOf(items, manifest)) {
      const { reason, rule = -1 } = decisions.tags[tag] ?? {};
      const isTaken = reason === "matched" && (rules[rule]?.keepNewest ?? 0) > 0;
      if (isTaken) decisions.tags[tag] = decisions.verdict(rule, "unreadable");
    }
    settleImage(input, decisions, manifest);
  }
}

/** How cosign ends the names of what it makes. Source: its signature storage specification. */
const SIGNATURE_END = /\.(?:sig|att|sbom)$/;

/**
 * False: the tag is a signature's, be it of something that is not there any more. A tag that is a digest alone may then be
 * somebody's name for an image.
 */
function isOfImage(items: RepositoryItems, tag: number): boolean {
  const { name = "" } = items.tags[tag] ?? {};
  return items.signedBy(tag) === undefined && (signedKey(name) === null || !SIGNATURE_END.test(name));
}

/** Untagged manifests of which a rule keeps the newest; which of them count depends on what they are. */
export type NewestUntagged = { readonly place: number; readonly keep: number; readonly candidates: readonly number[] };

/** For each rule that keeps the newest untagged manifests, those that it would delete, newest first. */
export function newestUntagged({ items, rules }: DecideInput, { manifests }: Decisions): readonly NewestUntagged[] {
  return rules.flatMap(({ keepNewest, untagged }, place) => {
    if (keepNewest === 0 || !untagged) return [];
    const candidates = items.manifests.flatMap(({ digest, updatedAt }, manifest) => {
      const isMatched = manifests[manifest]?.reason === "matched" && manifests[manifest]?.rule === place;
      return isMatched && !isTagged(items, manifest) ? [{ manifest, updatedAt: updatedAt ?? 0, name: digest }] : [];
    });
    return [{ place, keep: keepNewest, candidates: candidates.sort(newestFirst).map(({ manifest }) => manifest) }];
  });
}

/** Where a repository would lose its last tag and may not, its newest image stays whole: one that is no signature, if there is one. */
export function keepLastTag(input: DecideInput, decisions: Decisions): void {
  const { items, allowLastTag } = input;
  if (allowLastTag) return;
  const own = taggedCandidates(items, (tag) => isOfImage(items, tag));
  const images = own.length > 0 ? own : taggedCandidates(items, () => true);
  const staysAny = images.some(({ manifest }) =>
    [...tagsOf(items, manifest)].some(
      (tag) => decisions.tags[tag]?.reason !== "matched" && (own.length === 0 || isOfImage(items, tag)),
    ),
  );
  const newest = images.sort(newestFirst)[0];
  if (staysAny || newest === undefined) return;
  holdImage(items, decisions, newest.manifest, "last-tag");
  settleImage(input, decisions, newest.manifest);
}

function taggedCandidates(items: RepositoryItems, counts: (tag: number) => boolean): Candidate[] {
  return items.manifests.flatMap((_, manifest) => {
    let newest: Candidate | undefined;
    for (const tag of tagsOf(items, manifest)) {
      if (!counts(tag)) continue;
      const { name = "", updatedAt = null } = items.tags[tag] ?? {};
      const candidate = { manifest, updatedAt: updatedAt ?? 0, name };
      if (newest === undefined || newestFirst(candidate, newest) < 0) newest = candidate;
    }
    return newest === undefined ? [] : [newest];
  });
}
