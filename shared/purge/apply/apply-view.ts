/** How a slice sees a line before it does anything: its repository and what is used, both young, and what stays of it. Used by apply-group.ts. */

import type { InUse } from "../in-use/in-use.ts";
import { ClusterUnreadableError } from "../in-use/read-in-use.ts";
import type { ApplyItem } from "./apply-items.ts";
import type { ApplyWatch } from "./apply-watch.ts";
import type { Found, Freshness, Listed } from "./freshness.ts";
import { type RecheckContext, staysNow } from "./recheck.ts";
import type { RepositoryNow } from "./repository-now.ts";
import type { RunTraces } from "./run-traces.ts";
import type { Staying } from "./staying.ts";

/** What it needs. */
export type ApplyViewDeps = {
  readonly freshness: Freshness;
  readonly watch: ApplyWatch;
  readonly staying: Staying;
  readonly traces: RunTraces;
  readonly followers: RecheckContext["followers"];
  /** Lines ahead: all of each repository whose lines are being done. */
  items(): readonly ApplyItem[];
  isDeleted(repository: string, digest: string): boolean;
  /** As RecheckContext. */
  readonly isBegun: RecheckContext["isBegun"];
  readonly isSent: RecheckContext["isSent"];
};
type Used = RecheckContext["inUse"];

/** See the file's head. */
export type ApplyView = {
  /** Null when clusters cannot be read: the slice is stopped then. @throws as Freshness and Staying.settle */
  see(item: ApplyItem): Promise<{ readonly listed: Listed; readonly inUse: Used | null }>;
  contextOf(item: ApplyItem, listed: Found, inUse: Used): RecheckContext;
};

/** Where nobody can say what is used. */
export const ALL_IN_USE: Used = { usesTag: () => "", usesDigest: () => "", keepsRepository: () => "" };

/** See ApplyView. */
export function openView(deps: ApplyViewDeps): ApplyView {
  const { freshness, watch, staying, traces } = deps;
  /** With what it was looked at. */
  const lookedAt = new WeakMap<RepositoryNow, Used>();

  const inUseNow = async (): Promise<InUse | null> => {
    try {
      return await freshness.inUse();
    } catch (error) {
      watch.signal.throwIfAborted();
      if (!(error instanceof ClusterUnreadableError)) throw error;
      watch.stop({ kind: "refused", code: error.code });
      return null;
    }
  };
  const contextOf = (repository: string, now: RepositoryNow, inUse: Used): RecheckContext => ({
    now,
    inUse,
    isBegun: deps.isBegun,
    isSent: deps.isSent,
    mayHaveFollowed: traces.mayHaveFollowed,
    isDeleted: (digest) => deps.isDeleted(repository, digest),
    holds: (digest) => staying.holds(repository, digest),
    followers: deps.followers,
  });
  /** Looks at all lines of the repository, not only at those whose turn it is. True: it took a while. */
  const settle = async (repository: string, now: RepositoryNow, inUse: Used): Promise<boolean> => {
    if (lookedAt.get(now) !== inUse) {
      lookedAt.set(now, inUse);
      const context = contextOf(repository, now, inUse);
      const own = deps.items().filter(({ line, end }) => line.repository === repository && end <= now.covers);
      traces.missing(own.filter(({ line }) => !now.manifests.has(line.digest)));
      for (const item of own) if (staysNow(item, context)) staying.keep(repository, item.line.digest);
    }
    return staying.settle(repository, now);
  };

  return {
    async see(item) {
      const { repository } = item.line;
      for (;;) {
        // Side by side: one after the other the first grows old meanwhile.
        const [listed, inUse] = await Promise.all([
          freshness.listingFor(item, staying.listSince(repository)),
          inUseNow(),
        ]);
        if ("failure" in listed || inUse === null) return { listed, inUse };
        if (!(await settle(repository, listed.now, inUse))) return { listed, inUse };
      }
    },
    contextOf: ({ line }, { now }, inUse) => contextOf(line.repository, now, inUse),
  };
}
