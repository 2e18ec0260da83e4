/** Transactions over rows of the app's state, in Table Storage. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Table } from "../../shared/store/tables.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let table: Table;
beforeAll(async () => {
  azure = await startLocalAzure();
  table = stateTable(azure, "Transactions", "STATE_UNAVAILABLE");
});
afterAll(() => azure.stop());

const row = (rowKey: string, text: string) => ({ partitionKey: "p", rowKey, text });

test("a transaction gives the ETag of each row, of inserted and replaced ones alike, and none of a deleted one", async () => {
  const made = await table.change([
    { kind: "insert", row: row("t~one", "1") },
    { kind: "insert", row: row("l~two", "1") },
    { kind: "insert", row: row("gone", "1") },
  ]);
  const [first = "", second = ""] = made ?? [];
  const changed = await table.change([
    { kind: "delete", row: { partitionKey: "p", rowKey: "gone" } },
    { kind: "replace", row: row("t~one", "2"), etag: first },
    { kind: "insert", row: row("new", "1") },
    { kind: "replace", row: row("l~two", "2"), etag: second },
  ]);
  const etags = await Promise.all(["t~one", "new", "l~two"].map(async (key) => (await table.get("p", key))?.etag));
  expect(changed).toEqual(["", ...etags]);
  // What is replaced by the ETag that was given is still as it was.
  expect(await table.replace(row("l~two", "3"), changed?.[3] ?? "")).not.toBe(null);
});

test("a transaction in whose way something is changes nothing", async () => {
  const [etag = ""] = (await table.change([{ kind: "insert", row: row("kept", "1") }])) ?? [];
  await table.replace(row("kept", "2"), etag);
  const changes = [
    { kind: "insert", row: row("never", "1") },
    { kind: "replace", row: row("kept", "3"), etag },
  ] as const;
  expect(await table.change(changes)).toBe(null);
  expect(await table.get("p", "never")).toBe(null);
  expect(await table.get("p", "kept")).toMatchObject({ text: "2" });
});
