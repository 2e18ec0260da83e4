import { expect, test } from "vitest";
import { createConnectorStore } from "../../../../shared/store/connector-records.ts";
import type { Row, StoredRow, Table } from "../../../../shared/store/tables.ts";
import { connector } from "../../../support/fakes.ts";

/** A table in memory with one partition; the ETag of a row is its key. `loseReply` stores and then says: in the way. */
function tableOf(loseReply = false) {
  const rows = new Map<string, Row>();
  const never = () => Promise.reject(new Error("not asked for"));
  const table: Table = {
    insert: never,
    put: never,
    range: never,
    change: never,
    replace: never,
    removeIf: never,
    scan: never,
    async get(partitionKey, rowKey): Promise<StoredRow | null> {
      const row = rows.get(rowKey);
      return row === undefined ? null : { ...row, partitionKey, rowKey, etag: `stored ${rowKey}` };
    },
    async insertAll(added) {
      if (added.some(({ rowKey }) => rows.has(rowKey))) return null;
      for (const row of added) rows.set(row.rowKey, row);
      return loseReply ? null : added.map(({ rowKey }) => `new ${rowKey}`);
    },
    async remove(_partitionKey, rowKeys) {
      for (const rowKey of rowKeys) rows.delete(rowKey);
    },
  };
  return { rows, store: createConnectorStore(table) };
}
const made = connector({ name: "azure", labels: { team: "vision" }, expiresAt: "2027-01-01T00:00:00Z" });

test("insert: the ETag is that of the connector's own row; it is found by name and by id as it was", async () => {
  const { rows, store } = tableOf();
  expect(await store.insert(made)).toEqual({ etag: "new n~azure" });
  expect([...rows.keys()]).toEqual(["n~azure", `i~${made.id}`]);
  for (const nameOrId of ["azure", made.id, made.id.toUpperCase()]) {
    expect(await store.find(nameOrId)).toEqual({ connector: made, etag: "stored n~azure" });
  }
});

test("insert: a row in the way is our own after a lost reply, and then counts as inserted", async () => {
  expect(await tableOf(true).store.insert(made)).toEqual({ etag: "stored n~azure" });
});

test("insert and remove: a name that is another's stays another's", async () => {
  const { rows, store } = tableOf();
  await store.insert(made);
  const other = connector({ name: "azure", id: "99999999-2222-4333-8444-555555555555" });
  await expect(store.insert(other)).rejects.toMatchObject({ code: "NAME_TAKEN" });
  await store.remove(other);
  expect(await store.find("azure")).toMatchObject({ connector: { id: made.id } });
  await store.remove(made);
  expect(rows.size).toBe(0);
});
