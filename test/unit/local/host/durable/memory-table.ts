/** A table in memory, as the store of the task hub uses one. For tests of task-hub-store.ts. */
import type { TransactionAction } from "@azure/data-tables";
import type { HubTable } from "../../../../../infra/local/host/durable/task-hub-store.ts";

/** Table Storage: changes of one transaction. */
const MAX_CHANGES = 100;

export type MemoryTable = HubTable & {
  /** Rows by partition and row key. */
  readonly rows: Map<string, Map<string, Record<string, unknown>>>;
  /** Numbers of changes, one for each transaction that was done. */
  readonly transactions: number[];
};

/** Transactions are done whole or not at all. @param before asked before each, by its number; throws = not done */
export function memoryTable(before: (transaction: number) => void = () => {}): MemoryTable {
  const rows: MemoryTable["rows"] = new Map();
  const transactions: number[] = [];
  let count = 0;
  return {
    rows,
    transactions,
    async *listEntities({ queryOptions: { filter } }) {
      const partition = /PartitionKey eq '([^']*)'/.exec(filter)?.[1];
      const [, from = "", to = "~"] = /RowKey ge '([^']*)' and RowKey lt '([^']*)'/.exec(filter) ?? [];
      for (const [key, partitionRows] of [...rows]) {
        if (partition !== undefined && key !== partition) continue;
        for (const [rowKey, row] of [...partitionRows].sort(([a], [b]) => (a < b ? -1 : 1))) {
          if (rowKey >= from && rowKey < to) yield { ...row };
        }
      }
    },
    async submitTransaction(actions: TransactionAction[]) {
      before(count++);
      if (actions.length === 0 || actions.length > MAX_CHANGES) throw new Error("InvalidInput");
      const { partitionKey } = actions[0]?.[1] ?? { partitionKey: "" };
      const changed = new Map(rows.get(partitionKey));
      const keys = actions.map(([, { rowKey }]) => rowKey);
      if (new Set(keys).size < keys.length) throw new Error("InvalidDuplicateRow");
      for (const [kind, row] of actions) {
        if (row.partitionKey !== partitionKey) throw new Error("CommandsInBatchActOnDifferentPartitions");
        if (kind !== "delete") changed.set(row.rowKey, { ...row });
        else if (!changed.delete(row.rowKey)) throw new Error("ResourceNotFound");
      }
      rows.set(partitionKey, changed);
      transactions.push(actions.length);
    },
  };
}
