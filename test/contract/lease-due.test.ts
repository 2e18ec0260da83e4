/** When the sweep looks at leases, in Table Storage. */

import { TableClient } from "@azure/data-tables";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { DueLease, LeaseDueStore } from "../../shared/credentials/ports.ts";
import { createLeaseDue } from "../../shared/store/lease-due.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_TABLES, stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let store: LeaseDueStore;
beforeAll(async () => {
  azure = await startLocalAzure();
  store = createLeaseDue(stateTable(azure, "LeaseDue", "STATE_UNAVAILABLE"));
});
afterAll(() => azure.stop());
beforeEach(async () => {
  for (const due of await store.list(new Date("2099-01-01T00:00:00Z"), null, 1000)) await store.drop(due);
});

const due = (first: string, dueAt: string): DueLease => ({ leaseId: `ab87e2363608-${first.repeat(26)}`, dueAt });
const at = (text: string) => new Date(text);
const table = () => new TableClient(STATE_TABLES, "LeaseDue", credentialOf(azure, "latchkey-service"));

test("a table that nobody has written to has nothing due", async () => {
  const fresh = createLeaseDue(stateTable(azure, "LeaseDueNew", "STATE_UNAVAILABLE"));
  expect(await fresh.list(at("2026-11-21T10:00:00Z"), null, 10)).toEqual([]);
  expect(await fresh.listIrrevocable(null, 10)).toEqual([]);
});

test("what is due up to this second is listed, hour by hour, and nothing that is to come", async () => {
  const [early, now, second, later, tomorrow] = [
    due("c", "2026-11-20T23:59:59Z"),
    due("b", "2026-11-21T10:30:00Z"),
    due("d", "2026-11-21T10:30:01Z"),
    due("a", "2026-11-21T10:59:00Z"),
    due("a", "2026-11-22T00:00:00Z"),
  ];
  for (const one of [tomorrow, later, second, now, early]) await store.file(one);
  expect(await store.list(at("2026-11-21T10:30:00Z"), null, 10)).toEqual([early, now]);
  expect(await store.list(at("2026-11-21T10:30:01.500Z"), null, 10)).toEqual([early, now, second]);
  expect(await store.list(at("2026-11-22T00:00:00Z"), null, 10)).toEqual([early, later, now, second, tomorrow]);
});

test("page by page, across hours", async () => {
  const all = [due("b", "2026-11-21T09:00:00Z"), due("a", "2026-11-21T10:00:00Z"), due("b", "2026-11-21T10:00:00Z")];
  for (const one of all) await store.file(one);
  const now = at("2026-11-21T12:00:00Z");
  const first = await store.list(now, null, 2);
  expect(first).toEqual(all.slice(0, 2));
  expect(await store.list(now, first.at(-1) ?? null, 2)).toEqual(all.slice(2));
});

test("filed again in the same hour the later time holds; in another hour both do; dropping is for one and can be repeated", async () => {
  const first = due("a", "2026-11-21T10:00:00Z");
  const again = due("a", "2026-11-21T10:40:00Z");
  const other = due("a", "2026-11-21T11:05:00Z");
  for (const one of [first, again, other]) await store.file(one);
  const now = at("2026-11-21T12:00:00Z");
  expect(await store.list(now, null, 10)).toEqual([again, other]);
  await store.drop(again);
  await store.drop(again);
  expect(await store.list(now, null, 10)).toEqual([other]);
});

test("the partition is the hour; those that could not be ended stand apart and are never due", async () => {
  await store.file(due("a", "2026-11-21T10:40:00Z"));
  await store.setIrrevocable("ab87e2363608-x", true);
  await store.setIrrevocable("ab87e2363608-x", true);
  await store.setIrrevocable("ab87e2363608-y", true);
  const rows: string[] = [];
  for await (const { partitionKey } of table().listEntities()) rows.push(partitionKey ?? "");
  expect(rows.sort()).toEqual(["2026112110", "irrevocable", "irrevocable"]);
  expect(await store.list(at("2099-01-01T00:00:00Z"), null, 10)).toHaveLength(1);
  expect(await store.listIrrevocable(null, 1)).toEqual(["ab87e2363608-x"]);
  expect(await store.listIrrevocable("ab87e2363608-x", 5)).toEqual(["ab87e2363608-y"]);
  await store.setIrrevocable("ab87e2363608-x", false);
  await store.setIrrevocable("ab87e2363608-x", false);
  expect(await store.listIrrevocable(null, 5)).toEqual(["ab87e2363608-y"]);
});
