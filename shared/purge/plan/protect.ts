/**
 * What hangs together: whatever stays keeps what it needs and what refers to it. Used by gather.ts, which reads between its
 * steps what they need, and by nothing else. Pure, and without recursion.
 */

import type { PlanReason } from "../plan-line.ts";
import type { Decisions } from "./decide.ts";
import type { FactsTable } from "./facts-table.ts";
import { bodySays } from "./media-kinds.ts";
import { FOLLOWS, GOES, STAYS, type Status, statuses, UNDECIDED, type Unknowns } from "./protection-status.ts";
import { referrerLists } from "./referrer-lists.ts";
import type { RepositoryItems } from "./repository-items.ts";

/** Why a manifest stays that would go by itself, and because of which manifest. */
export type Protected = { readonly reason: PlanReason; readonly because: number | null };

/**
 * Called in turns: while `unknowns` leave a pair open, bodies or referrers are learned; then `spread`, until it changes
 * nothing; then `decideRest`, until there is no rest. So each step knows all that it looks at, and the outcome does not
 * depend on how it came to be known.
 */
export type Protection = {
  /** Goes itself, or follows what goes. */
  goes(manifest: number): boolean;
  /** What it follows, and that again, up to what goes by a rule; itself where it follows nothing. */
  leader(manifest: number): number;
  /** Null: it goes, or stays by its own verdict. */
  why(manifest: number): Protected | null;
  /** What it refers to, in this repository and as far as it is known. */
  subject(manifest: number): number | null;
  readonly unknowns: Unknowns;
  /** Its body was put into the table of facts, or is not there any more. */
  learnBody(manifest: number): void;
  /** All that refer to it. */
  learnReferrers(manifest: number, referrers: readonly string[]): void;
  /** What it refers to cannot be known: it stays. */
  keepUnreadable(manifest: number): void;
  /** What this one holds or refers to cannot be known: nothing goes. */
  keepAll(because: number): void;
  /** One step along subjects, and all along children and signature tags. False: nothing changed. */
  spread(): boolean;
  /** What follows nothing stays. False: there was nothing undecided. */
  decideRest(): boolean;
};

/** @param facts bodies of all indexes and of what can be one are in it, or missing for ever */
export function startProtection(items: RepositoryItems, decisions: Decisions, facts: FactsTable): Protection {
  const { manifests, numberOf } = items;
  const first = manifests.map((_, manifest): Status => {
    if (decisions.mayFollow[manifest] === 1) return UNDECIDED;
    return decisions.manifests[manifest]?.reason === "matched" ? GOES : STAYS;
  });
  const mayRefer = (manifest: number) =>
    !facts.has(manifest) && bodySays(manifests[manifest]?.mediaType ?? null) === "subject";
  const status = statuses(first, mayRefer);
  const links = referrerLists(manifests.length);
  const reasons = new Map<number, Protected>();
  const signatures = signaturesOf(items);
  /** Came to stay, or came to be known, since the last step along subjects. */
  let fresh: number[] = [];
  let learned: number[] = [];

  const goes = (manifest: number) => status.get(manifest) === GOES || status.get(manifest) === FOLLOWS;
  const follow = (begin: number) => {
    for (const manifest of links.withReferrers(begin, (it) => status.get(it) === UNDECIDED)) {
      status.set(manifest, FOLLOWS);
    }
  };
  const stay = (manifest: number, why: Protected | null) => {
    status.set(manifest, STAYS);
    if (why !== null) reasons.set(manifest, why);
    fresh.push(manifest);
    for (const referrer of links.referrers(manifest)) {
      for (const it of links.withReferrers(referrer, (each) => status.get(each) === FOLLOWS)) status.set(it, UNDECIDED);
    }
  };
  const link = (manifest: number, subject: number) => {
    status.bodyKnown(manifest);
    if (subject < 0 || subject === manifest || !links.add(manifest, subject)) return;
    learned.push(manifest);
    if (status.get(manifest) === UNDECIDED && goes(subject)) follow(manifest);
  };
  /** Children and signature tags are always known: they are followed to their ends, nearest first. */
  const close = (from: readonly number[]) => {
    for (let nearest = [...from]; nearest.length > 0; ) {
      nearest.sort((one, other) => one - other);
      const next: number[] = [];
      const keep = (manifest: number, reason: PlanReason, because: number) => {
        if (status.get(manifest) === STAYS) return;
        stay(manifest, { reason, because });
        next.push(manifest);
      };
      for (const one of nearest) for (const child of facts.children(one)) keep(child, "needed", one);
      for (const one of nearest) for (const image of signatures.get(one) ?? []) keep(image, "refers", one);
      nearest = next;
    }
  };

  for (const manifest of manifests.keys()) if (facts.has(manifest)) link(manifest, facts.subject(manifest) ?? -1);
  fresh = [...manifests.keys()].filter((manifest) => status.get(manifest) === STAYS);
  close(fresh);

  return {
    goes,
    leader(manifest) {
      let leader = manifest;
      while (status.get(leader) === FOLLOWS) leader = links.subject(leader) ?? manifest;
      return leader;
    },
    why: (manifest) => (goes(manifest) ? null : (reasons.get(manifest) ?? null)),
    subject: links.subject,
    unknowns: status.unknowns,
    learnBody: (manifest) => link(manifest, facts.subject(manifest) ?? -1),
    learnReferrers(manifest, referrers) {
      status.referrersKnown(manifest);
      for (const digest of referrers) {
        const referrer = numberOf(digest);
        if (referrer !== undefined) link(referrer, manifest);
      }
    },
    keepUnreadable(manifest) {
      if (status.get(manifest) === STAYS) return;
      stay(manifest, { reason: "unreadable", because: null });
      close([manifest]);
    },
    keepAll(because) {
      for (const manifest of manifests.keys()) {
        if (status.get(manifest) === STAYS) continue;
        stay(manifest, { reason: "unreadable", because: manifest === because ? null : because });
      }
    },
    spread() {
      const kept = new Map<number, Protected>();
      const propose = (manifest: number, reason: "needed" | "refers", because: number) => {
        const other = kept.get(manifest);
        const isBetter =
          other === undefined || (reason === other.reason ? because < (other.because ?? 0) : reason === "needed");
        if (isBetter) kept.set(manifest, { reason, because });
      };
      const look = (manifest: number) => {
        const subject = links.subject(manifest);
        if (subject === null) return;
        if (status.get(manifest) === STAYS && goes(subject)) propose(subject, "needed", manifest);
        if (status.get(manifest) === GOES && status.get(subject) === STAYS) propose(manifest, "refers", subject);
      };
      const looked = [fresh, learned];
      fresh = [];
      learned = [];
      for (const manifest of looked.flat()) look(manifest);
      for (const manifest of looked[0] ?? []) for (const referrer of links.referrers(manifest)) look(referrer);
      for (const [manifest, why] of kept) stay(manifest, why);
      close([...kept.keys()]);
      return kept.size > 0;
    },
    decideRest() {
      const rest = [...status.undecided];
      for (const manifest of rest) stay(manifest, null);
      close(rest);
      return rest.length > 0;
    },
  };
}

/** Images by the manifest that one of their tags says they sign. */
function signaturesOf(items: RepositoryItems): ReadonlyMap<number, readonly number[]> {
  const signatures = new Map<number, number[]>();
  for (const [tag, { digest }] of items.tags.entries()) {
    const signed = items.signedBy(tag);
    const image = items.numberOf(digest);
    if (signed === undefined || image === undefined) continue;
    const images = signatures.get(signed) ?? [];
    signatures.set(signed, images);
    images.push(image);
  }
  return signatures;
}
