import { describe, expect, test } from "vitest";
import { chainRow } from "../../../../shared/audit/record.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import {
  createAuditReader,
  createAuditStore,
  createFoundRecordReader,
  createMarkReader,
} from "../../../../shared/store/audit-records.ts";
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
  const [change, replace, removeIf, scan] = [never, never, never, never];
  return {
    insert: never,
    put: never,
    insertAll: never,
    get: never,
    remove: never,
    range: never,
    change,
    replace,
    removeIf,
    scan,
    ...asked,
  };
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

/** The rows as the table answers them. */
const storedRows = async (): Promise<StoredRow[]> => {
  const sent: Row[] = [];
  await storeOver(async (added) => {
    sent.push(...added);
    return added.map(() => "etag");
  }).store.insert(rows);
  return sent.map((row) => {
    const present = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined));
    return {
      ...present,
      partitionKey: row.partitionKey,
      rowKey: row.rowKey,
      etag: "e",
      timestamp: "2026-11-21T10:00:01Z",
    };
  });
};
const allOf = async <T>(stream: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
};
const tableWith = (stored: readonly StoredRow[]) => tableOf({ scan: async () => [...stored] });

test("marks: read place and hash alone, behind one record and before a chain, page by page", async () => {
  const asked: Parameters<Table["scan"]>[0][] = [];
  const page = (from: number, count: number): StoredRow[] =>
    Array.from({ length: count }, (_, index) => ({
      partitionKey: "20261121~w",
      rowKey: String(from + index).padStart(8, "0"),
      etag: "e",
      hash: `h${from + index}`,
    }));
  const pages = [page(8, 1000), page(1008, 2)];
  const scan: Table["scan"] = async (query) => {
    asked.push(query);
    return pages.shift() ?? [];
  };
  const after = { day: "20261121", writerId: "w", sequence: 7 };
  const marks = await allOf(createMarkReader(tableOf({ scan }))({ after, before: { day: "20261122", writerId: "~" } }));
  expect(marks).toHaveLength(1002);
  expect(marks.at(-1)).toEqual({ day: "20261121", writerId: "w", sequence: 1009, hash: "h1009" });
  const range = { from: "20261121~w", to: "20261122~~", where: [], limit: 1000 };
  const select = ["PartitionKey", "RowKey", "hash"];
  expect(asked).toEqual([
    { ...range, select, after: { partitionKey: "20261121~w", rowKey: "00000007" } },
    { ...range, select, after: { partitionKey: "20261121~w", rowKey: "00001007" } },
  ]);
});

test("marks: rows that are no records of ours are left out", async () => {
  const row = { partitionKey: "20261121~w", rowKey: "00000001", etag: "e", hash: "h" };
  const { hash: _hash, ...bare } = row;
  const strange = [{ ...row, partitionKey: "x" }, { ...row, rowKey: "1" }, bare, row];
  const range = { after: { day: "20261121", writerId: "", sequence: 0 }, before: { day: "20261122", writerId: "~" } };
  const marks = await allOf(createMarkReader(tableWith(strange))(range));
  expect(marks).toEqual([{ day: "20261121", writerId: "w", sequence: 1, hash: "h" }]);
});

test("found records: as they were written, with their place", async () => {
  const found = await allOf(createFoundRecordReader(tableWith(await storedRows()))({ from: "", to: "20261121" }));
  expect(found).toEqual([
    { where: "Audit/20261121~w/00000007", place: { day: "20261121", writerId: "w", sequence: 7 }, row: first },
    { where: "Audit/20261121~w/00000008", place: { day: "20261121", writerId: "w", sequence: 8 }, row: second },
  ]);
});

test.each<[string, Record<string, unknown>]>([
  ["a column more", { note: "x" }],
  ["a column less", { rule: undefined }],
  ["a column of another type", { at: 5 }],
  ["another event", { event: "never.happened" }],
  ["details that are no JSON", { detailJson: "{" }],
  ["details with a name twice", { detailJson: '{"access":["write"],"access":["read"]}' }],
  ["details with a space", { detailJson: '{"access": ["read"]}' }],
])("found records: one with %s is shown as unreadable, in its place", async (_what, changes) => {
  const [stored] = await storedRows();
  if (stored === undefined) throw new Error("no row");
  const [found] = await allOf(createFoundRecordReader(tableWith([{ ...stored, ...changes }]))({ from: "", to: "x" }));
  expect(found).toEqual({
    where: "Audit/20261121~w/00000007",
    place: { day: "20261121", writerId: "w", sequence: 7 },
    row: null,
  });
});

test.each([{ partitionKey: "20261121" }, { partitionKey: "2026112~w" }, { rowKey: "7" }, { rowKey: "0000000a" }])(
  "found records: keys that nobody of us wrote are no place: %j",
  async (keys) => {
    const [stored] = await storedRows();
    if (stored === undefined) throw new Error("no row");
    const [found] = await allOf(createFoundRecordReader(tableWith([{ ...stored, ...keys }]))({ from: "", to: "x" }));
    expect(found).toMatchObject({ place: null, row: null });
  },
);

describe("the reader", () => {
  /** A table in order of its keys, that counts the rows it gives. */
  function readerOver(stored: readonly StoredRow[]) {
    const given: number[] = [];
    const scan: Table["scan"] = async ({ from, to, after, limit }) => {
      const keyOf = ({ partitionKey, rowKey }: { partitionKey?: unknown; rowKey?: unknown }) =>
        `${partitionKey}\u0000${rowKey}`;
      const found = stored.filter(
        (row) =>
          String(row.partitionKey) >= from &&
          String(row.partitionKey) < to &&
          (after === null || keyOf(row) > keyOf(after)),
      );
      given.push(Math.min(found.length, limit));
      return found.slice(0, limit);
    };
    return { given, read: createAuditReader(tableOf({ scan })) };
  }
  const query = {
    from: new Date("2026-11-20T00:00:00Z"),
    to: new Date("2026-11-22T00:00:00Z"),
    principalId: null,
    resourceId: null,
  };
  const many = async (count: number, changes: (index: number) => object = () => ({})): Promise<StoredRow[]> => {
    const [stored] = await storedRows();
    if (stored === undefined) throw new Error("no row");
    return Array.from({ length: count }, (_, index) => ({
      ...stored,
      rowKey: String(index + 1).padStart(8, "0"),
      ...changes(index),
    }));
  };

  test("shows records as they were written, in pages that end where there is no more", async () => {
    const { read } = readerOver(await storedRows());
    const page = await read(query, null, 1);
    expect(page).toEqual({ items: [first], next: { partition: "20261121~w", row: "00000007" } });
    expect(await read(query, page.next, 1)).toEqual({ items: [second], next: null });
  });

  test("keeps to the time, inclusive and exclusive", async () => {
    const { read } = readerOver(await storedRows());
    const at = new Date("2026-11-21T10:00:00Z");
    const next = new Date("2026-11-21T10:00:01Z");
    expect((await read({ ...query, from: at, to: next }, null, 9)).items).toEqual([first, second]);
    expect((await read({ ...query, from: next }, null, 9)).items).toEqual([]);
    expect((await read({ ...query, to: at }, null, 9)).items).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["a column less", { principalId: undefined }],
    ["a column of another type", { principalId: 5 }],
    ["a time that is none", { at: "yesterday" }],
    ["another event", { event: "never.happened" }],
    ["details that are no JSON", { detailJson: "{" }],
    ["keys of nobody", { rowKey: "00000007x" }],
  ])("shows one with %s as damaged, with the others, whatever is asked for", async (_what, changes) => {
    const [stored, after] = await storedRows();
    if (stored === undefined || after === undefined) throw new Error("no rows");
    const { read } = readerOver([{ ...stored, ...changes }, after]);
    const damaged = { damaged: true, partition: "20261121~w", row: String(changes.rowKey ?? "00000007") };
    expect(await read(query, null, 9)).toEqual({ items: [damaged, second], next: null });
    expect(await read({ ...query, principalId: "nobody" }, null, 9)).toEqual({ items: [damaged], next: null });
  });

  test("looks at 10,000 rows for one question, and goes on behind them: every match comes once", async () => {
    const stored = await many(25_500, (index) => ({ principalId: index % 8_000 === 7_999 ? "rare" : "other" }));
    const { read, given } = readerOver(stored);
    const pages: number[][] = [];
    let after: Parameters<typeof read>[1] = null;
    do {
      given.length = 0;
      const { items, next } = await read({ ...query, principalId: "rare" }, after, 100);
      expect(given.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(10_000);
      pages.push(items.map((item) => ("sequence" in item ? item.sequence : 0)));
      after = next;
    } while (after !== null);
    expect(pages).toEqual([[8000], [16_000], [24_000]]);
    const nobody = await read({ ...query, principalId: "nobody" }, null, 100);
    expect(nobody).toEqual({ items: [], next: { partition: "20261121~w", row: "00010000" } });
  });

  test("a page without filters reads no more than it shows, and one", async () => {
    const { read, given } = readerOver(await many(500));
    expect((await read(query, null, 100)).items).toHaveLength(100);
    expect(given).toEqual([101]);
  });
});
