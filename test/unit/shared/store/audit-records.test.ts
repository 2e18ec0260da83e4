import { expect, test } from "vitest";
import { chainRow } from "../../../../shared/audit/record.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import { createAuditStore } from "../../../../shared/store/audit-records.ts";
import type { StoredRow, Table } from "../../../../shared/store/tables.ts";
import { NOW } from "../../../support/fakes.ts";
import { auditEvent } from "../../../support/fakes-audit.ts";

const row = chainRow(auditEvent(), { at: NOW.toISOString(), writerId: "w", sequence: 7, prevHash: "" });

/** A table whose inserts fail by the given name while a row with `hash` may lie there. */
function failing(name: string, hash: string | null) {
  const keys: string[] = [];
  const never = () => Promise.reject(new Error("not asked for"));
  const table: Table = {
    async insert() {
      const failure = { name, status: null, code: null };
      throw new UpstreamError("AUDIT_UNAVAILABLE", "x", { retryable: true, failure });
    },
    async get(partitionKey, rowKey): Promise<StoredRow | null> {
      keys.push(`${partitionKey} ${rowKey}`);
      return hash === null ? null : { partitionKey, rowKey, etag: "e", hash };
    },
    insertAll: never,
    remove: never,
    range: never,
  };
  return { keys, store: createAuditStore(table) };
}

test("insert: after a lost reply the row is looked for under its day, writer and sequence", async () => {
  const { keys, store } = failing("RestError", row.hash);
  expect(await store.insert(row)).toEqual({ kind: "written" });
  expect(keys).toEqual(["20261121~w 00000007"]);
});

test.each([null, "another"])("insert: a row that is not ours there (%s) does not count as written", async (hash) => {
  const { store } = failing("RestError", hash);
  await expect(store.insert(row)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
});

test.each(["AbortError", "TimeoutError"])(
  "insert: when the time is used up (%s), nobody waits a second time",
  async (name) => {
    const { keys, store } = failing(name, row.hash);
    await expect(store.insert(row)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(keys).toEqual([]);
  },
);
