/** Who may have the lock of a registry, and what each writing of a run does to it. Used by purge-run-records.ts. */
import { OPEN_STATES, type PurgeRun } from "../purge/run.ts";
import { utc } from "../time.ts";
import { LOCK_KEY, partitionOf } from "./purge-keys.ts";
import { LOCK_SECONDS, type Lock, lockRow, readableRun, runRow } from "./purge-run-rows.ts";
import type { Change, StoredRow } from "./tables.ts";

/** Why a run failed that was not applying yet and had not written for longer than its lock, when another came for the registry. */
export const OVERTAKEN = "RUN_OVERTAKEN";

/**
 * The changes by which a new run gets a lock that another has; null while that one may still delete.
 *
 * It is failed in the very transaction, so that one that sleeps finds its row changed before its next group. An ended one is
 * written as it is, for the same reason.
 * @param holder the row of the run that has the lock
 */
export function overtake(run: PurgeRun, lock: Lock, holder: StoredRow | null, now: Date): readonly Change[] | null {
  if (isHeld(lock, holder, now)) return null;
  const changes: Change[] = [{ kind: "replace", row: lockRow(run, now), etag: lock.etag }];
  if (holder === null) return changes;
  const held = readableRun(holder);
  if ("damaged" in held) return changes;
  const row = runRow(OPEN_STATES.has(held.state) ? overtaken(held, now) : held);
  return [...changes, { kind: "replace", row, etag: holder.etag }];
}

/**
 * Whether the run that has the lock may still delete, or still has to find out what it deleted.
 *
 * Until its lock is over a run may work, whatever its row looks like. After that the row decides: an open run that has
 * written nothing for LOCK_SECONDS is at no work, since no slice is that long. One that had begun to delete keeps its registry
 * all the same, until it ends: driven on, it says what is gone; overtaken, nobody does. An outage that lasts ends it
 * (outage.ts). A row that is damaged or gone can be replaced by nobody: its run cannot go on.
 * @param holder the row of the run that has the lock
 */
export function isHeld(lock: Lock, holder: StoredRow | null, now: Date): boolean {
  if (lock.until >= utc(now)) return true;
  if (holder === null) return false;
  const held = readableRun(holder);
  if ("damaged" in held || !OPEN_STATES.has(held.state)) return false;
  return held.state === "applying" || Date.parse(held.updatedAt) >= now.getTime() - LOCK_SECONDS * 1000;
}

function overtaken(run: PurgeRun, now: Date): PurgeRun {
  const at = utc(now);
  const warning = "Nobody had worked on this run for longer than it held the registry, and another run began.";
  return { ...run, state: "failed", code: OVERTAKEN, warnings: [...run.warnings, warning], updatedAt: at, endedAt: at };
}

/**
 * What writing a purge does to the lock: an open one keeps it for LOCK_SECONDS more, an ended one gives it back. Null: another
 * run has it, so that this one must not go on.
 */
export function keepOrGiveBack(run: PurgeRun, lock: Lock | null, now: Date): readonly Change[] | null {
  const isOwn = lock?.runId === run.id;
  if (!OPEN_STATES.has(run.state)) {
    const row = { partitionKey: partitionOf(run.loginServer), rowKey: LOCK_KEY };
    // Whoever took it over would have written this run's row as well: the transaction would fail.
    return isOwn ? [{ kind: "delete", row }] : [];
  }
  if (lock === null) return [{ kind: "insert", row: lockRow(run, now) }];
  return isOwn ? [{ kind: "replace", row: lockRow(run, now), etag: lock.etag }] : null;
}
