import { expect, test } from "vitest";
import { chainRow } from "../../../../shared/audit/record.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import { createAuditStore } from "../../../../shared/store/audit-records.ts";
import type { Row, StoredRow, Table } from "../../../../shared/store/tables.ts";
import { auditEvent } from "../../../support/fakes-audit.ts";

const first = chainRow(auditEvent(), { at: "2026-11-21T10:00:00Z", writerId: "w", sequence: 7, prevHash: "" });
const second = chainRow(auditEvent({ leaseId: null }), {
  at: first.at,
  writerId: "w",
  sequence: 8,
  prevHash: first.hash,
});
const rows = [first, second];

/** A table of which only what is given may be asked. */
function tableOf(asked: Partial<Table>): Table {
  const never = () => Promise.reject(new Error("not asked for"));
  return { insert: never, insertAll: never, get: never, remove: never, range: never, ...asked };
}

/** A store whose transactions go as `insertAll` says, while a row with `hash` may lie in the first one's place. */
function storeOver(insertAll: Table["insertAll"], hash: string | null = null) {
  const keys: string[] = [];
  const get = async (partitionKey: string, rowKey: string): Promise<StoredRow | null> => {
    keys.push(`${partitionKey} ${rowKey}`);
    return hash === null ? null : { partitionKey, rowKey, etag: "e", hash };
  };
  return { keys, store: createAuditStore(tableOf({ insertAll, get })) };
}
const failing = (name: string) => () =>
  Promise.reject(
    new UpstreamError("AUDIT_UNAVAILABLE", "x", { retryable: true, failure: { name, status: null, code: null } }),
  );
const inTheWay = async () => null;

test("insert: all rows go in one transaction, in order, into the partition of their day and writer", async () => {
  const sent: Row[][] = [];
  const { keys, store } = storeOver(async (added) => {
    sent.push([...added]);
    return added.map(() => "etag");
  });
  expect(await store.insert(rows)).toEqual({ kind: "written" });
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject([
    { partitionKey: "20261121~w", rowKey: "00000007", leaseId: "l-1", prevHash: "", hash: first.hash },
    { partitionKey: "20261121~w", rowKey: "00000008", leaseId: undefined, prevHash: first.hash, hash: second.hash },
  ]);
  expect(keys).toEqual([]);
});

test("insert: nothing to write asks nobody", async () => {
  expect(await createAuditStore(tableOf({})).insert([])).toEqual({ kind: "written" });
});

test("insert: after a lost reply the first row is looked for under its day, writer and sequence", async () => {
  const { keys, store } = storeOver(failing("RestError"), first.hash);
  expect(await store.insert(rows)).toEqual({ kind: "written" });
  expect(keys).toEqual(["20261121~w 00000007"]);
});

test.each([null, "another", second.hash])(
  "insert: a row that is not the first one there (%s) does not count as written",
  async (hash) => {
    const { store } = storeOver(failing("RestError"), hash);
    await expect(store.insert(rows)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
  },
);

test.each(["AbortError", "TimeoutError"])(
  "insert: when the time is used up (%s), nobody waits a second time",
  async (name) => {
    const { keys, store } = storeOver(failing(name), first.hash);
    await expect(store.insert(rows)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(keys).toEqual([]);
  },
);

test("insert: a defect is not taken for a lost reply", async () => {
  const { keys, store } = storeOver(() => Promise.reject(new TypeError("defect")), first.hash);
  await expect(store.insert(rows)).rejects.toBeInstanceOf(TypeError);
  expect(keys).toEqual([]);
});

test("insert: rows in the way are our own, another's, or gone again", async () => {
  expect(await storeOver(inTheWay, first.hash).store.insert(rows)).toEqual({ kind: "written" });
  expect(await storeOver(inTheWay, "another").store.insert(rows)).toEqual({ kind: "conflict", hash: "another" });
  await expect(storeOver(inTheWay, null).store.insert(rows)).rejects.toMatchObject({
    code: "AUDIT_UNAVAILABLE",
    retryable: true,
  });
});
