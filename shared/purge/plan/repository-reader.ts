/** Reads what a plan needs of one repository, many at once, until its time is over. Used by gather.ts. */
import pMap from "p-map";
import { UpstreamError } from "../../errors.ts";
import type { RegistryContent } from "../ports.ts";
import type { FactsTable } from "./facts-table.ts";
import type { RepositoryItems } from "./repository-items.ts";

/** Reads of one repository at once. */
const READS_AT_ONCE = 16;
/** Reads that every slice makes, however late it is, so that each brings the plan forward. */
export const MIN_READS = 256;
/** Bodies of one repository that cannot be read: with more, nothing is known of it. */
export const MAX_UNREADABLE = 100;

/** The time is over: what was read is kept, and the rest is for the next slice. */
export class OutOfTimeError extends Error {}

/** What the reading needs. */
export type ReadInput = {
  readonly content: RegistryContent;
  readonly items: RepositoryItems;
  readonly facts: FactsTable;
  /** What a slice before this one asked of referrers; answers are put into it. */
  readonly asked: Map<string, readonly string[]>;
  readonly isOver: () => boolean;
  readonly signal: AbortSignal;
};

/** Every call: @throws OutOfTimeError; what RegistryContent throws that is of the whole repository; the signal's reason */
export type RepositoryReader = {
  /** Reads bodies that are not known into the table. One that is listed and not there is none that holds nothing: it is unreadable. */
  bodies(manifests: Iterable<number>): Promise<void>;
  /** Tried without success. */
  isUnreadable(manifest: number): boolean;
  /** False: the registry does not tell, now or ever. */
  readonly servesReferrers: boolean;
  /**
   * Asks for what refers to each; calls back with every answer, also one of an earlier slice.
   * @param absent of those that the registry says are not there; left out: it tells nothing then
   */
  referrers(
    manifests: Iterable<number>,
    answered: (manifest: number, digests: readonly string[]) => void,
    absent?: (manifest: number) => void,
  ): Promise<void>;
  /** Whether a body was read that was not known. */
  readonly hasNews: boolean;
};

/** See RepositoryReader. */
export function repositoryReader(input: ReadInput): RepositoryReader {
  const { content, items, facts, asked, signal } = input;
  const unreadable = new Set<number>();
  let servesReferrers = true;
  let hasNews = false;
  let reads = 0;

  const many = async (manifests: Iterable<number>, read: (manifest: number, digest: string) => Promise<void>) => {
    let isOver = false;
    await pMap(
      manifests,
      async (manifest) => {
        signal.throwIfAborted();
        isOver ||= reads >= MIN_READS && input.isOver();
        const digest = items.manifests[manifest]?.digest;
        if (isOver || digest === undefined) return;
        reads += 1;
        await read(manifest, digest);
      },
      { concurrency: READS_AT_ONCE },
    );
    if (isOver) throw new OutOfTimeError("The time for reading is over.");
  };
  /** An answer about one item; what is of the sign-in, of our own state or of the end of the step is not. */
  const isOfItem = (error: unknown) =>
    !signal.aborted &&
    error instanceof UpstreamError &&
    (error.code === "UPSTREAM_REFUSED" || error.code === "UPSTREAM_TIMEOUT");

  return {
    bodies: (manifests) =>
      many(
        [...manifests].filter((it) => !facts.has(it) && !unreadable.has(it)),
        async (manifest, digest) => {
          try {
            const found = await content.facts(items.repository, digest, signal);
            if (found === null) throw notThere();
            if (facts.add({ ...found, digest })) hasNews = true;
          } catch (error) {
            if (!isOfItem(error) || unreadable.size >= MAX_UNREADABLE) throw error;
            unreadable.add(manifest);
          }
        },
      ),
    isUnreadable: (manifest) => unreadable.has(manifest),
    get servesReferrers() {
      return servesReferrers;
    },
    async referrers(manifests, answered, absent) {
      const open: number[] = [];
      for (const manifest of manifests) {
        const known = asked.get(items.manifests[manifest]?.digest ?? "");
        if (known === undefined) open.push(manifest);
        else answered(manifest, known);
      }
      await many(open, async (manifest, digest) => {
        if (!servesReferrers) return;
        try {
          const found = await content.referrers(items.repository, digest, signal);
          if (found === null) {
            servesReferrers = false;
            return;
          }
          asked.set(digest, found);
          answered(manifest, found);
        } catch (error) {
          if (!isOfItem(error)) throw error;
          if (absent !== undefined && error instanceof UpstreamError && error.failure?.status === 404) absent(manifest);
          // Bodies tell the same.
          else servesReferrers = false;
        }
      });
    },
    get hasNews() {
      return hasNews;
    },
  };
}

/** A replica that lags behind the list says so too. */
function notThere(): UpstreamError {
  const failure = { name: "RestError", status: 404, code: null };
  return new UpstreamError("UPSTREAM_REFUSED", "The registry lists a manifest that it says is not there.", {
    retryable: true,
    failure,
  });
}
