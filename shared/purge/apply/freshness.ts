/** Keeps what deletions are decided by young: listings of repositories and what clusters use, each read once for all workers. */
import { UpstreamError } from "../../errors.ts";
import type { InUse } from "../in-use/in-use.ts";
import { CHANGE_TRY_MS } from "../may-still-send.ts";
import type { RegistryContent } from "../ports.ts";
import type { ManifestFacts } from "../registry-items.ts";
import type { ApplyItem } from "./apply-items.ts";
import { listNow, type RepositoryNow } from "./repository-now.ts";

/**
 * A deletion is sent only while what it was decided by, its repository's listing and what clusters use, began to be read at
 * most this long ago; or, where reading it takes longer than half of that, twice as long ago as reading it took. Seconds.
 */
export const RECHECK_MAX_AGE_SECONDS = 30;
const MAX_AGE_MS = RECHECK_MAX_AGE_SECONDS * 1000;
/** The same when the registry has done it: a request that was sent in time is under way a little longer. Seconds. */
export const UNSEEN_MAX_SECONDS = RECHECK_MAX_AGE_SECONDS + CHANGE_TRY_MS / 1000;
/** Where reading takes longer than this, milliseconds, its age may be more: the run says so. */
const SLOW_MS = MAX_AGE_MS / 2;
/** Times that a repository is listed before its lines fail, and the wait between: without it nobody knows what was done. */
const LIST_TRIES = 3;
const LIST_WAIT_MS = 5_000;

/** What it needs. */
export type FreshnessDeps = {
  readonly content: RegistryContent;
  readonly readInUse: (signal: AbortSignal) => Promise<InUse>;
  readonly now: () => Date;
  readonly wait: (milliseconds: number) => Promise<unknown>;
  readonly signal: AbortSignal;
  readonly plannedAt: number;
  /** For people, in the run's record. */
  readonly warn: (text: string) => void;
  /** Lines ahead, and whether a digest is one of them or was deleted after a time. */
  items(): readonly ApplyItem[];
  isOurs(repository: string, digest: string, startedAt: number): boolean;
  /** Whether the run may have deleted anything yet. */
  hasDeleted(): boolean;
};

/** A listing. */
export type Found = { readonly now: RepositoryNow };
/** A listing, or why there is none. */
export type Listed = Found | { readonly failure: UpstreamError };

/** See FreshnessDeps. */
export type Freshness = {
  /**
   * The repository of a line. @param since it is to have begun no earlier, milliseconds since 1970
   * @throws InputError SIGN_IN_FAILED; the signal's reason
   */
  listingFor(item: ApplyItem, since?: number): Promise<Listed>;
  /** @throws as readInUse */
  inUse(): Promise<InUse>;
  /** Until when something may be sent that was decided by both, milliseconds since 1970. @param inUse as inUse gave it */
  until(listed: Found, inUse: object): number;
  /** Forgets other repositories. */
  keepOnly(repositories: ReadonlySet<string>): void;
};

type Held<T> = { value: T | null; freshUntil: number; running: Promise<T> | null };

/** When it was read. */
type Span = { readonly startedAt: number; readonly endedAt: number };
function isSlow({ startedAt, endedAt }: Span): boolean {
  return endedAt - startedAt > SLOW_MS;
}
function freshUntil({ startedAt, endedAt }: Span): number {
  // What takes longer to read than that would never be young enough, or for so short that a purge would not end.
  return Math.max(startedAt + MAX_AGE_MS, endedAt + (endedAt - startedAt));
}

/** Opens it with nothing known. */
export function openFreshness(deps: FreshnessDeps): Freshness {
  const clock = () => deps.now().getTime();
  const listings = new Map<string, Held<Listed>>();
  const facts = new Map<string, Map<string, ManifestFacts>>();
  const used: Held<InUse> = { value: null, freshUntil: 0, running: null };
  const spans = new WeakMap<object, Span>();

  const once = <T>(held: Held<T>, read: () => Promise<T>, spanOf: (value: T) => Span | null): Promise<T> => {
    held.running ??= (async () => {
      const startedAt = clock();
      try {
        held.value = await read();
        const span = spanOf(held.value);
        held.freshUntil = freshUntil(span ?? { startedAt, endedAt: clock() });
        if (span !== null && isSlow(span)) deps.warn(SLOW);
        return held.value;
      } finally {
        held.running = null;
      }
    })();
    return held.running;
  };

  const list = async (repository: string): Promise<Listed> => {
    const known = facts.get(repository) ?? new Map<string, ManifestFacts>();
    facts.set(repository, known);
    const items = deps.items().filter(({ line }) => line.repository === repository);
    const isOurs = (digest: string, startedAt: number) => deps.isOurs(repository, digest, startedAt);
    for (let tries = 1; ; tries++) {
      try {
        return { now: await listNow({ ...deps, repository, items, isOurs, hasDeleted: deps.hasDeleted(), known }) };
      } catch (error) {
        deps.signal.throwIfAborted();
        if (!(error instanceof UpstreamError)) throw error;
        if (tries === LIST_TRIES) return { failure: error };
      }
      await deps.wait(LIST_WAIT_MS);
    }
  };
  const isFor = (listed: Listed, item: ApplyItem, since: number) =>
    "failure" in listed ? since === 0 : listed.now.covers >= item.end && listed.now.startedAt >= since;

  return {
    async listingFor(item, since = 0) {
      const { repository } = item.line;
      const held = listings.get(repository) ?? { value: null, freshUntil: 0, running: null };
      listings.set(repository, held);
      // One that is under way may have begun too early; the next one has not.
      for (let tries = 0; ; tries++) {
        if (held.value !== null && clock() < held.freshUntil && isFor(held.value, item, since)) return held.value;
        const isNext = held.running === null;
        const listed = await once(
          held,
          () => list(repository),
          (value) => ("now" in value ? value.now : null),
        );
        if (isFor(listed, item, since) || (isNext && "failure" in listed)) return listed;
        if (isNext && tries > 0) return { failure: unlisted() };
      }
    },
    async inUse() {
      if (used.value !== null && clock() < used.freshUntil) return used.value;
      const read = async () => {
        const startedAt = clock();
        const inUse = { ...(await deps.readInUse(deps.signal)) };
        spans.set(inUse, { startedAt, endedAt: clock() });
        return inUse;
      };
      return once(used, read, (inUse) => spans.get(inUse) ?? null);
    },
    until({ now }, inUse) {
      const span = spans.get(inUse);
      return span === undefined ? 0 : Math.min(freshUntil(now), freshUntil(span));
    },
    keepOnly(repositories) {
      for (const name of listings.keys()) if (!repositories.has(name)) listings.delete(name);
      for (const name of facts.keys()) if (!repositories.has(name)) facts.delete(name);
    },
  };
}

/** One text, however many are slow: the record has room for few. */
const SLOW = `Listing a repository, or reading what clusters use, took longer than ${SLOW_MS / 1000} seconds: what changed there within twice that time before a deletion may have gone unseen.`;

/** The lines ahead moved on while it was listed: cannot be while they are read group by group. */
function unlisted(): UpstreamError {
  return new UpstreamError("UPSTREAM_REFUSED", "The repository could not be listed.", { retryable: true });
}
