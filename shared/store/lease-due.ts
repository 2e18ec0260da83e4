/** When the sweep looks at leases, and which could not be ended: the table `LeaseDue`. Implements LeaseDueStore of the credentials. */
import { z } from "zod";
import type { DueLease, LeaseDueStore } from "../credentials/ports.ts";
import { utc } from "../time.ts";
import type { Table } from "./tables.ts";

/** Beside the hours, which are digits: behind all of them. */
const IRREVOCABLE = "irrevocable";
/** Behind every lease id, which is made of digits and letters. */
const END = "~";

const rowSchema = z.object({ rowKey: z.string(), dueAt: z.string() });

/** @param table opened with STATE_UNAVAILABLE */
export function createLeaseDue(table: Pick<Table, "put" | "remove" | "scan" | "range">): LeaseDueStore {
  return {
    file: (due) => table.put({ ...keysOf(due), dueAt: due.dueAt }),
    drop: (due) => table.remove(hourOf(due.dueAt), [due.leaseId]),
    async list(now, after, limit) {
      const rows = await table.scan({
        from: "0",
        to: `${hourOf(utc(now))}${END}`,
        after: after === null ? null : keysOf(after),
        // Due until and with this second.
        where: [["dueAt", "lt", utc(new Date(now.getTime() + 1000))]],
        limit,
      });
      return rows.map((row) => {
        const { rowKey, dueAt } = rowSchema.parse(row);
        return { leaseId: rowKey, dueAt };
      });
    },
    setIrrevocable: (leaseId, isIrrevocable) =>
      isIrrevocable ? table.put({ partitionKey: IRREVOCABLE, rowKey: leaseId }) : table.remove(IRREVOCABLE, [leaseId]),
    async listIrrevocable(after, limit) {
      const rows = await table.range({ partitionKey: IRREVOCABLE, after: after ?? "", before: END, limit });
      return rows.map(({ rowKey }) => rowKey ?? "");
    },
  };
}

function keysOf({ leaseId, dueAt }: DueLease) {
  return { partitionKey: hourOf(dueAt), rowKey: leaseId };
}

/** `2026-11-21T10:00:00Z` → `2026112110` */
function hourOf(at: string): string {
  return at.slice(0, 13).replace(/[-T]/g, "");
}
