import { describe, expect, test } from "vitest";
import { endRun } from "../../../../../shared/purge/apply/finish.ts";
import { noCounts } from "../../../../../shared/purge/run.ts";
import { NOW_TEXT, unavailable } from "../../../../support/fakes.ts";
import { REGISTRY, runId } from "../../../../support/fakes-purge-runs.ts";
import { endParts, OPEN, PLAN, REPORT, RUN, standing } from "../../../../support/purge-end.ts";

describe("a run that is done with", () => {
  test("has its report, its record in the trail and its end; the lock is free, and what steps wrote for each other is gone", async () => {
    const it = await endParts({ cursor: 5 });
    await it.end(null);
    expect(await it.run()).toMatchObject({
      state: "done",
      code: null,
      reportBlob: REPORT,
      endedAt: NOW_TEXT,
      warnings: [],
    });
    expect(it.events).toMatchObject([{ event: "purge.ended", detail: { state: "done", deletedManifests: 2 } }]);
    expect(it.lock()).toBeNull();
    expect([...it.lines.blobs.keys()].sort()).toEqual([PLAN, REPORT]);
    expect(it.lines.blobs.get(REPORT)).toEqual(['{"done":0}', '{"done":1}']);
  });

  test.each([
    ["something failed", { failed: 1 }],
    ["a repository was not read", { unreadRepositories: 1 }],
  ])("is partial when %s", async (_, counts) => {
    const it = await endParts({ cursor: 5, counts: { ...noCounts(), ...counts } });
    await it.end(null);
    expect((await it.run()).state).toBe("partial");
  });

  test.each([
    ["PURGE_LIMIT", "refused"],
    ["CLUSTER_UNREADABLE", "refused"],
    ["CANCELLED", "cancelled"],
    ["SIGN_IN_FAILED", "failed"],
  ])("%s: %s, and what it did not get to is counted", async (code, state) => {
    const it = await endParts();
    await it.end(code);
    expect(await it.run()).toMatchObject({ state, code, counts: { deletedManifests: 2, skipped: 3 } });
  });

  test("cancelled amid its work it is cancelled; at its end, done", async () => {
    const amid = await endParts({ cancelRequested: true });
    await amid.end(null);
    expect(await amid.run()).toMatchObject({ state: "cancelled", counts: { skipped: 3 } });
    const late = await endParts({ cancelRequested: true, cursor: 5 });
    await late.end(null);
    expect((await late.run()).state).toBe("done");
  });

  test("one that is ended amid its work without a reason failed", async () => {
    const it = await endParts();
    await it.end(null);
    expect(await it.run()).toMatchObject({ state: "failed", code: "INTERNAL" });
  });

  test.each(["queued", "planning"] as const)("one that was still %s has skipped nothing", async (state) => {
    const it = await endParts({ state, planBlob: null, cursor: 0, groups: 0, slice: null });
    await it.end("TOO_LARGE");
    expect(await it.run()).toMatchObject({
      state: "failed",
      code: "TOO_LARGE",
      reportBlob: null,
      counts: { skipped: 0 },
    });
    expect([...it.lines.blobs.keys()]).toEqual([PLAN]);
  });

  test("there is none: nothing to end", async () => {
    const it = await endParts();
    await endRun(it.deps, { loginServer: REGISTRY, runId: runId(9) }, null);
    expect(it.events).toEqual([]);
  });
});

describe("again", () => {
  test("an ended run stays as it is; what was left of its work is removed", async () => {
    const it = await endParts({ cursor: 5 });
    it.faults.removeUnder = unavailable("STATE_UNAVAILABLE");
    await expect(it.end(null)).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    const ended = await it.run();
    expect([ended.state, it.lines.blobs.size]).toEqual(["done", 6]);
    delete it.faults.removeUnder;
    await it.end("INTERNAL");
    expect(await it.run()).toEqual(ended);
    expect(it.events).toHaveLength(1);
    expect([...it.lines.blobs.keys()].sort()).toEqual([PLAN, REPORT]);
  });

  test("a plan that settled itself leaves its plan alone", async () => {
    const it = await endParts({ kind: "plan", state: "planned", groups: 0, slice: null });
    await it.end(null);
    expect((await it.run()).state).toBe("planned");
    expect([...it.lines.blobs.keys()].some((name) => name.startsWith(`plans/${RUN}/`))).toBe(false);
    expect(it.lines.blobs.has(PLAN)).toBe(true);
  });

  test.each(["audit", "replace"] as const)(
    "%s that fails: the run is open, and ends when it is repeated",
    async (port) => {
      const it = await endParts({ cursor: 5 });
      it.faults[port] = unavailable(port === "audit" ? "AUDIT_UNAVAILABLE" : "STATE_UNAVAILABLE");
      await expect(it.end(null)).rejects.toMatchObject({ retryable: true });
      expect((await standing(it)).slice(0, 2)).toEqual(OPEN.slice(0, 2));
      delete it.faults[port];
      await it.end(null);
      expect((await it.run()).state).toBe("done");
      expect(it.lines.blobs.get(REPORT)).toHaveLength(2);
    },
  );

  test.each(["reports", "plans"])(
    "one that slept over another's end, before it read %s, takes nothing for damaged",
    async (what) => {
      const it = await endParts({ cursor: 5 });
      const { read } = it.lines;
      let isAsleep = true;
      it.deps.lines.read = async function* (name, from) {
        if (isAsleep && name.startsWith(what)) {
          isAsleep = false;
          await it.end(null);
          await it.lines.removeUnder("plans/");
        }
        yield* read(name, from);
      };
      await it.end(null);
      expect(await it.run()).toMatchObject({ state: "done", warnings: [] });
      expect([it.lines.blobs.get(REPORT)?.length, it.events.length]).toEqual([2, 1]);
    },
  );

  test("a cancel that comes between is part of the end", async () => {
    const it = await endParts();
    const { replace } = it.deps.runs;
    let calls = 0;
    it.deps.runs.replace = async (...given) => {
      if (++calls === 1) await it.change({ cancelRequested: true });
      return replace(...given);
    };
    await it.end(null);
    expect((await it.run()).state).toBe("cancelled");
  });
});
