/**
 * What stays of a repository although its line was to delete it, and what hangs together with that: its subject, its children,
 * what refers to it, and so on. A plan knows this only between what goes and what stays; it is read when something stays that
 * was to go, and only then. Used by apply.ts, apply-view.ts, apply-behind.ts and apply-group.ts.
 */
import pMap from "p-map";
import { UpstreamError } from "../../errors.ts";
import { costOfReferrers } from "../plan/gather.ts";
import { bodySays } from "../plan/media-kinds.ts";
import type { RegistryContent } from "../ports.ts";
import { type ApplyItem, itemKey } from "./apply-items.ts";
import type { RepositoryNow } from "./repository-now.ts";

/** Bodies and lists of referrers that are read at once. */
const READ_AT_ONCE = 16;
/**
 * Seconds that are read for one group at most: half of a slice's time. A slice that reads longer gets nothing done, and the
 * next one, which begins anew, no more.
 */
export const SETTLE_SECONDS = 100;

/** What it needs. */
export type StayingDeps = {
  readonly content: Pick<RegistryContent, "facts" | "referrers">;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** For people, in the run's record. */
  readonly warn: (text: string) => void;
  /** Lines ahead that are not done: all of each repository whose lines are being done. */
  items(): readonly ApplyItem[];
  /** Lines by the digests that they wait for, as followersOf. */
  followers(): ReadonlyMap<string, readonly ApplyItem[]>;
};

/** See the file's head. */
export type Staying = {
  /** It stays: what hangs together with it is to be found before anything else goes. */
  keep(repository: string, digest: string): void;
  /** This run may have deleted it: that it is not there is no wonder then. */
  went(repository: string, digest: string): void;
  /** When the next listing is to begin at the earliest, milliseconds since 1970: it is to tell whether what was not there is. */
  listSince(repository: string): number;
  /** Nothing is left to be found. */
  isSettled(repository: string): boolean;
  /**
   * Finds what hangs together with all that stays. True: it had to read for it, and what was listed may be old by now. What it
   * has no time for stays.
   * @param reading what failed to be read is read again when this is another one than the last time
   * @throws what RegistryContent throws that is not about a single manifest
   */
  settle(repository: string, reading: Reading): Promise<boolean>;
  /** It stays, or it cannot be known that it does not. */
  holds(repository: string, digest: string): boolean;
  /** Forgets other repositories: the next group begins. */
  keepOnly(repositories: ReadonlySet<string>): void;
};

/** What of a listing counts here. */
type Reading = Pick<RepositoryNow, "manifests" | "covers" | "startedAt">;
type Body = { readonly children: readonly string[]; readonly subject: string | null };
type State = {
  readonly held: Set<string>;
  /** Of what hangs together with these nothing is known yet. */
  readonly open: Set<string>;
  /** Of these it could not be read. */
  readonly unread: Set<string>;
  /** These stay, and the registry says that they are not there: nobody knows what they need, unless this run deleted them. */
  readonly absent: Set<string>;
  /** These were to go, and the registry said after they were listed, at that time, that they are not there. */
  readonly doubted: Map<string, number>;
  readonly went: Set<string>;
  /** There was no time to read more: all of it stays. */
  isGivenUp: boolean;
  readonly bodies: Map<string, Body>;
  running: Promise<void> | null;
  reading: Reading | null;
};

/** Opens it with nothing known. */
export function openStaying(deps: StayingDeps): Staying {
  const states = new Map<string, State>();
  let servesReferrers = true;
  const stateOf = (repository: string): State => {
    const found = states.get(repository) ?? {
      held: new Set(),
      open: new Set(),
      unread: new Set(),
      absent: new Set(),
      doubted: new Map(),
      went: new Set(),
      isGivenUp: false,
      bodies: new Map(),
      running: null,
      reading: null,
    };
    states.set(repository, found);
    return found;
  };
  const hold = (state: State, digest: string) => {
    if (state.held.has(digest)) return;
    state.held.add(digest);
    state.open.add(digest);
  };

  const clock = () => deps.now().getTime();
  /** Milliseconds that this group was read for, and since when it is read, by how many at once. */
  const time = { read: 0, since: 0, readers: 0 };
  const isLate = () => time.read + clock() - time.since >= SETTLE_SECONDS * 1000;
  /** Those of which it fails; what is not about one manifest is thrown. */
  const readEach = async (state: State, digests: readonly string[], read: (digest: string) => Promise<void>) => {
    const failed: string[] = [];
    const one = async (digest: string) => {
      if (isLate()) state.isGivenUp = true;
      if (state.isGivenUp) return;
      try {
        await read(digest);
      } catch (error) {
        deps.signal.throwIfAborted();
        if (!(error instanceof UpstreamError)) throw error;
        failed.push(digest);
      }
    };
    if (time.readers++ === 0) time.since = clock();
    try {
      await pMap(digests, one, { concurrency: READ_AT_ONCE });
    } finally {
      if (--time.readers === 0) time.read += clock() - time.since;
    }
    return failed;
  };
  const readBodies = (repository: string, state: State, digests: readonly string[], absent: Set<string>) =>
    readEach(state, digests, async (digest) => {
      const facts = await deps.content.facts(repository, digest, deps.signal);
      if (facts === null) absent.add(digest);
      else state.bodies.set(digest, { children: facts.children, subject: facts.subject });
    });

  /** One step from what was open. */
  const step = async (repository: string, state: State, from: readonly string[]): Promise<void> => {
    for (const digest of from) {
      for (const { line } of deps.followers().get(itemKey(repository, digest)) ?? []) {
        if (line.action === "delete") hold(state, line.digest);
      }
    }
    const types = new Map<string, string | null>();
    const unlisted = new Set<string>();
    for (const { line, end } of deps.items()) {
      if (line.repository !== repository || line.action !== "delete") continue;
      types.set(line.digest, line.mediaType);
      const { reading } = state;
      if (reading !== null && end <= reading.covers && !reading.manifests.has(line.digest)) unlisted.add(line.digest);
    }
    const isUnknown = (digest: string) =>
      !state.bodies.has(digest) && bodySays(types.get(digest) ?? null) !== "nothing";
    const going = () => [...types.keys()].filter((digest) => !state.held.has(digest));
    // Where nothing goes any more, nothing can be lost.
    if (going().length === 0) return;

    const absent = new Set<string>();
    for (const digest of await readBodies(repository, state, from.filter(isUnknown), absent)) state.unread.add(digest);
    // What is in no list either does not stay. Else it may be a replica that lags behind the list.
    for (const digest of absent) if (!unlisted.has(digest)) state.absent.add(digest);
    for (const digest of from) {
      const { children = [], subject = null } = state.bodies.get(digest) ?? {};
      for (const other of [...children, ...(subject === null ? [] : [subject])])
        if (types.has(other)) hold(state, other);
    }
    if (servesReferrers && costOfReferrers(from.length) < going().filter(isUnknown).length) {
      const failed = await readEach(state, from, async (digest) => {
        const referrers = await deps.content.referrers(repository, digest, deps.signal);
        if (referrers === null) servesReferrers = false;
        for (const other of referrers ?? []) if (types.has(other)) hold(state, other);
      });
      if (servesReferrers && failed.length === 0) return;
    }
    // Bodies tell the same.
    const gone = new Set<string>();
    const failed = await readBodies(repository, state, going().filter(isUnknown), gone);
    for (const digest of gone) {
      if (unlisted.has(digest)) state.bodies.set(digest, { children: [], subject: null });
      // It may have gone with its subject since it was listed, or be a replica that lags behind the list.
      else if (!state.went.has(digest)) state.doubted.set(digest, clock());
    }
    if (failed.length > 0) for (const digest of from) state.unread.add(digest);
    for (const digest of going()) if (state.held.has(state.bodies.get(digest)?.subject ?? "")) hold(state, digest);
  };
  const run = async (repository: string, state: State): Promise<void> => {
    while (state.open.size > 0 && !state.isGivenUp) {
      const from = [...state.open];
      state.open.clear();
      try {
        await step(repository, state, from);
      } catch (error) {
        for (const digest of from) state.open.add(digest);
        throw error;
      }
    }
    if (state.isGivenUp) deps.warn(GIVEN_UP);
  };
  const isOpen = ({ open, isGivenUp, running }: State) => (open.size > 0 && !isGivenUp) || running !== null;
  const isDoubtful = ({ doubted, isGivenUp }: State) => doubted.size > 0 && !isGivenUp;

  return {
    keep(repository, digest) {
      const state = stateOf(repository);
      state.went.delete(digest);
      hold(state, digest);
    },
    went: (repository, digest) => void stateOf(repository).went.add(digest),
    listSince: (repository) => [...stateOf(repository).doubted.values()].reduce((last, at) => Math.max(last, at), 0),
    isSettled: (repository) => {
      const state = stateOf(repository);
      return !isOpen(state) && !isDoubtful(state);
    },
    async settle(repository, reading) {
      const state = stateOf(repository);
      if (state.reading !== reading) {
        state.reading = reading;
        for (const unknown of [state.unread, state.absent]) {
          for (const digest of unknown) state.open.add(digest);
          unknown.clear();
        }
      }
      for (const [digest, since] of state.doubted) {
        if (reading.startedAt < since) continue;
        state.doubted.delete(digest);
        if (reading.manifests.has(digest)) hold(state, digest);
      }
      let hasRead = false;
      while (isOpen(state)) {
        hasRead = true;
        state.running ??= run(repository, state).finally(() => {
          state.running = null;
        });
        await state.running;
      }
      return hasRead || isDoubtful(state);
    },
    holds(repository, digest) {
      const { unread, absent, went, held, isGivenUp } = stateOf(repository);
      return isGivenUp || unread.size > 0 || held.has(digest) || [...absent].some((other) => !went.has(other));
    },
    keepOnly(repositories) {
      time.read = 0;
      time.since = clock();
      for (const name of states.keys()) if (!repositories.has(name)) states.delete(name);
    },
  };
}

/** One text, however many they are: the record has room for few. */
const GIVEN_UP = `What hangs together with an image that stays could not be read within ${SETTLE_SECONDS} seconds: lines of its repository were left as protected.`;
