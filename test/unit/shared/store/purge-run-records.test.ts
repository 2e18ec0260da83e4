import { describe, expect, test } from "vitest";
import type { Fate } from "../../../support/fake-table.ts";
import { etagOf, purgeRun, REGISTRY, runId, runStoreParts } from "../../../support/fakes-purge-runs.ts";

describe("insert", () => {
  test("the run, the lock and the slot, in one transaction and without a read", async () => {
    const parts = runStoreParts();
    const run = purgeRun(1, { slot: "2026-11-21T10:00:00Z", planId: runId(0), warnings: ["w"] });
    expect(await parts.newStore().insert(run)).toEqual({ kind: "inserted" });
    expect(parts.calls).toEqual(["change"]);
    expect(await parts.newStore().find(run.id)).toEqual({ run, etag: expect.any(String) });
    expect(parts.row("lock")).toMatchObject({ runId: run.id, until: "2026-11-21T10:15:00Z" });
    expect(parts.row("s~weekly~20261121T1000Z")).toMatchObject({ runId: run.id });
  });

  test("a plan needs no lock and meets none", async () => {
    const parts = runStoreParts();
    await parts.newStore().insert(purgeRun(1));
    expect(await parts.newStore().insert(purgeRun(2, { kind: "plan" }))).toEqual({ kind: "inserted" });
    expect(parts.row("lock")).toMatchObject({ runId: runId(1) });
  });

  test("another's lock is active, with its run's id; another registry's is none of ours", async () => {
    const { newStore } = runStoreParts();
    await newStore().insert(purgeRun(1));
    expect(await newStore().insert(purgeRun(2))).toEqual({ kind: "active", runId: runId(1) });
    expect(await newStore().find(runId(2))).toBeNull();
    expect(await newStore().insert(purgeRun(3, { loginServer: "other.azurecr.io" }))).toEqual({ kind: "inserted" });
  });

  test("a slot runs once, also when its run has ended; another policy's slot of that time is another", async () => {
    const parts = runStoreParts();
    const slot = "2026-11-21T10:00:00Z";
    const run = purgeRun(1, { slot });
    await parts.newStore().insert(run);
    expect(await parts.newStore().insert(purgeRun(2, { slot }))).toEqual({ kind: "taken" });
    await parts.newStore().replace({ ...run, state: "done", endedAt: slot }, await etagOf(parts, run));
    expect(await parts.newStore().insert(purgeRun(3, { slot }))).toEqual({ kind: "taken" });
    expect(await parts.newStore().insert(purgeRun(4, { slot, policy: "daily" }))).toEqual({ kind: "inserted" });
  });

  test.each<[string, Fate]>([
    ["sent again by the client", "repeated"],
    ["lost", "lost"],
  ])("a reply that was %s: the run is known as one's own", async (_, fate) => {
    const fates: Fate[] = [fate];
    const { newStore, row } = runStoreParts({ fate: () => fates.shift() ?? "done" });
    const run = purgeRun(1, { slot: "2026-11-21T10:00:00Z" });
    expect(await newStore().insert(run)).toEqual({ kind: "inserted" });
    expect(row("lock")).toMatchObject({ runId: run.id });
  });

  test("a failure with nothing written is a failure", async () => {
    const fates: Fate[] = ["refused"];
    const { newStore, rows } = runStoreParts({ fate: () => fates.shift() ?? "done" });
    await expect(newStore().insert(purgeRun(1))).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    expect(rows.size).toBe(0);
  });

  test("a row of another under the same id is not taken for one's own", async () => {
    const { newStore } = runStoreParts();
    await newStore().insert(purgeRun(1));
    const other = purgeRun(1, { correlationId: "11111111-0000-4000-8000-000000000000" });
    expect(await newStore().insert(other)).toEqual({ kind: "active", runId: runId(1) });
  });
});

describe("replace", () => {
  test.each(["done", "partial", "refused", "cancelled", "failed"] as const)(
    "a run that ended as %s gives the lock back with it",
    async (state) => {
      const parts = runStoreParts();
      const run = purgeRun(1);
      await parts.newStore().insert(run);
      const ended = { ...run, state, endedAt: "2026-11-21T10:00:00Z" };
      const etag = await parts.newStore().replace(ended, await etagOf(parts, run));
      expect(await parts.newStore().find(run.id)).toEqual({ run: ended, etag });
      expect(parts.row("lock")).toBeNull();
      expect(await parts.newStore().insert(purgeRun(2))).toEqual({ kind: "inserted" });
      // Writing an ended one again leaves the next one's lock alone.
      await parts.newStore().replace({ ...ended, warnings: ["late"] }, etag ?? "");
      expect(parts.row("lock")).toMatchObject({ runId: runId(2) });
    },
  );

  test("a plan touches no lock", async () => {
    const parts = runStoreParts();
    const plan = purgeRun(2, { kind: "plan" });
    await parts.newStore().insert(purgeRun(1));
    await parts.newStore().insert(plan);
    expect(await parts.newStore().replace({ ...plan, state: "planned" }, await etagOf(parts, plan))).not.toBeNull();
    expect(parts.row("lock")).toMatchObject({ runId: runId(1) });
  });

  test("an open purge without a lock takes a free one, and does not go on beside another's", async () => {
    const parts = runStoreParts();
    const run = purgeRun(1);
    await parts.newStore().insert(run);
    parts.rows.delete(JSON.stringify([REGISTRY, "lock"]));
    const etag = await parts.newStore().replace({ ...run, state: "planning" }, await etagOf(parts, run));
    expect(parts.row("lock")).toMatchObject({ runId: run.id });
    Object.assign(parts.row("lock") ?? {}, { runId: runId(2) });
    expect(await parts.newStore().replace({ ...run, state: "applying" }, etag ?? "")).toBeNull();
    expect(await parts.newStore().replace({ ...run, state: "failed" }, etag ?? "")).not.toBeNull();
    expect(parts.row("lock")).toMatchObject({ runId: runId(2) });
  });

  test("null when somebody else wrote; a reply that was lost is no conflict", async () => {
    const fates: Fate[] = [];
    const parts = runStoreParts({ fate: () => fates.shift() ?? "done" });
    const run = purgeRun(1);
    await parts.newStore().insert(run);
    const etag = await etagOf(parts, run);
    fates.push("done", "repeated");
    const next = await parts.newStore().replace({ ...run, state: "planning", slice: "a" }, etag);
    expect(next).toBe(await etagOf(parts, run));
    expect(await parts.newStore().replace({ ...run, state: "planning", slice: "b" }, etag)).toBeNull();
    expect(await parts.newStore().replace(purgeRun(9), 'W/"1"')).toBeNull();
  });

  test("more bytes than a 32-bit number, and more warnings than a column, are kept as far as they go", async () => {
    const parts = runStoreParts();
    const run = purgeRun(1, {
      bytesFreed: 2 ** 52,
      cursor: 2 ** 40,
      warnings: Array.from({ length: 1000 }, () => "x".repeat(100)),
    });
    await parts.newStore().insert(run);
    const found = (await parts.newStore().get(REGISTRY, run.id))?.run;
    expect([found?.bytesFreed, found?.cursor]).toEqual([2 ** 52, 2 ** 40]);
    expect(JSON.stringify(found?.warnings).length).toBeLessThanOrEqual(30_000);
    expect(found?.warnings.length).toBeGreaterThan(200);
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    "%d bytes are refused: nobody could read the run again",
    async (bytesFreed) => {
      const { newStore, rows } = runStoreParts();
      await expect(newStore().insert(purgeRun(1, { bytesFreed }))).rejects.toThrow(RangeError);
      expect(rows.size).toBe(0);
    },
  );

  test("a policy that no column takes is refused before anything is written", async () => {
    const { newStore, rows } = runStoreParts();
    const run = purgeRun(1, { policyJson: "x".repeat(30_001) });
    await expect(newStore().insert(run)).rejects.toThrow(RangeError);
    expect(rows.size).toBe(0);
  });
});

describe("lists", () => {
  test("newest first within a registry, behind a place, no slots and no locks", async () => {
    const { newStore } = runStoreParts();
    const store = newStore();
    const other = "aaaaa.azurecr.io";
    for (const index of [1, 2, 3])
      await store.insert(purgeRun(index, { kind: "plan", slot: `2026-11-21T10:0${index}:00Z` }));
    await store.insert(purgeRun(4, { loginServer: other }));
    const ids = async (query: Parameters<typeof store.list>[0]) => (await store.list(query)).map(({ id }) => id);
    expect(await ids({ loginServer: null, after: null, limit: 9 })).toEqual([4, 3, 2, 1].map(runId));
    expect(await ids({ loginServer: REGISTRY, after: null, limit: 2 })).toEqual([3, 2].map(runId));
    const after = { loginServer: REGISTRY, runId: runId(2) };
    expect(await ids({ loginServer: REGISTRY, after, limit: 9 })).toEqual([runId(1)]);
    expect(await ids({ loginServer: null, after: { loginServer: other, runId: runId(4) }, limit: 1 })).toEqual([
      runId(3),
    ]);
    expect(await ids({ loginServer: "registryone.azurecr.i", after: null, limit: 9 })).toEqual([]);
  });

  test("a damaged run is told and hides no other", async () => {
    const parts = runStoreParts();
    const store = parts.newStore();
    for (const index of [1, 2]) await store.insert(purgeRun(index, { kind: "plan" }));
    Object.assign(parts.row(`r~${runId(2)}`) ?? {}, { state: "eaten" });
    expect(await store.list({ loginServer: null, after: null, limit: 9 })).toEqual([
      { id: runId(2), loginServer: REGISTRY, damaged: true },
      purgeRun(1, { kind: "plan" }),
    ]);
    expect((await store.listStale(new Date("2026-11-21T11:00:00Z"), null, 1)).map(({ id }) => id)).toEqual([runId(1)]);
  });

  test("stale: open and not written since; more damaged ones than the limit hide none", async () => {
    const parts = runStoreParts();
    const store = parts.newStore();
    const at = (minute: number) => `2026-11-21T10:${String(minute).padStart(2, "0")}:00Z`;
    await store.insert(purgeRun(1, { kind: "plan", updatedAt: at(1) }));
    await store.insert(purgeRun(2, { kind: "plan", updatedAt: at(2), state: "planned", endedAt: at(2) }));
    await store.insert(purgeRun(3, { kind: "plan", updatedAt: at(3), state: "planning" }));
    for (const index of [4, 5]) {
      await store.insert(purgeRun(index, { kind: "plan", updatedAt: at(1) }));
      Object.assign(parts.row(`r~${runId(index)}`) ?? {}, { kind: "none" });
    }
    const stale = async (minute: number, limit: number) =>
      (await store.listStale(new Date(at(minute)), null, limit)).map(({ id }) => id);
    expect(await stale(3, 9)).toEqual([runId(1)]);
    expect(await stale(4, 1)).toEqual([runId(3)]);
    expect(await stale(4, 2)).toEqual([runId(3), runId(1)]);
    const after = { loginServer: REGISTRY, runId: runId(3) };
    expect((await store.listStale(new Date(at(4)), after, 9)).map(({ id }) => id)).toEqual([runId(1)]);
  });
});
