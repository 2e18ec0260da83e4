/** The ledgers that a process used last, bounded by their entries, and how they are read. Used by lease-writer.ts. */
import type { Ledger } from "./lease-ledger.ts";

/** Ledger entries kept in memory of this process, at some 100 bytes each; an empty ledger counts as LEDGER_WEIGHT. */
const MAX_KEPT_ENTRIES = 100_000;
const LEDGER_WEIGHT = 10;

/** @param readLedger of a partition, from the table */
export function createLedgerCache(readLedger: (partition: string) => Promise<Ledger>) {
  const kept = new Map<string, Ledger>();
  let weight = 0;
  /** Under way beside the queue of their partition, one at a time for each. */
  const readings = new Map<string, { readonly ledger: Promise<Ledger>; isCurrent: boolean }>();

  const forget = (partition: string): void => {
    const ledger = kept.get(partition);
    if (ledger === undefined) return;
    weight -= weightOf(ledger);
    kept.delete(partition);
  };
  const put = (partition: string, ledger: Ledger): void => {
    forget(partition);
    kept.set(partition, ledger);
    weight += weightOf(ledger);
    for (const oldest of kept.keys()) {
      if (weight <= MAX_KEPT_ENTRIES || oldest === partition) break;
      forget(oldest);
    }
  };

  return {
    get: (partition: string): Ledger | null => kept.get(partition) ?? null,
    put,

    /** Before and after each write: what was read across it may be older than what it left, so it is not kept, and nobody joins it. */
    drop(partition: string): void {
      forget(partition);
      const reading = readings.get(partition);
      if (reading !== undefined) reading.isCurrent = false;
      readings.delete(partition);
    },

    /** In its partition's turn, while nobody writes. */
    async read(partition: string): Promise<Ledger> {
      const ledger = await readLedger(partition);
      put(partition, ledger);
      return ledger;
    },

    /** Out of turn: those who ask at the same time share one reading. */
    readBeside(partition: string): Promise<Ledger> {
      const underWay = readings.get(partition);
      if (underWay !== undefined) return underWay.ledger;
      const reading = {
        ledger: readLedger(partition)
          .then((ledger) => {
            if (reading.isCurrent) put(partition, ledger);
            return ledger;
          })
          .finally(() => {
            if (readings.get(partition) === reading) readings.delete(partition);
          }),
        isCurrent: true,
      };
      readings.set(partition, reading);
      return reading.ledger;
    },
  };
}

function weightOf(ledger: Ledger): number {
  return ledger.entries.size + LEDGER_WEIGHT;
}
