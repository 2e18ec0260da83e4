/** The expiry sweep: ends the leases whose time is up, gives up those that stayed pending, goes on with failed endings. */
import pMap from "p-map";
import { LatchkeyError } from "../errors.ts";
import { utc } from "../time.ts";
import { type Lease, leaseEnd } from "./lease.ts";
import type { DueLease } from "./ports.ts";
import { dropUnlessOverwritten, type Removal, type RemoveDeps, removeUpstream } from "./remove-upstream.ts";

/** Times read at once: a page of Table Storage. */
const PAGE = 1_000;
/** Leases ended at once: several ARM calls each, which share limits with everybody else. */
const CONCURRENCY = 4;
/** A run ends before the next one begins (5 minutes); what is left is still due then. */
const MAX_RUN_SECONDS = 200;

/** What became of the leases that were due. */
export type SweepResult = {
  readonly removed: number;
  readonly later: number;
  /** Those that became irrevocable in this run. */
  readonly irrevocable: readonly Lease[];
  /** What kept a lease from being ended, each to be logged. */
  readonly errors: readonly unknown[];
};

/** Any number of these may run at once. @throws UpstreamError STATE_UNAVAILABLE when it cannot be read what is due */
export async function sweepLeases(deps: RemoveDeps, correlationId: string): Promise<SweepResult> {
  const endAt = deps.now().getTime() + MAX_RUN_SECONDS * 1000;
  const isInTime = () => deps.now().getTime() < endAt;
  const irrevocable: Lease[] = [];
  const errors: unknown[] = [];
  const counts = { removed: 0, later: 0 };
  const lookAt = async (due: DueLease) => {
    if (!isInTime()) return;
    try {
      const removal = await sweepOne(deps, due, correlationId);
      if (removal === null || removal.kind === "changed") return;
      if (removal.error !== null) errors.push(removal.error);
      if (removal.kind === "irrevocable") irrevocable.push(removal.lease);
      else counts[removal.kind]++;
    } catch (error) {
      // One that fails must not keep the others from their end.
      errors.push(error);
      // Our state may come back; a record that cannot be read will not: it is listed instead of being met for ever.
      if (error instanceof LatchkeyError) return;
      await giveUp(deps, due).catch((failure: unknown) => errors.push(failure));
    }
  };
  const now = deps.now();
  for (let after: DueLease | null = null; isInTime(); ) {
    const page: readonly DueLease[] = await deps.leaseDue.list(now, after, PAGE);
    await pMap(page, lookAt, { concurrency: CONCURRENCY });
    after = page.at(-1) ?? null;
    if (page.length < PAGE || after === null) break;
  }
  return { ...counts, irrevocable, errors };
}

/** Listed before its time is dropped: an entry too many is seen through. */
async function giveUp(deps: RemoveDeps, due: DueLease): Promise<void> {
  await deps.leaseDue.setIrrevocable(due.leaseId, true);
  await deps.leaseDue.drop(due);
}

/** Null when there was nothing to end. */
async function sweepOne(deps: RemoveDeps, due: DueLease, correlationId: string): Promise<Removal | null> {
  const found = await deps.leases.find(due.leaseId);
  const lease = found?.lease;
  switch (lease?.state) {
    case "active":
      if (leaseEnd(lease) > deps.now().getTime()) return refile(deps, due, lease);
      break;
    case "pending":
    case "revoking":
      break;
    default:
      // Ended, irrevocable, or never put on record: the time has nothing to say any more.
      await deps.leaseDue.drop(due);
      return null;
  }
  return found === null ? null : removeUpstream(deps, found, due, correlationId);
}

/** Issued or renewed since: looked at again when it ends. */
async function refile(deps: RemoveDeps, due: DueLease, lease: Lease): Promise<null> {
  const next = { leaseId: lease.id, dueAt: utc(new Date(leaseEnd(lease))) };
  await deps.leaseDue.file(next);
  await dropUnlessOverwritten(deps.leaseDue, due, next);
  return null;
}
