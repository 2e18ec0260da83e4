/** Memberships and grants in the table `Access`. Implements PolicyStore. */
import type { PolicyKind, PolicyStore, StoredPolicy } from "../access/ports.ts";
import { utc } from "../time.ts";
import type { Row, StoredRow, Table } from "./tables.ts";

/** Records read at once; a policy has a few hundred. */
const PAGE = 1_000;
/** Most records of one kind: all of them are held in memory, and read again every few seconds. */
const MAX_RECORDS = 10_000;
/** Row keys are names, whose characters all come before this one. */
const END = "\u007f";

/** @param deps.table opened with STATE_UNAVAILABLE */
export function createPolicyStore(deps: { table: Table; now: () => Date }): PolicyStore {
  const { table } = deps;
  const range = async (kind: PolicyKind, after: string, limit: number) =>
    (await table.range({ partitionKey: kind, after, before: END, limit })).map(fromRow);
  return {
    async readAll(kind) {
      const records: StoredPolicy[] = [];
      for (;;) {
        const page = await range(kind, records.at(-1)?.name ?? "", PAGE);
        records.push(...page);
        if (page.length < PAGE) return records;
        if (records.length >= MAX_RECORDS) throw new RangeError(`more than ${MAX_RECORDS} records of ${kind}`);
      }
    },
    list: range,
    async find(kind, name) {
      const row = await table.get(kind, name);
      return row === null ? null : fromRow(row);
    },
    write(kind, name, spec, by, ifMatch) {
      const row = toRow(kind, name, spec, by, utc(deps.now()));
      return ifMatch === null ? table.insert(row) : table.replace(row, ifMatch);
    },
    remove: (kind, name, ifMatch) => table.removeIf(kind, name, ifMatch),
  };
}

function toRow(kind: PolicyKind, name: string, spec: unknown, by: string, at: string): Row {
  return { partitionKey: kind, rowKey: name, specJson: JSON.stringify(spec), updatedBy: by, updatedAt: at };
}

function fromRow(row: StoredRow): StoredPolicy {
  return { name: String(row.rowKey), spec: JSON.parse(String(row.specJson)), etag: row.etag };
}
