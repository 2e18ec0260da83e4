/** Purge runs in the table `PurgeRuns`, each written with its registry's lock and its slot. Implements PurgeRunStore. */
import { UpstreamError } from "../errors.ts";
import type { PurgeRunStore } from "../purge/ports.ts";
import type { PurgeRun } from "../purge/run.ts";
import { utc } from "../time.ts";
import { backoffMs, MAX_ATTEMPTS } from "./contention.ts";
import { ALL_REGISTRIES, LOCK_KEY, partitionOf, RUNS, runKey, slotKey } from "./purge-keys.ts";
import { isHeld, keepOrGiveBack, overtake } from "./purge-run-lock.ts";
import { type Lock, lockRow, readableRun, readLock, readRunRow, runRow, slotRow } from "./purge-run-rows.ts";
import type { Change, Row, StoredRow, Table } from "./tables.ts";

/** What the store needs. `wait` and `random` (0 to 1) part processes that met. */
export type PurgeRunStoreDeps = {
  /** Opened with STATE_UNAVAILABLE. */
  readonly table: Pick<Table, "get" | "change" | "scan">;
  readonly now: () => Date;
  readonly wait: (milliseconds: number) => Promise<unknown>;
  readonly random: () => number;
};
type Inserted = Awaited<ReturnType<PurgeRunStore["insert"]>>;

/** See PurgeRunStore. */
export function createPurgeRunStore(deps: PurgeRunStoreDeps): PurgeRunStore {
  const { table, now } = deps;

  const readLockOf = async (loginServer: string): Promise<Lock | null> => {
    const row = await table.get(partitionOf(loginServer), LOCK_KEY);
    return row === null ? null : readLock(row);
  };

  /** Whether a row was written by this very call, whatever its reply was. */
  const isThere = async (run: PurgeRun) =>
    (await table.get(partitionOf(run.loginServer), runKey(run.id)))?.correlationId === run.correlationId;

  const write = async (run: PurgeRun, changes: readonly Change[]): Promise<boolean> => {
    try {
      if ((await table.change(changes)) !== null) return true;
    } catch (error) {
      // The reply may have been lost. If nothing can be read either, nobody knows: the first failure says it.
      if (await isThere(run).catch(() => false)) return true;
      throw error;
    }
    return isThere(run);
  };

  /** What to try next; or why there is nothing more to try. */
  const obstacle = async (run: PurgeRun): Promise<Inserted | { readonly lock: readonly Change[] }> => {
    const partition = partitionOf(run.loginServer);
    if (run.slot !== null && (await table.get(partition, slotKey(run.policy, run.slot))) !== null) {
      return { kind: "taken" };
    }
    if (run.kind !== "purge") return { lock: [] };
    const lock = await readLockOf(run.loginServer);
    if (lock === null) return { lock: [{ kind: "insert", row: lockRow(run, now()) }] };
    const changes = overtake(run, lock, await table.get(partition, runKey(lock.runId)), now());
    return changes === null ? { kind: "active", runId: lock.runId } : { lock: changes };
  };

  /** All runs of a range, newest first in each registry. */
  const scanRuns = (query: Pick<Parameters<Table["scan"]>[0], "from" | "to" | "after" | "where" | "limit">) =>
    table.scan({
      ...query,
      where: [["RowKey", "ge", RUNS.after], ["RowKey", "lt", RUNS.before], ...query.where],
    });

  return {
    async insert(run) {
      const rows: Row[] = [runRow(run), ...(run.slot === null ? [] : [slotRow(run, run.slot)])];
      const inserts = rows.map((row): Change => ({ kind: "insert", row }));
      let lock: readonly Change[] = run.kind === "purge" ? [{ kind: "insert", row: lockRow(run, now()) }] : [];
      for (let step = 1; step <= MAX_ATTEMPTS; step++) {
        if (await write(run, [...inserts, ...lock])) return { kind: "inserted" };
        const next = await obstacle(run);
        if ("kind" in next) return next;
        lock = next.lock;
        await deps.wait(backoffMs(step, deps.random));
      }
      throw contended();
    },

    async holder(loginServer) {
      const lock = await readLockOf(loginServer);
      if (lock === null) return null;
      const row = await table.get(partitionOf(loginServer), runKey(lock.runId));
      return isHeld(lock, row, now()) ? lock.runId : null;
    },

    async find(runId) {
      // Which registry's it is the id does not say. The service compares row keys in every partition; it is asked by people alone.
      const [row] = await table.scan({
        ...ALL_REGISTRIES,
        after: null,
        where: [["RowKey", "eq", runKey(runId)]],
        limit: 1,
      });
      return row === undefined ? null : { run: readRunRow(row), etag: row.etag };
    },

    async get(loginServer, runId) {
      const row = await table.get(partitionOf(loginServer), runKey(runId));
      return row === null ? null : { run: readRunRow(row), etag: row.etag };
    },

    async replace(run, etag) {
      const row = runRow(run);
      for (let step = 1; step <= MAX_ATTEMPTS; step++) {
        const lock = run.kind === "purge" ? keepOrGiveBack(run, await readLockOf(run.loginServer), now()) : [];
        const etags = lock === null ? null : await table.change([{ kind: "replace", row, etag }, ...lock]);
        if (etags !== null) return etags[0] ?? "";
        const stored = await table.get(row.partitionKey, row.rowKey);
        // Somebody else wrote it; or we did, and the reply was lost: what stands there says which.
        if (stored?.etag !== etag) return stored !== null && isSame(row, stored) ? stored.etag : null;
        if (lock === null) return null;
        await deps.wait(backoffMs(step, deps.random));
      }
      throw contended();
    },

    async list({ loginServer, after, limit }) {
      const rows = await scanRuns({
        // No host goes on with an exclamation mark.
        ...(loginServer === null ? ALL_REGISTRIES : { from: partitionOf(loginServer), to: `${loginServer}!` }),
        after: placeOf(after),
        where: [],
        limit,
      });
      return rows.map(readableRun);
    },

    async listStale(before, behind, limit) {
      const found: PurgeRun[] = [];
      let after = placeOf(behind);
      for (;;) {
        const rows: StoredRow[] = await scanRuns({
          ...ALL_REGISTRIES,
          after,
          where: [["openSince", "lt", utc(before)]],
          limit,
        });
        for (const row of rows) {
          const run = readableRun(row);
          if (!("damaged" in run)) found.push(run);
        }
        const { partitionKey, rowKey } = rows.at(-1) ?? {};
        if (rows.length < limit || found.length >= limit || partitionKey === undefined || rowKey === undefined) {
          return found.slice(0, limit);
        }
        after = { partitionKey, rowKey };
      }
    },
  };
}

function placeOf(run: { readonly loginServer: string; readonly runId: string } | null) {
  return run === null ? null : { partitionKey: partitionOf(run.loginServer), rowKey: runKey(run.runId) };
}

function isSame(row: Row, stored: StoredRow): boolean {
  return Object.entries(row).every(([column, value]) => stored[column] === value);
}

function contended(): UpstreamError {
  return new UpstreamError("STATE_UNAVAILABLE", "Too many processes write for the same registry. Repeat the call.", {
    retryable: true,
  });
}
