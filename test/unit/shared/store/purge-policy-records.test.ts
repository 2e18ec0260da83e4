import { describe, expect, test } from "vitest";
import type { PurgePolicyStore } from "../../../../shared/purge/ports.ts";
import { createPurgePolicyStore } from "../../../../shared/store/purge-policy-records.ts";
import { type Fate, fakeTable } from "../../../support/fake-table.ts";
import { countingIds, NOW_TEXT, now } from "../../../support/fakes.ts";
import { REGISTRY } from "../../../support/fakes-purge-runs.ts";

type Written = Parameters<PurgePolicyStore["write"]>[0];
const policy = (changes: Partial<Written> = {}): Written => ({
  name: "weekly",
  loginServer: REGISTRY,
  spec: { connector: "azure" },
  nextDueAt: "2026-11-22T03:00:00Z",
  updatedBy: "admin",
  isEnabled: true,
  ...changes,
});
function parts(fates: Fate[] = []) {
  const fake = fakeTable({ fate: () => fates.shift() ?? "done" });
  const store = createPurgePolicyStore({ table: fake.table, now, newId: countingIds() });
  return { ...fake, store, row: (name = "weekly") => fake.rows.get(JSON.stringify([REGISTRY, name])) };
}

test("write: creates once, replaces what was seen, and refuses the rest", async () => {
  const { store, row } = parts();
  const first = await store.write(policy(), null);
  const { isEnabled: _, ...stored } = policy();
  expect(await store.find(REGISTRY, "weekly")).toEqual({ ...stored, etag: first });
  expect(row()).toMatchObject({ enabled: true, updatedAt: NOW_TEXT, specJson: '{"connector":"azure"}' });
  // The very same once more is a second one all the same.
  expect(await store.write(policy(), null)).toBeNull();
  const second = await store.write(policy({ spec: { connector: "b" } }), first);
  expect(second).toEqual(expect.any(String));
  expect(await store.write(policy(), first)).toBeNull();
  expect(await store.remove(REGISTRY, "weekly", first ?? "")).toBe(false);
  expect(await store.remove(REGISTRY, "weekly", second ?? "")).toBe(true);
  expect(await store.find(REGISTRY, "weekly")).toBeNull();
});

test("a reply that was lost and sent again is no conflict", async () => {
  const { store, row } = parts(["repeated", "done", "repeated"]);
  const first = await store.write(policy(), null);
  expect(first).toBe(row()?.etag);
  expect(await store.write(policy({ updatedBy: "other" }), first)).toBe(row()?.etag);
});

describe("listDue", () => {
  test("enabled ones of all registries, up to and with this second, behind a place", async () => {
    const { store } = parts();
    const other = "zzzzz.azurecr.io";
    await store.write(policy({ name: "a" }), null);
    await store.write(policy({ name: "b", nextDueAt: "2026-11-22T03:05:00Z" }), null);
    await store.write(policy({ name: "c", isEnabled: false }), null);
    await store.write(policy({ name: "d", nextDueAt: null }), null);
    await store.write(policy({ name: "e", loginServer: other, nextDueAt: "2026-11-20T03:00:00Z" }), null);
    const names = async (at: string, after: Parameters<PurgePolicyStore["listDue"]>[1] = null, limit = 9) =>
      (await store.listDue(new Date(at), after, limit)).map(({ name }) => name);
    expect(await names("2026-11-22T02:59:59.999Z")).toEqual(["e"]);
    expect(await names("2026-11-22T03:00:00.000Z")).toEqual(["a", "e"]);
    expect(await names("2026-11-22T03:05:00.500Z")).toEqual(["a", "b", "e"]);
    expect(await names("2026-11-22T03:05:00.500Z", { loginServer: REGISTRY, name: "a" }, 1)).toEqual(["b"]);
    expect(await names("2026-11-22T03:05:00.500Z", { loginServer: REGISTRY, name: "b" })).toEqual(["e"]);
    expect(await store.find(REGISTRY, "c")).toMatchObject({ nextDueAt: null });
  });
});

test("list: of one registry, by name, behind the last one; a damaged one hides no other and has no spec", async () => {
  const { store, row } = parts();
  for (const name of ["c", "a", "b"]) await store.write(policy({ name }), null);
  await store.write(policy({ name: "x", loginServer: "registryone.azurecr.io.other" }), null);
  Object.assign(row("b") ?? {}, { specJson: "{" });
  const all = await store.list(REGISTRY, "", 9);
  expect(all.map(({ name, spec }) => [name, spec])).toEqual([
    ["a", { connector: "azure" }],
    ["b", null],
    ["c", { connector: "azure" }],
  ]);
  expect((await store.list(REGISTRY, "a", 1)).map(({ name }) => name)).toEqual(["b"]);
});

describe("keys", () => {
  test.each(["", "A", "a/b", "a#b", "a?b", "a\\b", "a'b", "a~b", "-a", "a".repeat(64), "ä", "a\u0000"])(
    "%j is no policy",
    async (name) => {
      const { store, calls } = parts();
      await expect(store.find(REGISTRY, name)).rejects.toThrow(RangeError);
      await expect(store.write(policy({ name }), null)).rejects.toThrow(RangeError);
      await expect(store.remove(REGISTRY, name, "e")).rejects.toThrow(RangeError);
      expect(calls).toEqual([]);
    },
  );

  test.each(["", "X.azurecr.io", "a b", "a/../b", "x'--"])("%j is no registry", async (loginServer) => {
    const { store, calls } = parts();
    await expect(store.find(loginServer, "a")).rejects.toThrow(RangeError);
    await expect(store.list(loginServer, "", 1)).rejects.toThrow(RangeError);
    await expect(store.write(policy({ loginServer }), null)).rejects.toThrow(RangeError);
    expect(calls).toEqual([]);
  });

  test("a spec that no column takes is refused", async () => {
    const { store, rows } = parts();
    await expect(store.write(policy({ spec: "x".repeat(30_000) }), null)).rejects.toThrow(RangeError);
    expect(rows.size).toBe(0);
  });
});
