/** Writes leases together with the ledger that counts them, in one transaction each. Used by lease-records.ts. */
import { LimitError, UpstreamError } from "../errors.ts";
import { isRefusedContent } from "../refused-content.ts";
import { backoffMs, MAX_ATTEMPTS } from "./contention.ts";
import {
  activeAt,
  type Entries,
  LEDGER_KEY,
  type Ledger,
  ledgerRow,
  readLedger,
  untilFirstEnds,
} from "./lease-ledger.ts";
import { createLedgerCache } from "./ledger-cache.ts";
import type { Change, Row, Table } from "./tables.ts";

/** Leases written in one transaction: half of what Table Storage takes, to stay far below its 4 MiB. */
const MAX_BATCH = 50;
/** A lease that waited this long for its turn is given up: its caller has no answer yet, and would have none in time. */
const MAX_WAIT_MS = 15_000;
/** A lease as its row and its place in the ledger. */
export type LeaseEntry = {
  readonly row: Row;
  /** Random part of the lease's id. */
  readonly key: string;
  /** Seconds since 1970; null when the lease does not count any more. */
  readonly endsAt: number | null;
};
/** What the writer needs. `wait` and `random` (0 to 1) part processes that met. */
export type LeaseWriterDeps = {
  readonly table: Pick<Table, "get" | "change" | "remove">;
  readonly maxActive: number;
  readonly now: () => Date;
  readonly wait: (milliseconds: number) => Promise<unknown>;
  readonly random: () => number;
};

type Insert = {
  readonly kind: "insert";
  readonly entry: LeaseEntry & { readonly endsAt: number };
  /** When it was asked for, in milliseconds. */
  readonly since: number;
  readonly done: (etag: string) => void;
  readonly failed: (reason: unknown) => void;
};
type Job = Insert | { readonly kind: "other"; run(): Promise<void> };

/** Every call: @throws UpstreamError STATE_UNAVAILABLE. One writer per process; calls of one principal run one after another. */
export function createLeaseWriter(deps: LeaseWriterDeps) {
  const { table, maxActive, now } = deps;
  const queues = new Map<string, Job[]>();
  const ledgers = createLedgerCache(async (partition) => readLedger(await table.get(partition, LEDGER_KEY)));

  /** One transaction on the ledger as we know it: the ETags of the changes. Null, and the ledger forgotten, when it does not fit. */
  const write = async (partition: string, from: Ledger, entries: Entries, changes: readonly Change[]) => {
    const row = ledgerRow(partition, entries);
    // What happened to a call that failed is not known: nothing may build on it.
    ledgers.drop(partition);
    const etags = await table
      .change([...changes, from.etag === null ? { kind: "insert", row } : { kind: "replace", row, etag: from.etag }])
      .finally(() => ledgers.drop(partition));
    if (etags === null) return null;
    ledgers.put(partition, { entries, etag: etags.at(-1) ?? "" });
    return etags;
  };

  /** Tries until it is settled, each time on the ledger as it is then. @param attempt null = again */
  const settle = async <T>(partition: string, attempt: (ledger: Ledger, isFresh: boolean) => Promise<T | null>) => {
    let known = ledgers.get(partition);
    for (let step = 0; step < MAX_ATTEMPTS; step++) {
      if (step > 1) await deps.wait(backoffMs(step - 1, deps.random));
      const settled = await attempt(known ?? (await ledgers.read(partition)), known === null);
      if (settled !== null) return settled;
      known = null;
    }
    throw unavailable("Too many processes write for the same caller.");
  };

  const insertAll = (partition: string, batch: readonly Insert[]) =>
    settle(partition, async (ledger, isFresh) => {
      // Written before, but the reply was lost: a transaction is there as a whole or not at all.
      const isThere = ({ entry }: Insert) => ledger.entries.has(entry.key);
      if (batch.some(isThere)) {
        const written = await Promise.all(
          batch.filter(isThere).map(async (job) => {
            const { partitionKey, rowKey } = job.entry.row;
            return { job, etag: (await table.get(partitionKey, rowKey))?.etag ?? "" };
          }),
        );
        return { written, refused: batch.filter((job) => !isThere(job)) };
      }
      const entries = activeAt(ledger.entries, now());
      const fitting = batch.slice(0, Math.max(0, maxActive - entries.size));
      // Only what is known for certain may refuse: others may have ended leases meanwhile.
      if (fitting.length < batch.length && !isFresh) return null;
      const waitSeconds = untilFirstEnds(entries, now());
      for (const { entry } of fitting) entries.set(entry.key, entry.endsAt);
      const changes = fitting.map(({ entry }): Change => ({ kind: "insert", row: entry.row }));
      const etags = fitting.length === 0 ? [] : await write(partition, ledger, entries, changes);
      if (etags === null) return null;
      const written = fitting.map((job, index) => ({ job, etag: etags[index] ?? "" }));
      return { written, refused: batch.slice(fitting.length), waitSeconds };
    });

  const insertBatch = async (partition: string, waiting: readonly Insert[]): Promise<void> => {
    const oldest = now().getTime() - MAX_WAIT_MS;
    const batch = waiting.filter(({ since }) => since >= oldest);
    for (const { since, failed } of waiting) if (since < oldest) failed(unavailable("The state storage is slow."));
    if (batch.length === 0) return;
    try {
      const { written, refused, waitSeconds = 1 } = await insertAll(partition, batch);
      for (const { job, etag } of written) job.done(etag);
      for (const { failed } of refused) failed(limitReached(maxActive, waitSeconds));
    } catch (reason) {
      // One lease that the table refuses must not fail those that came with it.
      if (batch.length > 1 && isRefusedContent(reason)) {
        for (const one of batch) await insertBatch(partition, [one]);
      } else {
        for (const { failed } of batch) failed(reason);
      }
    }
  };

  const drain = async (partition: string, jobs: Job[]): Promise<void> => {
    for (let first = jobs[0]; first !== undefined; first = jobs[0]) {
      if (first.kind === "other") {
        jobs.shift();
        await first.run();
        continue;
      }
      const batch: Insert[] = [];
      for (let next = jobs[0]; next?.kind === "insert" && batch.length < MAX_BATCH; next = jobs[0]) {
        batch.push(next);
        jobs.shift();
      }
      await insertBatch(partition, batch);
    }
    queues.delete(partition);
  };

  const enqueue = (partition: string, job: Job): void => {
    const jobs = queues.get(partition);
    if (jobs !== undefined) {
      jobs.push(job);
      return;
    }
    const started = [job];
    queues.set(partition, started);
    void drain(partition, started);
  };

  const inTurn = <T>(partition: string, work: () => Promise<T>) =>
    new Promise<T>((done, failed) => {
      enqueue(partition, { kind: "other", run: () => work().then(done, failed) });
    });

  return {
    /** Costs a read only where insert would read as well. @throws LimitError LEASE_LIMIT */
    async checkRoom(partition: string): Promise<void> {
      const known = ledgers.get(partition);
      if (known !== null && activeAt(known.entries, now()).size < maxActive) return;
      const entries = activeAt((await ledgers.readBeside(partition)).entries, now());
      if (entries.size >= maxActive) throw limitReached(maxActive, untilFirstEnds(entries, now()));
    },

    /** Its ETag. @throws LimitError LEASE_LIMIT */
    insert: (entry: LeaseEntry & { readonly endsAt: number }) =>
      new Promise<string>((done, failed) => {
        enqueue(entry.row.partitionKey, { kind: "insert", entry, since: now().getTime(), done, failed });
      }),

    /**
     * @returns its new ETag; null when the lease is not as it was read
     * @throws LimitError LEASE_LIMIT when the lease had stopped counting and there is no room any more
     */
    replace: async (entry: LeaseEntry, etag: string): Promise<string | null> => {
      const { partitionKey, rowKey } = entry.row;
      const { replaced } = await inTurn(partitionKey, () =>
        settle(partitionKey, async (ledger, isFresh) => {
          const entries = activeAt(ledger.entries, now());
          if (entry.endsAt !== null && !entries.has(entry.key) && entries.size >= maxActive) {
            if (!isFresh) return null;
            throw limitReached(maxActive, untilFirstEnds(entries, now()));
          }
          if (entry.endsAt === null) entries.delete(entry.key);
          else entries.set(entry.key, entry.endsAt);
          const etags = await write(partitionKey, ledger, entries, [{ kind: "replace", row: entry.row, etag }]);
          if (etags !== null) return { replaced: etags[0] ?? "" };
          // The lease or the ledger was changed, or our own reply was lost: the lease says which.
          const stored = await table.get(partitionKey, rowKey);
          if (stored?.etag === etag) return null;
          const isOurs = Object.entries(entry.row).every(([column, value]) => stored?.[column] === value);
          return { replaced: isOurs ? (stored?.etag ?? null) : null };
        }),
      );
      return replaced;
    },

    /** Takes a lease back as if it had never been; one that is not there is no error. */
    remove: (entry: Pick<LeaseEntry, "row" | "key">) => {
      const { partitionKey, rowKey } = entry.row;
      return inTurn(partitionKey, async () => {
        // The row first: a lease that is counted and not there ends by itself, one that is there and not counted would not.
        await table.remove(partitionKey, [rowKey]);
        ledgers.drop(partitionKey);
        await settle(partitionKey, async (ledger) => {
          if (!ledger.entries.has(entry.key)) return true;
          const entries = activeAt(ledger.entries, now());
          entries.delete(entry.key);
          return (await write(partitionKey, ledger, entries, [])) === null ? null : true;
        });
      });
    },
  };
}

function limitReached(maxActive: number, waitSeconds: number): LimitError {
  return new LimitError(
    "LEASE_LIMIT",
    `You hold ${maxActive} active leases, the most that one caller may. End some with DELETE /api/leases/{id}, or wait for the first to end.`,
    waitSeconds,
  );
}

function unavailable(what: string): UpstreamError {
  return new UpstreamError("STATE_UNAVAILABLE", `${what} Try again.`, { retryable: true, retryAfterSeconds: 1 });
}
