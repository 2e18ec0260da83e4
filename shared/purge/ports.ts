/** What the purge needs from outside. Implemented in shared/azure and shared/store, joined by functions/main.ts. */
import type { OpenedCluster, OpenedRegistry } from "../connectors/ports.ts";
import type { MayStillSend } from "./may-still-send.ts";
import type { ListedTag, ManifestEntry, ManifestFacts, RepositoryEntry } from "./registry-items.ts";
import type { PurgeRun } from "./run.ts";

/** The audit trail. */
export type { AppendAudit, AuditEvent } from "../audit/ports.ts";
/** What connectors open. */
export type { OpenedCluster, OpenedRegistry } from "../connectors/ports.ts";

/** Resolves a registry inside the named connector. @throws as openRegistry of connectors/use.ts */
export type OpenRegistry = (connector: string, resourceId: string, asked: string) => Promise<OpenedRegistry>;
/** Resolves a cluster inside the named connector. @throws as openCluster of connectors/use.ts */
export type OpenCluster = (connector: string, resourceId: string) => Promise<OpenedCluster>;

/**
 * Lists every image reference that pods and pod templates of a cluster name (Deployment, StatefulSet, DaemonSet, ReplicaSet,
 * ReplicationController, Job, CronJob, at zero replicas too), and of pods the ids of what they run, as written there.
 * @throws UpstreamError when any of it cannot be read whole: what is unknown may be in use
 */
export type ListClusterImages = (cluster: OpenedCluster, signal: AbortSignal) => AsyncIterable<string>;

/**
 * The content of one registry, as its connector may see and change it. One budget governs all calls of one opening (reads,
 * writes, deletes, lists of referrers apart): 429 and Retry-After stop all its workers of that kind, not one. Every call:
 * @throws UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT (with `failure.status` of the registry's answer), InputError
 * SIGN_IN_FAILED UNSUPPORTED_BY_METHOD; the signal's reason when it is aborted. Changes ask `mayStillSend` right before each
 * try is sent (left out: always), are under way for CHANGE_TRY_MS then at most, and: @throws TooLateError
 */
export type RegistryContent = {
  /** Names of all repositories, in pages, in order. */
  repositories(signal: AbortSignal): AsyncIterable<readonly string[]>;
  /** What it says of a repository; null when it is not there. */
  repository(repository: string, signal: AbortSignal): Promise<RepositoryEntry | null>;
  /** Tags that are not hidden, in pages of 1,000 at most. A repository that is not there has none. */
  tags(repository: string, signal: AbortSignal): AsyncIterable<readonly ListedTag[]>;
  /** Manifests that are not hidden, tagged or not, in pages of 1,000 at most. A repository that is not there has none. */
  manifests(repository: string, signal: AbortSignal): AsyncIterable<readonly ManifestEntry[]>;
  /** The body of a manifest, checked against its digest; null when it is not there. */
  facts(repository: string, digest: string, signal: AbortSignal): Promise<ManifestFacts | null>;
  /** Digests of all manifests that refer to this one; null where the registry does not tell. */
  referrers(repository: string, digest: string, signal: AbortSignal): Promise<readonly string[] | null>;
  /** By digest, with all its tags. False: it was not there. A lost reply is repeated: `was it us` is the caller's to know. */
  deleteManifest(
    repository: string,
    digest: string,
    signal: AbortSignal,
    mayStillSend?: MayStillSend,
  ): Promise<boolean>;
  /** The tag alone. False: it was not there. */
  deleteTag(repository: string, tag: string, signal: AbortSignal, mayStillSend?: MayStillSend): Promise<boolean>;
  /** Takes off both locks; sets those again that this opening took off, or both. */
  setManifestLock(
    repository: string,
    digest: string,
    isLocked: boolean,
    signal: AbortSignal,
    mayStillSend?: MayStillSend,
  ): Promise<void>;
  setTagLock(
    repository: string,
    tag: string,
    isLocked: boolean,
    signal: AbortSignal,
    mayStillSend?: MayStillSend,
  ): Promise<void>;
};
/** Opens the content of a registry, with a new budget. */
export type OpenRegistryContent = (opened: OpenedRegistry) => RegistryContent;

/** Facts of manifests, kept for ever. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type FactsStore = {
  /** What is known, in any order; nothing when there is none. A damaged line is left out: it is read anew. */
  read(loginServer: string, repository: string): AsyncIterable<ManifestFacts>;
  /** Replaces what is known. */
  write(loginServer: string, repository: string, facts: Iterable<ManifestFacts>): Promise<void>;
};

/**
 * Blobs of JSON Lines that are written once and read in order. Names end in `.jsonl`. Memory does not grow with their size.
 * Every call: @throws UpstreamError STATE_UNAVAILABLE
 */
export type LinesStore = {
  /** Writes or replaces a blob. Lines may come as they are made. */
  write(name: string, lines: AsyncIterable<unknown> | Iterable<unknown>): Promise<void>;
  /** Makes one blob of several, in their order. */
  join(name: string, parts: readonly string[]): Promise<void>;
  /**
   * Lines from a place on, each with the place behind it in bytes; `undefined` for one that is damaged.
   * @param from 0, or a place that this gave
   * @throws NotFoundError NOT_FOUND when there is no such blob
   */
  read(name: string, from: number): AsyncIterable<{ readonly value: unknown; readonly end: number }>;
  /** One that is not there is no error. */
  remove(name: string): Promise<void>;
  /** Removes all blobs whose names begin so. @param prefix a folder, with its slash */
  removeUnder(prefix: string): Promise<void>;
};

/** A stored policy; `spec` is checked by the reader. */
export type StoredPurgePolicy = {
  readonly name: string;
  readonly loginServer: string;
  readonly spec: unknown;
  /** When the timer is to start it, UTC; null: never. */
  readonly nextDueAt: string | null;
  readonly updatedBy: string;
  readonly etag: string;
};
/** Stored policies. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type PurgePolicyStore = {
  find(loginServer: string, name: string): Promise<StoredPurgePolicy | null>;
  /** At most `limit` behind `after`, by name. */
  list(loginServer: string, after: string, limit: number): Promise<readonly StoredPurgePolicy[]>;
  /** Enabled ones of all registries whose `nextDueAt` is not after `now`: at most `limit`, behind `after`. */
  listDue(
    now: Date,
    after: { readonly loginServer: string; readonly name: string } | null,
    limit: number,
  ): Promise<readonly StoredPurgePolicy[]>;
  /** @param ifMatch null = it must not exist yet. The new ETag; null when it is not as the writer saw it */
  write(
    policy: Omit<StoredPurgePolicy, "etag"> & { readonly isEnabled: boolean },
    ifMatch: string | null,
  ): Promise<string | null>;
  /** False when it is not as the writer saw it. */
  remove(loginServer: string, name: string, ifMatch: string): Promise<boolean>;
};

/** A run with its ETag. */
export type StoredRun = { readonly run: PurgeRun; readonly etag: string };
/** A run whose record cannot be read: whoever looks at all of them must see that it is there. */
export type DamagedRun = { readonly id: string; readonly loginServer: string; readonly damaged: true };
/** Stored runs. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type PurgeRunStore = {
  /**
   * In one transaction: the run, for a purge the registry's lock, for a timer's run its slot. `active`: another run holds the
   * lock (its id); `taken`: this slot was run already.
   */
  insert(run: PurgeRun): Promise<{ kind: "inserted" } | { kind: "active"; runId: string } | { kind: "taken" }>;
  /** The run that has the lock of a registry, so that another would be `active`; null: a purge may begin. */
  holder(loginServer: string): Promise<string | null>;
  find(runId: string): Promise<StoredRun | null>;
  /** As find, where the registry is known. */
  get(loginServer: string, runId: string): Promise<StoredRun | null>;
  /** Replaces a run that is still as it was read; null when it is not. An ended one gives the lock back in the same transaction. */
  replace(run: PurgeRun, etag: string): Promise<string | null>;
  /** Newest first within a registry; registries in order. Behind `after`. */
  list(query: {
    readonly loginServer: string | null;
    readonly after: { readonly loginServer: string; readonly runId: string } | null;
    readonly limit: number;
  }): Promise<readonly (PurgeRun | DamagedRun)[]>;
  /** Runs that are open and were not touched since: to be started again. At most `limit`, behind `after`; damaged ones are left out. */
  listStale(
    before: Date,
    after: { readonly loginServer: string; readonly runId: string } | null,
    limit: number,
  ): Promise<readonly PurgeRun[]>;
};

/** Starts, or starts again, the orchestration that drives a run; one that is running is left alone. @throws when it cannot */
export type DriveRun = (run: Pick<PurgeRun, "id" | "loginServer">) => Promise<void>;
