/** A writer of leases over a table in memory, with a clock that is moved by hand. Used by the unit tests. */
import { LEDGER_KEY, readLedger } from "../../shared/store/lease-ledger.ts";
import { createLeaseWriter, type LeaseEntry } from "../../shared/store/lease-writer.ts";
import { fakeTable } from "./fake-table.ts";
import { NOW } from "./fakes.ts";

/** Partition of the principal. */
export const PH = "ab87e2363608";
/** `NOW` in seconds. */
export const AT = NOW.getTime() / 1000;

export function entry(key: string, endsAt = AT + 3600, partitionKey = PH) {
  return { row: { partitionKey, rowKey: `${partitionKey}-${key}`, state: "active", endsAt }, key, endsAt };
}
export const revoked = (made: LeaseEntry): LeaseEntry => ({
  ...made,
  row: { ...made.row, state: "revoked" },
  endsAt: null,
});

/** `newWriter` makes another process; all share the table and the clock. */
export function leaseWriterParts(maxActive: number, options: Parameters<typeof fakeTable>[0] = {}) {
  const fake = fakeTable(options);
  let at = NOW.getTime();
  const clock = { now: () => new Date(at), pass: (seconds: number) => (at += seconds * 1000) };
  const waits: number[] = [];
  const newWriter = () =>
    createLeaseWriter({
      table: fake.table,
      maxActive,
      now: clock.now,
      wait: async (milliseconds) => void waits.push(milliseconds),
      random: () => 0.5,
    });
  const ledger = () => readLedger(fake.rows.get(JSON.stringify([PH, LEDGER_KEY])) ?? null).entries;
  const stored = (made: LeaseEntry) => fake.rows.get(JSON.stringify([PH, made.row.rowKey]));
  const active = () =>
    [...fake.rows.values()].filter(
      ({ rowKey, state, endsAt }) => rowKey !== LEDGER_KEY && state === "active" && Number(endsAt) * 1000 > at,
    );
  return { ...fake, clock, waits, newWriter, ledger, stored, active };
}
