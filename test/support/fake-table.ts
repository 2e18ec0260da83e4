/** A table in memory with the ETags and transactions of Table Storage, that fails when it is told to. For unit tests. */
import { UpstreamError } from "../../shared/errors.ts";
import type { Change, Condition, Row, RowPlace, StoredRow, Table } from "../../shared/store/tables.ts";

/** What becomes of a call. `lost`: done, no answer. `repeated`: done, answer lost, and sent again by the SDK. */
export type Fate = "done" | "refused" | "lost" | "repeated";

/** @param options.fate drawn for every call; @param options.pause before and after it is looked at */
export function fakeTable(options: { fate?: () => Fate; pause?: () => Promise<void> } = {}) {
  const { fate = () => "done" as const, pause = async () => {} } = options;
  const rows = new Map<string, StoredRow>();
  let written = 0;
  const calls: string[] = [];
  const keyOf = (partitionKey: string, rowKey: string) => JSON.stringify([partitionKey, rowKey]);
  const put = (row: Row) => {
    const etag = `W/"${++written}"`;
    const { partitionKey, rowKey } = row;
    const present = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined));
    rows.set(keyOf(partitionKey, rowKey), { ...present, partitionKey, rowKey, etag });
    return etag;
  };
  const drop = ({ partitionKey, rowKey }: RowPlace) => {
    rows.delete(keyOf(partitionKey, rowKey));
    return "";
  };
  const apply = (changes: readonly Change[]): string[] | null => {
    const fits = changes.every((change) => {
      const there = rows.get(keyOf(change.row.partitionKey, change.row.rowKey));
      if (change.kind === "delete") return there !== undefined;
      return change.kind === "insert" ? there === undefined : there?.etag === change.etag;
    });
    return fits ? changes.map((change) => (change.kind === "delete" ? drop(change.row) : put(change.row))) : null;
  };
  const unavailable = () => new UpstreamError("STATE_UNAVAILABLE", "not now", { retryable: true });
  const call = async <T>(name: string, work: () => T): Promise<T> => {
    calls.push(name);
    await pause();
    const what = fate();
    if (what === "refused") throw unavailable();
    const first = work();
    const answer = what === "repeated" ? work() : first;
    await pause();
    if (what === "lost") throw unavailable();
    return answer;
  };
  const table: Pick<Table, "get" | "insert" | "change" | "remove" | "range" | "scan" | "replace" | "removeIf"> = {
    get: (partitionKey, rowKey) => call("get", () => rows.get(keyOf(partitionKey, rowKey)) ?? null),
    insert: (row) => call("insert", () => apply([{ kind: "insert", row }])?.[0] ?? null),
    change: (changes) => call("change", () => apply(changes)),
    remove: (partitionKey, rowKeys) =>
      call("remove", () => {
        for (const rowKey of rowKeys) rows.delete(keyOf(partitionKey, rowKey));
      }),
    range: ({ partitionKey, after, before, limit }) =>
      call("range", () => {
        const isMeant = ({ partitionKey: partition, rowKey = "" }: StoredRow) =>
          partition === partitionKey && rowKey > after && rowKey < before;
        return [...rows.values()].filter(isMeant).toSorted(byKeys).slice(0, limit);
      }),
    scan: ({ from, to, after, where, limit }) =>
      call("scan", () =>
        [...rows.values()]
          .filter(({ partitionKey = "" }) => partitionKey >= from && partitionKey < to)
          .filter((row) => after === null || byKeys(row, { ...after, etag: "" }) > 0)
          .filter((row) => where.every((condition) => fits(row, condition)))
          .toSorted(byKeys)
          .slice(0, limit),
      ),
    replace: (row, etag) => call("replace", () => apply([{ kind: "replace", row, etag }])?.[0] ?? null),
    removeIf: (partitionKey, rowKey, etag) =>
      call("removeIf", () => {
        if (rows.get(keyOf(partitionKey, rowKey))?.etag !== etag) return false;
        return rows.delete(keyOf(partitionKey, rowKey));
      }),
  };
  return { table, rows, calls };
}

function byKeys(left: StoredRow, right: StoredRow): number {
  const compare = (a = "", b = "") => (a === b ? 0 : a < b ? -1 : 1);
  return compare(left.partitionKey, right.partitionKey) || compare(left.rowKey, right.rowKey);
}

/** A column that is not there fits nothing. */
function fits(row: StoredRow, [column, operator, value]: Condition): boolean {
  const found = column === "RowKey" ? row.rowKey : row[column];
  if (typeof found !== "string") return false;
  if (operator === "eq") return found === value;
  return operator === "ge" ? found >= value : found < value;
}
