/** Memberships and grants in Table Storage: changed only as their writer saw them, read whole, and truth when it fails. */
import { TableClient } from "@azure/data-tables";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { PolicyStore } from "../../shared/access/ports.ts";
import { createPolicyStore } from "../../shared/store/access-records.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { NOW_TEXT, now } from "../support/fakes.ts";
import { grant, membership } from "../support/fakes-access.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_TABLES, stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
let store: PolicyStore;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  store = createPolicyStore({ table: stateTable(azure, "Access", "STATE_UNAVAILABLE"), now });
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

// First in the file: the table is not there yet.
test("a table that nobody has made holds no policy", async () => {
  expect([await store.readAll("grant"), await store.list("membership", "", 10)]).toEqual([[], []]);
  expect(await store.find("grant", "a")).toBeNull();
});

test("write: creates once, replaces what was seen, and refuses the rest", async () => {
  const first = await store.write("grant", "a", grant(), "admin", null);
  expect(first).toEqual(expect.any(String));
  expect(await store.find("grant", "a")).toEqual({ name: "a", spec: grant(), etag: first });
  expect(await store.write("grant", "a", grant({ access: ["list"] }), "admin", null)).toBeNull();
  const second = await store.write("grant", "a", grant({ access: ["list"] }), "other", first);
  expect(await store.write("grant", "a", grant(), "admin", first)).toBeNull();
  expect(await store.write("grant", "never", grant(), "admin", first)).toBeNull();
  expect(await store.find("grant", "a")).toEqual({ name: "a", spec: grant({ access: ["list"] }), etag: second });
  const table = new TableClient(STATE_TABLES, "Access", credentialOf(azure, "latchkey-service"));
  expect(await table.getEntity("grant", "a")).toMatchObject({ updatedBy: "other", updatedAt: NOW_TEXT });
});

test("remove: only as it was seen", async () => {
  const etag = (await store.write("membership", "gone", membership(), "admin", null)) ?? "";
  expect(await store.remove("membership", "gone", "W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\"")).toBe(false);
  expect(await store.remove("membership", "gone", etag)).toBe(true);
  expect(await store.remove("membership", "gone", etag)).toBe(false);
  expect(await store.find("membership", "gone")).toBeNull();
});

test("readAll and list: one kind alone, by name, behind the last one", async () => {
  for (const name of ["c", "b", "b-1"]) await store.write("membership", name, membership(), "admin", null);
  const names = (records: readonly { name: string }[]) => records.map(({ name }) => name);
  expect(names(await store.readAll("membership"))).toEqual(["b", "b-1", "c"]);
  expect(names(await store.list("membership", "", 2))).toEqual(["b", "b-1"]);
  expect(names(await store.list("membership", "b-1", 2))).toEqual(["c"]);
});

test("a failure is STATE_UNAVAILABLE and never an empty policy", async () => {
  await control.fault({ service: "storage", status: 503, retryAfterSeconds: 1 });
  const failure = { code: "STATE_UNAVAILABLE" };
  await expect(store.readAll("grant")).rejects.toMatchObject(failure);
  await expect(store.find("grant", "a")).rejects.toMatchObject(failure);
  await expect(store.write("grant", "b", grant(), "admin", null)).rejects.toMatchObject(failure);
});
