/** Break-glass: ends every SAS of a storage account at once, by ending the keys that they are signed with. */
import pMap from "p-map";
import type { AppendAudit, AuditEvent } from "../audit/ports.ts";
import type { OpenedStorageAccount } from "../connectors/ports.ts";
import { LatchkeyError, UpstreamError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { utc } from "../time.ts";
import type { Lease } from "./lease.ts";
import type { LeaseStore, ListLivingSas, OpenStorageAccount, RevokeDelegationKeys } from "./ports.ts";
import type { ReadLease } from "./remove-upstream.ts";

/** Leases read at once: a page of Table Storage. */
const PAGE = 1_000;
/** Leases closed at once. */
const CLOSE_CONCURRENCY = 8;
/** Tries to close a lease that others change meanwhile. */
const CLOSE_ATTEMPTS = 3;
/** Holders that are named; all are counted. */
const MAX_NAMED_HOLDERS = 50;

/** What break-glass needs. */
export type BreakGlassDeps = {
  readonly openStorageAccount: OpenStorageAccount;
  readonly revokeDelegationKeys: RevokeDelegationKeys;
  readonly listLivingSas: ListLivingSas;
  readonly leases: Pick<LeaseStore, "find" | "replace">;
  readonly appendAudit: AppendAudit;
  readonly now: () => Date;
};
/** What it would end. */
export type BreakGlassPlan = {
  /** ARM id. */
  readonly storageAccount: string;
  /** With a SAS that may still work, also of ended leases. */
  readonly leases: number;
  readonly holders: readonly string[];
  /** When the last of the leases would have ended by itself; null when there is none. */
  readonly latestEnd: string | null;
  readonly warnings: readonly string[];
};
/** What it did. */
export type BreakGlassResult = {
  readonly storageAccount: string;
  readonly revokedAt: string;
  readonly leasesClosed: number;
  /** Leases whose record still says active: their SAS tokens are dead all the same. */
  readonly leasesLeft: number;
  /** The latest moment at which a SAS of these leases could still work. */
  readonly exposedUntil: string | null;
  readonly done: readonly string[];
  readonly notDone: readonly string[];
};

/** Says beforehand what break-glass ends; changes nothing. @throws what OpenStorageAccount and ListLivingSas throw */
export async function planBreakGlass(
  deps: Pick<BreakGlassDeps, "openStorageAccount" | "listLivingSas">,
  connector: string,
  storageAccount: string,
): Promise<BreakGlassPlan> {
  const opened = await deps.openStorageAccount(connector, storageAccount);
  const holders = new Set<string>();
  let leases = 0;
  let latestEnd: string | null = null;
  for await (const { living } of pagesOf(deps.listLivingSas, opened)) {
    for (const { lease } of living) {
      leases++;
      if (holders.size < MAX_NAMED_HOLDERS) holders.add(lease.principal.id);
      latestEnd = later(latestEnd, lease.exposedUntil);
    }
  }
  return {
    storageAccount: opened.resourceId,
    leases,
    holders: [...holders].sort(),
    latestEnd,
    warnings: [
      "every user delegation key of the storage account dies, also those that others had made: all user delegation SAS of the account stop working, not only those of these leases",
      "Azure Storage caches keys: a SAS may work for some minutes more, and Azure names no limit but its expiry",
    ],
  };
}

/**
 * The audit record comes first, then the keys, then the leases. Doing it again is safe.
 * @throws what OpenStorageAccount throws; UpstreamError AUDIT_UNAVAILABLE (nothing was done), UPSTREAM_REFUSED
 * UPSTREAM_TIMEOUT (after a 5xx or no answer nobody knows whether it was done: do it again)
 */
export async function breakGlass(
  deps: BreakGlassDeps,
  request: { readonly connector: string; readonly storageAccount: string; readonly reason: string },
  by: Principal,
  context: { readonly rule: string; readonly correlationId: string },
): Promise<BreakGlassResult> {
  const opened = await deps.openStorageAccount(request.connector, request.storageAccount);
  const event: AuditEvent = {
    event: "connector.break-glass",
    outcome: "ok",
    principalId: by.id,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: opened.resourceId,
    leaseId: null,
    rule: context.rule,
    correlationId: context.correlationId,
    detail: { connector: opened.connector.name, reason: request.reason },
    credentialMac: null,
  };
  await deps.appendAudit(event);
  try {
    await deps.revokeDelegationKeys(opened);
  } catch (error) {
    // Without an answer it may have been done, and then the record must stand.
    const isUnknown = error instanceof UpstreamError && (error.failure?.status ?? 500) >= 500;
    if (!isUnknown) await deps.appendAudit({ ...event, outcome: "withdrawn" });
    throw error;
  }
  const revokedAt = utc(deps.now());
  return { storageAccount: opened.resourceId, revokedAt, ...(await closeLeases(deps, opened, event, revokedAt)) };
}

type Closed = Omit<BreakGlassResult, "storageAccount" | "revokedAt">;

async function closeLeases(
  deps: BreakGlassDeps,
  opened: OpenedStorageAccount,
  event: AuditEvent,
  revokedAt: string,
): Promise<Closed> {
  let leasesClosed = 0;
  let leasesLeft = 0;
  let exposedUntil: string | null = null;
  let unread = false;
  let unreadable = 0;
  const close = async ({ lease, etag }: ReadLease) => {
    const outcome = await closeLease(deps, { lease, etag }, event, revokedAt);
    if (outcome === "closed") leasesClosed++;
    if (outcome === "left") leasesLeft++;
  };
  try {
    for await (const { living, damaged } of pagesOf(deps.listLivingSas, opened)) {
      unreadable += damaged;
      // Leases of later keys live on.
      const dead = living.filter(({ lease }) => isSignedBefore(lease, revokedAt));
      for (const { lease } of dead) exposedUntil = later(exposedUntil, lease.exposedUntil);
      const open = dead.filter(({ lease }) => lease.state === "active");
      await pMap(open, close, { concurrency: CLOSE_CONCURRENCY });
    }
  } catch {
    // The keys are dead: nothing that happens to the records may hide that, a defect of ours neither.
    unread = true;
  }
  return {
    leasesClosed,
    leasesLeft,
    exposedUntil,
    done: [
      `all user delegation keys of ${opened.displayName} are revoked, also those of others`,
      `${leasesClosed} leases are closed and cannot be renewed`,
    ],
    notDone: [
      "Azure Storage caches keys: a SAS may work for some minutes more, and Azure names no limit but its expiry",
      "other processes of this service may sign with a dead key for up to 15 minutes: such a SAS does not work, ask again",
      ...(leasesLeft > 0
        ? [`${leasesLeft} leases could not be closed in their records; do it again to close them`]
        : []),
      ...(unread ? ["not all leases could be read; do it again to close the rest"] : []),
      ...(unreadable > 0
        ? [`${unreadable} records of leases are damaged; whether they are of this account is not known`]
        : []),
    ],
  };
}

/** `left`: its record could not be changed. `lives`: it was renewed meanwhile, under a later key. */
async function closeLease(
  deps: BreakGlassDeps,
  read: ReadLease,
  cause: AuditEvent,
  revokedAt: string,
): Promise<"closed" | "left" | "lives"> {
  const { lease: listed } = read;
  let seen: ReadLease | null = read;
  const event: AuditEvent = {
    ...cause,
    event: "lease.revoked",
    resourceId: listed.resourceId,
    leaseId: listed.id,
    detail: { holder: listed.principal.id, exposedUntil: listed.exposedUntil, by: "break-glass" },
  };
  let outcome: "left" | "lives" = "left";
  try {
    await deps.appendAudit(event);
    for (let attempt = 0; attempt < CLOSE_ATTEMPTS && seen?.lease.state === "active"; attempt++) {
      // Azure says no moment at which its caches know: the SAS's own end is all that is certain.
      const closed: Lease = { ...seen.lease, state: "revoked", revocation: "delayed", endedAt: utc(deps.now()) };
      if ((await deps.leases.replace(closed, seen.etag)) !== null) return "closed";
      seen = await deps.leases.find(listed.id);
      if (seen !== null && !isSignedBefore(seen.lease, revokedAt)) {
        outcome = "lives";
        break;
      }
    }
    if (seen?.lease.state !== "active") return "closed";
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
  }
  await deps.appendAudit({ ...event, outcome: "withdrawn" }).catch(() => undefined);
  return outcome;
}

/** The leases of an account whose SAS may still work, of every connector, page by page; and records that nobody can read. */
async function* pagesOf(listLivingSas: ListLivingSas, { resourceId }: OpenedStorageAccount) {
  const prefix = `${resourceId.toLowerCase()}/`;
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<ListLivingSas>> = await listLivingSas(after, PAGE);
    const living: ReadLease[] = [];
    let damaged = 0;
    for (const { found, etag } of page) {
      if ("damaged" in found) damaged++;
      else if (found.resourceId.toLowerCase().startsWith(prefix)) living.push({ lease: found, etag });
    }
    yield { living, damaged };
    after = page.at(-1)?.found.id ?? null;
    if (page.length < PAGE || after === null) return;
  }
}

/** Whether the key that signed it was asked for before the keys were revoked; in the same second nobody can tell. */
function isSignedBefore({ upstream, mintedAt }: Lease, revokedAt: string): boolean {
  return (upstream.delegationKeyAskedAt ?? mintedAt) <= revokedAt;
}

/** UTC texts of the same form compare as times. */
function later(left: string | null, right: string | null): string | null {
  return left !== null && (right === null || left > right) ? left : right;
}
