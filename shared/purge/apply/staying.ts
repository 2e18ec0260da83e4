/**
 * What stays of a repository although its line was to delete it, and what hangs together with that: its subject, its children,
 * what refers to it, and so on. A plan knows this only between what goes and what stays; it is read when something stays that
 * was to go, and only then. Used by apply-group.ts.
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

/** What it needs. */
export type StayingDeps = {
  readonly content: Pick<RegistryContent, "facts" | "referrers">;
  readonly signal: AbortSignal;
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
  /** Nothing is left to be found. */
  isSettled(repository: string): boolean;
  /**
   * Finds what hangs together with all that stays. True: it had to read for it, and what was listed may be old by now.
   * @param reading what failed to be read is read again when this is another one than the last time
   * @throws what RegistryContent throws that is not about a single manifest
   */
  settle(repository: string, reading: Reading): Promise<boolean>;
  /** It stays, or it cannot be known that it does not. */
  holds(repository: string, digest: string): boolean;
  /** Forgets other repositories. */
  keepOnly(repositories: ReadonlySet<string>): void;
};

/** What of a listing counts here. */
type Reading = Pick<RepositoryNow, "manifests" | "covers">;
type Body = { readonly children: readonly string[]; readonly subject: string | null };
type State = {
  readonly held: Set<string>;
  /** Of what hangs together with these nothing is known yet. */
  readonly open: Set<string>;
  /** Of these it could not be read. */
  readonly unread: Set<string>;
  /** These stay, and the registry says that they are not there: nobody knows what they need, unless this run deleted them. */
  readonly absent: Set<string>;
  readonly went: Set<string>;
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
      went: new Set(),
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

  /** Those of which it fails; what is not about one manifest is thrown. */
  const readEach = async (digests: readonly string[], read: (digest: string) => Promise<void>) => {
    const failed: string[] = [];
    const one = async (digest: string) => {
      try {
        await read(digest);
      } catch (error) {
        deps.signal.throwIfAborted();
        if (!(error instanceof UpstreamError)) throw error;
        failed.push(digest);
      }
    };
    await pMap(digests, one, { concurrency: READ_AT_ONCE });
    return failed;
  };
  const readBodies = (repository: string, { bodies }: State, digests: readonly string[], absent?: Set<string>) =>
    readEach(digests, async (digest) => {
      const facts = await deps.content.facts(repository, digest, deps.signal);
      if (facts === null && absent !== undefined) absent.add(digest);
      else bodies.set(digest, { children: facts?.children ?? [], subject: facts?.subject ?? null });
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
      const failed = await readEach(from, async (digest) => {
        const referrers = await deps.content.referrers(repository, digest, deps.signal);
        if (referrers === null) servesReferrers = false;
        for (const other of referrers ?? []) if (types.has(other)) hold(state, other);
      });
      if (servesReferrers && failed.length === 0) return;
    }
    // Bodies tell the same.
    const failed = await readBodies(repository, state, going().filter(isUnknown));
    if (failed.length > 0) for (const digest of from) state.unread.add(digest);
    for (const digest of going()) if (state.held.has(state.bodies.get(digest)?.subject ?? "")) hold(state, digest);
  };
  const run = async (repository: string, state: State): Promise<void> => {
    while (state.open.size > 0) {
      const from = [...state.open];
      state.open.clear();
      try {
        await step(repository, state, from);
      } catch (error) {
        for (const digest of from) state.open.add(digest);
        throw error;
      }
    }
  };

  return {
    keep(repository, digest) {
      const state = stateOf(repository);
      state.went.delete(digest);
      hold(state, digest);
    },
    went: (repository, digest) => void stateOf(repository).went.add(digest),
    isSettled: (repository) => {
      const { open, running } = stateOf(repository);
      return open.size === 0 && running === null;
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
      let hasRead = false;
      while (state.open.size > 0 || state.running !== null) {
        hasRead = true;
        state.running ??= run(repository, state).finally(() => {
          state.running = null;
        });
        await state.running;
      }
      return hasRead;
    },
    holds(repository, digest) {
      const { unread, absent, went, held } = stateOf(repository);
      return unread.size > 0 || held.has(digest) || [...absent].some((other) => !went.has(other));
    },
    keepOnly(repositories) {
      for (const name of states.keys()) if (!repositories.has(name)) states.delete(name);
    },
  };
}
