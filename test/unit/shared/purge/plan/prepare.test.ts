import { describe, expect, test } from "vitest";
import type { PurgeRun } from "../../../../../shared/purge/run.ts";
import { NOW, NOW_TEXT, unavailable } from "../../../../support/fakes.ts";
import { refusal } from "../../../../support/fakes-purge.ts";
import { openedOwn } from "../../../../support/fakes-purge-routes.ts";
import { REGISTRY, runId } from "../../../../support/fakes-purge-runs.ts";
import { policyText, type StepWorld, stepWorld } from "../../../../support/purge-step-world.ts";

const PLAN = `plans/${runId(1)}`;
const batchOf = (batch: number) => `${PLAN}/${String(batch).padStart(6, "0")}-repositories.jsonl`;
/** Deletes what is in `team/`, and keeps what is in `kept/`. */
const TEAM = {
  rules: [
    { name: "base", action: "keep", repositories: "kept/.*", tags: ".*" },
    { name: "old", action: "delete", repositories: "team/.*", tags: ".*" },
  ],
};
const fill = ({ registry }: StepWorld, ...names: readonly string[]) => {
  for (const name of names) registry.push(name, { tags: ["v1"] });
};

describe("a run that was just asked for", () => {
  test("its registry is opened, what clusters use is written down, and the repositories that rules speak of", async () => {
    const world = await stepWorld({ policyJson: policyText(TEAM) });
    fill(world, "team/b", "kept/base", "other", "team/a");
    world.clusters.set("c1", [`${REGISTRY}/team/a:v1`, "elsewhere.example/x:1"]);
    expect(await world.prepare()).toEqual({ ok: true, phase: "plan", batches: 1 });
    expect(await world.run()).toMatchObject({
      ...{ state: "planning", resourceId: openedOwn().resourceId, batches: 1, warnings: [] },
      ...{ listedAt: NOW.toISOString(), updatedAt: NOW_TEXT },
      counts: { repositories: 3, manifests: 0 },
    });
    expect(world.opened).toEqual([["azure", REGISTRY, REGISTRY]]);
    expect(world.written(batchOf(0))).toEqual(["kept/base", "team/a", "team/b"]);
    expect(world.written(`${PLAN}/in-use.jsonl`)).toEqual([
      { cluster: "c1", repository: "team/a", tag: "v1", digest: null },
    ]);
  });

  test.each([
    [0, []],
    [1, [1]],
    [10, [10]],
    [11, [10, 1]],
    [41, [11, 11, 11, 8]],
    [200, [50, 50, 50, 50]],
    [201, [50, 50, 50, 50, 1]],
  ])("%i repositories make batches of %j, each repository in one", async (count, sizes) => {
    const world = await stepWorld();
    const names = Array.from({ length: count }, (_, n) => `r${String(n).padStart(3, "0")}`);
    fill(world, ...names);
    expect(await world.prepare()).toEqual({ ok: true, phase: "plan", batches: sizes.length });
    const batches = sizes.map((_, batch) => world.written(batchOf(batch)) ?? []);
    expect(batches.map((batch) => batch.length)).toEqual(sizes);
    expect(batches.flat()).toEqual(names);
    expect(world.written(batchOf(sizes.length))).toBeNull();
  });

  test("ages count from before the listing began", async () => {
    const world = await stepWorld();
    world.registry.faults.on = () => {
      world.clock.pass(600);
      return null;
    };
    await world.prepare();
    expect((await world.run()).listedAt).toBe(NOW.toISOString());
  });

  test("too many repositories: the run is not begun", async () => {
    const world = await stepWorld();
    world.registry.content.repositories = async function* () {
      for (let page = 0; page < 101; page++) yield Array.from({ length: 1000 }, (_, n) => `r${page}-${n}`);
    };
    expect(await world.prepare()).toEqual({ ok: false, code: "TOO_LARGE" });
    expect((await world.run()).state).toBe("queued");
  });

  test("as many repositories as may be are planned; what no rule speaks of does not count", async () => {
    const world = await stepWorld({ policyJson: policyText(TEAM) });
    world.registry.content.repositories = async function* () {
      for (let page = 0; page < 100; page++) yield Array.from({ length: 1000 }, (_, n) => `team/r${page}-${n}`);
      yield Array.from({ length: 1000 }, (_, n) => `other/r${n}`);
    };
    expect(await world.prepare()).toEqual({ ok: true, phase: "plan", batches: 2000 });
  });
});

describe("a cluster that cannot be read", () => {
  test("stops the run before anything is listed", async () => {
    const world = await stepWorld();
    fill(world, "team/a");
    world.clusters.set("c1", [`${REGISTRY}/team/a:v1`]).set("c2", refusal(403));
    expect(await world.prepare()).toEqual({ ok: false, code: "CLUSTER_UNREADABLE" });
    expect((await world.run()).state).toBe("queued");
    expect(world.registry.calls).toEqual([]);
  });

  test("or all that it may use is kept, where the policy says so; each time it is told once", async () => {
    const world = await stepWorld({ policyJson: policyText({ inUse: { onUnreadableCluster: "keep" } }) });
    world.clusters.set("c2", refusal(403));
    world.between.replace = async () => {
      throw unavailable("STATE_UNAVAILABLE");
    };
    await expect(world.prepare()).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    world.between.replace = async () => {};
    expect(await world.prepare()).toMatchObject({ ok: true, phase: "plan" });
    expect(world.written(`${PLAN}/in-use.jsonl`)).toEqual([{ cluster: "c2", pattern: "team/*" }]);
    expect((await world.run()).warnings).toEqual([expect.stringContaining("c2")]);
  });

  test("state that fails is no unreadable cluster", async () => {
    const world = await stepWorld({ policyJson: policyText({ inUse: { onUnreadableCluster: "keep" } }) });
    world.clusters.set("c2", unavailable("STATE_UNAVAILABLE"));
    await expect(world.prepare()).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
  });
});

describe("a run that got further", () => {
  test.each([
    ["planning", { ok: true, phase: "plan", batches: 3 }],
    ["applying", { ok: true, phase: "apply", batches: 3 }],
    ["planned", { ok: true, phase: "over", batches: 0 }],
    ["done", { ok: true, phase: "over", batches: 0 }],
    ["partial", { ok: true, phase: "over", batches: 0 }],
    ["refused", { ok: true, phase: "over", batches: 0 }],
    ["cancelled", { ok: true, phase: "over", batches: 0 }],
    ["failed", { ok: true, phase: "over", batches: 0 }],
  ] as const)("%s: nothing is opened, listed or written", async (state, expected) => {
    const world = await stepWorld({ state, batches: 3, cancelRequested: true });
    const before = await world.run();
    expect(await world.prepare()).toEqual(expected);
    expect([world.opened, world.lines.blobs.size]).toEqual([[], 0]);
    expect(await world.run()).toEqual(before);
  });

  test("planned, and over its limits: it is not planned again", async () => {
    const world = await stepWorld({ state: "planning", batches: 3, planBlob: `${PLAN}.jsonl` });
    expect(await world.prepare()).toEqual({ ok: true, phase: "plan", batches: 0 });
    expect(await world.settle([])).toEqual({ ok: true, applies: true });
    expect((await world.run()).planBlob).toBe(`${PLAN}.jsonl`);
  });

  test("done twice it is done once", async () => {
    const world = await stepWorld();
    fill(world, "a");
    await world.prepare();
    const first = await world.run();
    fill(world, "b");
    expect(await world.prepare()).toEqual({ ok: true, phase: "plan", batches: 1 });
    expect(await world.run()).toEqual(first);
    expect(world.written(batchOf(0))).toEqual(["a"]);
  });

  test("there is none", async () => {
    const world = await stepWorld();
    await expect(world.prepare(7)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("cancelled in the queue: nothing is opened", async () => {
    const world = await stepWorld({ cancelRequested: true });
    expect(await world.prepare()).toEqual({ ok: false, code: "CANCELLED" });
    expect(world.opened).toEqual([]);
  });
});

describe("a record that changes while the registry is listed", () => {
  test.each([
    ["cancelled", { cancelRequested: true }, { ok: false, code: "CANCELLED" }],
    ["prepared by another", { state: "planning", batches: 7 }, { ok: true, phase: "plan", batches: 7 }],
    ["taken further by another", { state: "applying", batches: 7 }, { ok: true, phase: "apply", batches: 7 }],
    ["ended", { state: "failed", code: "RUN_OVERTAKEN" }, { ok: true, phase: "over", batches: 0 }],
  ] as const)("%s: what it says now holds", async (_, change, expected) => {
    const world = await stepWorld();
    world.between.replace = () => world.change(change);
    expect(await world.prepare()).toEqual(expected);
    expect(await world.run()).toMatchObject(change);
  });

  test("another's writing that says nothing new: to be tried again", async () => {
    const world = await stepWorld();
    world.between.replace = () => world.change({ updatedAt: "2026-11-21T10:00:01Z" });
    await expect(world.prepare()).rejects.toThrow();
    world.between.replace = async () => {};
    expect(await world.prepare()).toMatchObject({ ok: true });
  });

  test("two at once: both go on with the one record that was written", async () => {
    const world = await stepWorld();
    fill(world, "a", "b");
    const answers = await Promise.all([world.prepare(), world.prepare()]);
    expect(answers).toEqual(Array(2).fill({ ok: true, phase: "plan", batches: 1 }));
  });
});

describe("a run of a stored plan", () => {
  const LISTED = "2026-11-21T08:00:00.123Z";
  const executes = async (plan: Partial<PurgeRun> | null) => {
    const world = await stepWorld({ planId: runId(0) });
    if (plan !== null) await world.add(0, { kind: "plan", state: "planned", listedAt: LISTED, batches: 4, ...plan });
    fill(world, "a");
    return world;
  };
  test("its times count from the plan's listing, and nothing is listed anew", async () => {
    const world = await executes({});
    world.clusters.set("c1", refusal(403));
    expect(await world.prepare()).toEqual({ ok: true, phase: "plan", batches: 0 });
    expect(await world.run()).toMatchObject({ state: "planning", listedAt: LISTED, batches: 0 });
    expect((await world.run()).resourceId).toBe(openedOwn().resourceId);
    expect([world.registry.calls, world.lines.blobs.size]).toEqual([[], 0]);
  });
  test("one that is gone is told", async () => {
    const world = await executes(null);
    await expect(world.prepare()).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await world.run()).state).toBe("queued");
  });
});

describe("what fails leaves the run in the queue", () => {
  test.each<[string, (world: StepWorld) => object]>([
    [
      "the registry is not opened",
      ({ between }) => Object.assign(between, { open: () => Promise.reject(refusal(403)) }),
    ],
    ["it cannot be listed", ({ registry }) => Object.assign(registry.faults, { on: () => refusal(503) })],
    ["blobs cannot be written", ({ lines }) => Object.assign(lines, { write: () => Promise.reject(refusal(500)) })],
  ])("%s", async (_, fail) => {
    const world = await stepWorld();
    fill(world, "a");
    fail(world);
    await expect(world.prepare()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect((await world.run()).state).toBe("queued");
  });
  test("a connector that opens another registry by this name", async () => {
    const world = await stepWorld();
    fill(world, "a");
    world.between.opened = openedOwn({ loginServer: "other.azurecr.io" });
    await expect(world.prepare()).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect([(await world.run()).state, world.registry.calls, world.lines.blobs.size]).toEqual(["queued", [], 0]);
  });
  test("a listing for which a whole step is not enough is told as such", async () => {
    const world = await stepWorld();
    fill(world, "a");
    const end = new AbortController();
    world.between.signal = end.signal;
    world.registry.faults.on = () => {
      end.abort(new DOMException("late", "TimeoutError"));
      return null;
    };
    await expect(world.prepare()).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT", retryable: true });
    expect((await world.run()).state).toBe("queued");
  });
  test("a policy that is not one any more", async () => {
    const world = await stepWorld({ policyJson: "{}" });
    await expect(world.prepare()).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect(world.opened).toEqual([]);
  });
});
