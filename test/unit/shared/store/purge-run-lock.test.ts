import { describe, expect, test } from "vitest";
import { MAX_OUTAGE_SECONDS } from "../../../../shared/purge/run.ts";
import { OVERTAKEN } from "../../../../shared/store/purge-run-lock.ts";
import { LOCK_SECONDS } from "../../../../shared/store/purge-run-rows.ts";
import { utc } from "../../../../shared/time.ts";
import { etagOf, purgeRun, REGISTRY, runId, runStoreParts } from "../../../support/fakes-purge-runs.ts";

describe("a lock whose time is over", () => {
  test.each(["queued", "planning"] as const)(
    "an open run (%s) that has written nothing for as long fails in the same transaction",
    async (state) => {
      const parts = runStoreParts();
      const run = purgeRun(1);
      await parts.newStore().insert(run);
      const etag = await parts.newStore().replace({ ...run, state }, await etagOf(parts, run));
      parts.clock.pass(LOCK_SECONDS);
      expect(await parts.newStore().insert(purgeRun(2))).toEqual({ kind: "active", runId: runId(1) });
      expect(await parts.newStore().holder(REGISTRY)).toBe(runId(1));
      parts.clock.pass(1);
      expect(await parts.newStore().holder(REGISTRY)).toBeNull();
      expect(await parts.newStore().insert(purgeRun(2))).toEqual({ kind: "inserted" });
      expect((await parts.newStore().find(run.id))?.run.warnings).toHaveLength(1);
      const at = utc(parts.clock.now());
      expect((await parts.newStore().find(run.id))?.run).toMatchObject({
        state: "failed",
        code: OVERTAKEN,
        endedAt: at,
      });
      expect(parts.row("lock")).toMatchObject({ runId: runId(2) });
      // Whoever still works on the first finds out before its next group, and does not take the lock back.
      expect(await parts.newStore().replace({ ...run, state, groups: 1 }, etag ?? "")).toBeNull();
      expect(parts.row("lock")).toMatchObject({ runId: runId(2) });
    },
  );

  test("a run that had begun to delete keeps its registry however long it is silent, until it ends", async () => {
    const parts = runStoreParts();
    const run = purgeRun(1);
    await parts.newStore().insert(run);
    const etag = await parts.newStore().replace({ ...run, state: "applying" }, await etagOf(parts, run));
    parts.clock.pass(3 * MAX_OUTAGE_SECONDS);
    expect(await parts.newStore().holder(REGISTRY)).toBe(runId(1));
    expect(await parts.newStore().insert(purgeRun(2))).toEqual({ kind: "active", runId: runId(1) });
    expect((await parts.newStore().find(run.id))?.run).toMatchObject({ state: "applying", code: null });
    expect(await parts.newStore().replace({ ...run, state: "partial" }, etag ?? "")).not.toBeNull();
    expect(await parts.newStore().insert(purgeRun(2))).toEqual({ kind: "inserted" });
  });

  test("at its last second the lock still holds", async () => {
    const parts = runStoreParts();
    await parts.newStore().insert(purgeRun(1));
    parts.clock.pass(LOCK_SECONDS);
    expect(await parts.newStore().insert(purgeRun(2))).toEqual({ kind: "active", runId: runId(1) });
  });

  test("a run that wrote meanwhile keeps it: each write renews the lock", async () => {
    const parts = runStoreParts();
    const run = purgeRun(1);
    await parts.newStore().insert(run);
    parts.clock.pass(LOCK_SECONDS - 60);
    const updatedAt = utc(parts.clock.now());
    await parts.newStore().replace({ ...run, state: "applying", updatedAt }, await etagOf(parts, run));
    parts.clock.pass(120);
    expect(await parts.newStore().insert(purgeRun(2))).toEqual({ kind: "active", runId: runId(1) });
  });

  test("nobody has a registry that was never purged, or not any more; another's lock is no one's here", async () => {
    const parts = runStoreParts();
    const store = parts.newStore();
    expect(await store.holder(REGISTRY)).toBeNull();
    const run = purgeRun(1, { loginServer: "other.azurecr.io" });
    await store.insert(run);
    expect([await store.holder(REGISTRY), await store.holder(run.loginServer)]).toEqual([null, run.id]);
    await store.replace({ ...run, state: "done" }, await etagOf(parts, run));
    expect(await store.holder(run.loginServer)).toBeNull();
  });

  test("a lock that somebody shortened by hand protects a run that writes", async () => {
    const parts = runStoreParts();
    const run = purgeRun(1);
    await parts.newStore().insert(run);
    const lock = parts.row("lock");
    if (lock === null) throw new Error("there is no lock");
    lock.until = "2020-01-01T00:00:00Z";
    expect(await parts.newStore().insert(purgeRun(2))).toEqual({ kind: "active", runId: runId(1) });
  });

  test.each<[string, (parts: ReturnType<typeof runStoreParts>) => void]>([
    ["cannot be read", ({ row }) => Object.assign(row(`r~${runId(1)}`) ?? {}, { countsJson: "{" })],
    ["is gone", ({ rows }) => rows.delete(JSON.stringify([REGISTRY, `r~${runId(1)}`]))],
  ])("a run whose row %s holds its registry for that time and no longer", async (_, damage) => {
    const parts = runStoreParts();
    await parts.newStore().insert(purgeRun(1));
    damage(parts);
    expect(await parts.newStore().insert(purgeRun(2))).toEqual({ kind: "active", runId: runId(1) });
    parts.clock.pass(LOCK_SECONDS + 1);
    expect(await parts.newStore().insert(purgeRun(3))).toEqual({ kind: "inserted" });
  });
});
