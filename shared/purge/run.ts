/** One run of a purge, or one plan: its record, and which states follow which. Pure. */
import { z } from "zod";

/** `plan`: decides and writes down. `purge`: also deletes. */
export const RUN_KINDS = ["plan", "purge"] as const;
/**
 * `queued` → `planning` → (`planned` | `applying`) → an end. `planned` is the end of a plan. Ends of a purge: `done`;
 * `partial`, when something that was to go is still there (failed, or a repository was not read); `refused`, when nothing
 * was deleted because a limit or an unreadable cluster forbade it; `cancelled`; `failed`.
 */
export const RUN_STATES = [
  "queued",
  "planning",
  "applying",
  "planned",
  "done",
  "partial",
  "refused",
  "cancelled",
  "failed",
] as const;
/** States in which something is still to be done. */
export const OPEN_STATES: ReadonlySet<RunState> = new Set(["queued", "planning", "applying"]);
/** See RUN_STATES. */
export type RunState = (typeof RUN_STATES)[number];

/**
 * How long a run that may have begun deletions is driven on without getting any further, in seconds. Until then nobody ends
 * it or takes its registry over, since only a next slice finds out what was done. A day: outages are mended in less.
 */
export const MAX_OUTAGE_SECONDS = 24 * 60 * 60;

/** What a step says that finds the run past its step, or over: whoever brought it there goes on with it. */
export const RUN_PASSED = "RUN_PASSED";

/** Manifests and tags by what is to become of them and what became of them. All counts start at 0. */
export const countsSchema = z.strictObject({
  repositories: z.int(),
  /** Repositories that could not be read: all of them is kept. */
  unreadRepositories: z.int(),
  manifests: z.int(),
  tags: z.int(),
  /** Images that go whole. */
  toDelete: z.int(),
  /** Tags that go alone, each one call: their images stay. */
  toUntag: z.int(),
  /** Lines of what stays. */
  toKeep: z.int(),
  /** Tags that go with `toDelete` and `toUntag`. */
  tagsToGo: z.int(),
  /** Bytes, of which estimated. */
  bytesToFree: z.number(),
  bytesEstimated: z.number(),
  deletedManifests: z.int(),
  /** With their manifests or alone. */
  deletedTags: z.int(),
  changed: z.int(),
  protected: z.int(),
  gone: z.int(),
  failed: z.int(),
  skipped: z.int(),
});
/** See countsSchema. */
export type RunCounts = z.output<typeof countsSchema>;

/** Counts of a run that has done nothing. */
export function noCounts(): RunCounts {
  const zero = Object.keys(countsSchema.shape).map((name) => [name, 0]);
  return countsSchema.parse(Object.fromEntries(zero));
}

/** Who started it: a caller, or the timer. */
export type RunStarter = { readonly principalId: string; readonly issuer: string; readonly tenantId: string };
/** What the timer is called in records. */
export const TIMER: RunStarter = { principalId: "purge-timer", issuer: "latchkey", tenantId: "" };

/** A run as it is stored. */
export type PurgeRun = {
  readonly id: string;
  /** Host name, in lower case. */
  readonly loginServer: string;
  readonly policy: string;
  readonly kind: (typeof RUN_KINDS)[number];
  readonly state: RunState;
  /** Why it ended so: a code; null while it goes on and where all is well. */
  readonly code: string | null;
  /** For people; names nothing secret. */
  readonly warnings: readonly string[];
  /** The time that the timer ran it for, UTC; null on demand. */
  readonly slot: string | null;
  /** The plan that it executes; null: it makes its own. */
  readonly planId: string | null;
  /** The policy as it was when the run began, as JSON. */
  readonly policyJson: string;
  /** When the registry began to be listed: ages count from here. UTC, milliseconds. */
  readonly listedAt: string | null;
  /** Batches of repositories that the listing made. */
  readonly batches: number;
  /** Canonical id of the registry; null until it was opened. */
  readonly resourceId: string | null;
  /** Blob with the plan, and with the report; null until there is one. */
  readonly planBlob: string | null;
  readonly reportBlob: string | null;
  readonly counts: RunCounts;
  /** Bytes that deleted lines freed. */
  readonly bytesFreed: number;
  /** Bytes of the plan that are done with; groups of lines that were reported. */
  readonly cursor: number;
  readonly groups: number;
  /** Who works on it: a slice that finds another here stops. */
  readonly slice: string | null;
  readonly cancelRequested: boolean;
  readonly correlationId: string;
  readonly startedBy: RunStarter;
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly endedAt: string | null;
};
