import { describe, expect, test } from "vitest";
import { purgeRun, runId, runStoreParts } from "../../../support/fakes-purge-runs.ts";

describe("keys of runs", () => {
  test.each([
    "",
    "x",
    "UPPER.azurecr.io",
    "a/b.azurecr.io",
    "a'b.azurecr.io",
    "a.azurecr.io!",
    "r~1",
    "ä.azurecr.io",
    "a\u0000b",
  ])("%j is no registry", async (loginServer) => {
    const { newStore, calls } = runStoreParts();
    await expect(newStore().insert(purgeRun(1, { loginServer }))).rejects.toThrow(RangeError);
    await expect(newStore().get(loginServer, runId(1))).rejects.toThrow(RangeError);
    await expect(newStore().list({ loginServer, after: null, limit: 1 })).rejects.toThrow(RangeError);
    expect(calls).toEqual([]);
  });

  test.each(["", "lock", "1-aaaaaa", `${runId(1)} `, `${runId(1)}' or '1`, "../lock", `${runId(1)}\u0000`])(
    "%j is no run",
    async (id) => {
      const { newStore, calls } = runStoreParts();
      await expect(newStore().find(id)).rejects.toThrow(RangeError);
      await expect(newStore().insert(purgeRun(1, { id }))).rejects.toThrow(RangeError);
      expect(calls).toEqual([]);
    },
  );

  test.each(["", "a~b", "A", "a/b", "a'b", "-a", "a".repeat(64), "lock~", "ä"])("%j names no slot", async (policy) => {
    const { newStore, calls } = runStoreParts();
    const run = purgeRun(1, { policy, slot: "2026-11-21T10:00:00Z" });
    await expect(newStore().insert(run)).rejects.toThrow(RangeError);
    expect(calls).toEqual([]);
  });

  test.each(["", "2026-11-21", "20261121T1000Z", "2026-11-21T10:00:00+01:00"])("%j is no slot", async (slot) => {
    await expect(runStoreParts().newStore().insert(purgeRun(1, { slot }))).rejects.toThrow(RangeError);
  });
});
