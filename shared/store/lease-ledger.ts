/** The row that counts a principal's active leases: what it holds, and how that is written. Pure; used by lease-writer.ts. */
import { z } from "zod";
import { jsonText } from "./columns.ts";
import type { Row, StoredRow } from "./tables.ts";

/** Its key, beside the leases of the principal; `~` comes after every lease id. */
export const LEDGER_KEY = "~active";
/** Leases in one column: 30,000 characters at most, at 26 of the id, 10 of the time and 4 between. */
const LEASES_PER_COLUMN = 700;

/** When each active lease ends, in seconds since 1970, by the random part of its id. */
export type Entries = ReadonlyMap<string, number>;
/** A ledger as it was read or written; `etag` null: there is no row yet. */
export type Ledger = { readonly entries: Entries; readonly etag: string | null };

const columnSchema = jsonText(z.record(z.string(), z.int()));

/** @throws ZodError for a damaged row: counting without it would let the limit go */
export function readLedger(row: StoredRow | null): Ledger {
  if (row === null) return { entries: new Map(), etag: null };
  const entries = new Map<string, number>();
  for (const [name, value] of Object.entries(row)) {
    if (!/^active\d+$/.test(name)) continue;
    for (const [key, endsAt] of Object.entries(columnSchema.parse(value))) entries.set(key, endsAt);
  }
  return { entries, etag: row.etag };
}

/** The row of these entries; a full replacement, so that columns no longer needed go. */
export function ledgerRow(partitionKey: string, entries: Entries): Row {
  const all = [...entries];
  const row: Row = { partitionKey, rowKey: LEDGER_KEY };
  for (let start = 0; start < all.length || start === 0; start += LEASES_PER_COLUMN) {
    row[`active${start / LEASES_PER_COLUMN}`] = JSON.stringify(
      Object.fromEntries(all.slice(start, start + LEASES_PER_COLUMN)),
    );
  }
  return row;
}

/** Without the leases that have ended. */
export function activeAt(entries: Entries, now: Date): Map<string, number> {
  const seconds = now.getTime() / 1000;
  return new Map([...entries].filter(([, endsAt]) => endsAt > seconds));
}

/** Seconds until the first of these leases ends. */
export function untilFirstEnds(entries: Entries, now: Date): number {
  let first = Number.POSITIVE_INFINITY;
  for (const endsAt of entries.values()) first = Math.min(first, endsAt);
  return first - now.getTime() / 1000;
}
