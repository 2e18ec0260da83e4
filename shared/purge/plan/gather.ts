/** Plans one repository: lists it, decides, reads what hangs together with what goes, as little as that takes. Used by plan-batch.ts. */

import type { InUse } from "../in-use/in-use.ts";
import type { FactsStore, RegistryContent } from "../ports.ts";
import type { CompiledRule } from "./compiled-rules.ts";
import { type DecideInput, type Decisions, decide } from "./decide.ts";
import { factsTable } from "./facts-table.ts";
import { keepAllTagged, keepLastTag, keepNewestTagged, keepsNewestTagged, newestUntagged } from "./keep-newest.ts";
import { listRepository, type Unlisted } from "./list-repository.ts";
import { bodySays } from "./media-kinds.ts";
import { planRepository, type RepositoryPlan } from "./plan-repository.ts";
import { type Protection, startProtection } from "./protect.ts";
import { OutOfTimeError, type RepositoryReader, repositoryReader } from "./repository-reader.ts";
import { taggedIndexes } from "./tagged-parts.ts";

/** What it needs from outside. */
export type GatherDeps = {
  readonly content: RegistryContent;
  readonly facts: FactsStore;
  readonly now: () => Date;
};
/** One repository and what decides about it. */
export type GatherInput = {
  readonly loginServer: string;
  readonly repository: string;
  /** All rules of the policy. */
  readonly rules: readonly CompiledRule[];
  /** Ages count from here. */
  readonly listedAt: Date;
  readonly inUse: InUse;
  readonly allowLastTag: boolean;
  /** After this it reads on only as far as it must to get anywhere. */
  readonly deadline: Date;
  /** What was asked of referrers before the time was over. */
  readonly asked: ReadonlyMap<string, readonly string[]>;
  readonly signal: AbortSignal;
};
/** `more`: the time is over; what was read is in the store of facts and in `asked`, and the next call goes on from there. */
export type Gathered =
  | ({ readonly kind: "planned" } & RepositoryPlan)
  | { readonly kind: "more"; readonly asked: ReadonlyMap<string, readonly string[]> }
  | { readonly kind: "unlisted"; readonly code: Unlisted };

/**
 * The plan of one repository.
 * @throws what RegistryContent and FactsStore throw, where it is not about a single manifest
 */
export async function gather(deps: GatherDeps, input: GatherInput): Promise<Gathered> {
  const { loginServer, repository, rules, signal } = input;
  const items = await listRepository(deps.content, repository, signal);
  if (typeof items === "string") return { kind: "unlisted", code: items };
  const facts = factsTable(items);
  for await (const known of deps.facts.read(loginServer, repository)) facts.add(known);
  const asked = new Map(input.asked);
  const isOver = () => deps.now() >= input.deadline;
  const reader = repositoryReader({ content: deps.content, items, facts, asked, isOver, signal });

  const keepFacts = async () => {
    if (reader.hasNews) await deps.facts.write(loginServer, repository, facts.all());
  };

  const decideInput = { ...input, items, listedAt: input.listedAt.getTime() };
  const decisions = decide(decideInput);
  const indexes = [...items.manifests.keys()].filter((it) => saysAnything(items.manifests[it]?.mediaType));
  try {
    if (keepsNewestTagged(decideInput, decisions)) {
      await reader.bodies(indexes);
      if (indexes.some(reader.isUnreadable)) keepAllTagged(decideInput, decisions);
      else keepNewestTagged(decideInput, decisions, taggedIndexes(items, facts));
    }
    keepLastTag(decideInput, decisions);
    const isAnyGoing = decisions.manifests.some(({ reason }) => reason === "matched");
    // Where no manifest goes, none can lose anything.
    if (isAnyGoing) {
      await reader.bodies(indexes);
      await keepNewestUntagged(decideInput, decisions, reader, facts);
    }
    // Where nothing goes, each is told its own reason, whatever of bodies happens to be known.
    const protection = startProtection(items, decisions, isAnyGoing ? facts : factsTable(items));
    for (const index of indexes) if (reader.isUnreadable(index)) protection.keepAll(index);
    if (isAnyGoing) await protect(protection, reader);
    await keepFacts().catch(ignore);
    return { kind: "planned", ...planRepository({ items, rules, decisions, protection, facts }) };
  } catch (error) {
    // One that its step broke off goes on from what it had read, if it had got anywhere.
    const hasMoved = reader.hasNews || asked.size > input.asked.size;
    if (!(error instanceof OutOfTimeError) && !(signal.aborted && hasMoved)) {
      await keepFacts().catch(ignore);
      throw error;
    }
    // Without them the next call would get no further.
    await keepFacts();
    return { kind: "more", asked };
  }
}

/** What is known of bodies saves reading them again, and nothing hangs on it. */
const ignore = (): void => undefined;

const saysAnything = (mediaType: string | null = null): boolean => bodySays(mediaType) === "anything";

/** Bodies are read newest first until enough are found that are neither part of an index nor refer to anything here. */
async function keepNewestUntagged(
  input: DecideInput,
  decisions: Decisions,
  reader: RepositoryReader,
  facts: ReturnType<typeof factsTable>,
): Promise<void> {
  const { items } = input;
  const groups = newestUntagged(input, decisions);
  if (groups.length === 0) return;
  const held = new Set<number>();
  for (const index of items.manifests.keys()) for (const child of facts.children(index)) held.add(child);
  for (const { place, keep, candidates } of groups) {
    const roots = candidates.filter((it) => !held.has(it));
    for (let at = 0, left = keep; left > 0 && at < roots.length; ) {
      const next = roots.slice(at, at + left);
      at += next.length;
      await reader.bodies(next.filter((it) => bodySays(items.manifests[it]?.mediaType ?? null) === "subject"));
      for (const manifest of next) {
        const subject = facts.subject(manifest);
        const isRoot = subject === null || subject < 0 || subject === manifest;
        if (reader.isUnreadable(manifest)) decisions.manifests[manifest] = decisions.verdict(place, "unreadable");
        else if (isRoot) decisions.manifests[manifest] = decisions.verdict(place, "newest");
        if (isRoot && !reader.isUnreadable(manifest)) left -= 1;
      }
    }
  }
}

/** Reads and spreads in turns: see Protection. */
async function protect(protection: Protection, reader: RepositoryReader): Promise<void> {
  do {
    do await learnPairs(protection, reader);
    while (protection.spread());
  } while (protection.decideRest());
}

/**
 * Lists of referrers that cost no more than any other request: what the smallest tier gives an identity in a minute.
 * Source: the request limits in the documentation of registry tiers.
 */
const CHEAP_REFERRER_LISTS = 250;
/** Beyond them each takes the place of so many other reads: 5,000 a minute to 250. */
const READS_A_REFERRER_LIST = 20;

/** What so many lists of referrers cost, in reads. */
export function costOfReferrers(lists: number): number {
  return lists <= CHEAP_REFERRER_LISTS ? lists : lists * READS_A_REFERRER_LIST;
}

/** Until no pair of one that goes and one that stays is unknown. Of each two ways to know, the one with fewer requests. */
async function learnPairs(protection: Protection, reader: RepositoryReader): Promise<void> {
  const { bodiesOfGoing, referrersOfStaying, bodiesOfStaying, referrersOfGoing } = protection.unknowns;
  for (;;) {
    if (bodiesOfGoing.size > 0 && referrersOfStaying.size > 0) {
      const byBodies = bodiesOfGoing.size <= costOfReferrers(referrersOfStaying.size) || !reader.servesReferrers;
      if (byBodies) await learnBodies(protection, reader, bodiesOfGoing, (it) => protection.keepUnreadable(it));
      else await learnReferrers(protection, reader, referrersOfStaying);
    } else if (bodiesOfStaying.size > 0 && referrersOfGoing.size > 0) {
      const readable = [...bodiesOfStaying].filter((it) => !reader.isUnreadable(it));
      const byBodies =
        readable.length > 0 && (readable.length <= costOfReferrers(referrersOfGoing.size) || !reader.servesReferrers);
      if (byBodies) await learnBodies(protection, reader, readable, () => undefined);
      else if (reader.servesReferrers)
        await learnReferrers(protection, reader, referrersOfGoing, (it) => protection.keepUnreadable(it));
      // What this one refers to may be anything that goes, and it would go with that.
      else protection.keepAll([...bodiesOfStaying][0] ?? 0);
    } else return;
  }
}

async function learnBodies(
  protection: Protection,
  reader: RepositoryReader,
  manifests: Iterable<number>,
  unreadable: (manifest: number) => void,
): Promise<void> {
  const all = [...manifests];
  await reader.bodies(all);
  for (const manifest of all) {
    if (reader.isUnreadable(manifest)) unreadable(manifest);
    else protection.learnBody(manifest);
  }
}

async function learnReferrers(
  protection: Protection,
  reader: RepositoryReader,
  manifests: Iterable<number>,
  absent?: (manifest: number) => void,
): Promise<void> {
  await reader.referrers([...manifests], (manifest, digests) => protection.learnReferrers(manifest, digests), absent);
}
