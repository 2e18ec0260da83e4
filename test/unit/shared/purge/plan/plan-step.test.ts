import { describe, expect, test } from "vitest";
import { NOW, unavailable } from "../../../../support/fakes.ts";
import { refusal } from "../../../../support/fakes-purge.ts";
import { openedOwn } from "../../../../support/fakes-purge-routes.ts";
import { REGISTRY, runId } from "../../../../support/fakes-purge-runs.ts";
import { daysAgo } from "../../../../support/purge-plan.ts";
import { policyText, type StepWorld, stepWorld } from "../../../../support/purge-step-world.ts";

const PLAN = `plans/${runId(1)}`;
const PART = `${PLAN}/000000-000000.jsonl`;
const COUNTS = `${PLAN}/000000-000000-counts.jsonl`;
const OLD = daysAgo(30);

/** Prepared: repositories `a`, `b` and `c` with one old image each, of which a cluster uses that of `b`. */
async function prepared(policy: Readonly<Record<string, unknown>> = {}): Promise<StepWorld> {
  const world = await stepWorld({ policyJson: policyText(policy) });
  for (const name of ["a", "b", "c"]) world.registry.push(name, { tags: ["v1"], updatedAt: OLD });
  world.clusters.set("c1", [`${REGISTRY}/b:v1`]);
  expect(await world.prepare()).toEqual({ ok: true, phase: "plan", batches: 1 });
  world.opened.length = 0;
  world.calls.length = 0;
  return world;
}

describe("a slice", () => {
  test("writes its lines and their sums, from what the run's own blobs say", async () => {
    const world = await prepared();
    expect(await world.plan()).toEqual({ ok: true, next: null });
    expect(world.written(PART)).toMatchObject([
      { repository: "a", action: "delete" },
      { repository: "b", action: "keep", reason: "in-use", because: "c1" },
      { repository: "c", action: "delete" },
    ]);
    expect(world.written(COUNTS)).toMatchObject([{ repositories: 3, manifests: 3, toDelete: 2, toKeep: 1 }]);
    expect(world.opened).toEqual([["azure", openedOwn().resourceId, REGISTRY]]);
  });

  test("again it writes the same", async () => {
    const world = await prepared();
    await world.plan();
    const first = [world.written(PART), world.written(COUNTS)];
    await world.plan();
    expect([world.written(PART), world.written(COUNTS)]).toEqual(first);
  });

  test("that is out of time says where the next begins; both together are the batch", async () => {
    const world = await prepared();
    world.registry.faults.on = ({ repository }) => {
      if (repository === "b") world.clock.pass(100);
      return null;
    };
    const first = await world.plan();
    expect(first).toEqual({ ok: true, next: 2 });
    const second = await world.plan({ slice: 1, from: 2 });
    expect(second).toEqual({ ok: true, next: null });
    const parts = [PART, `${PLAN}/000000-000001.jsonl`];
    expect(parts.map((part) => world.written(part)?.length)).toEqual([2, 1]);
  });

  test("ages count from the run's listing, whenever it is planned", async () => {
    const world = await prepared();
    world.registry.push("a", { tags: ["young"], updatedAt: daysAgo(6) });
    world.clock.pass(2 * 86_400);
    await world.plan();
    expect(world.written(PART)).toContainEqual(expect.objectContaining({ tags: ["young"], reason: "young" }));
  });

  test("a repository that cannot be read is told, and kept", async () => {
    const world = await prepared();
    world.registry.faults.on = ({ repository }) => (repository === "c" ? refusal(403) : null);
    expect(await world.plan()).toMatchObject({ ok: true, next: null });
    expect(world.unread).toEqual(["c"]);
    expect(world.written(PART)).toContainEqual({ repository: "c", unread: "UPSTREAM_REFUSED" });
  });

  test("the last tag stays where the policy says so", async () => {
    const world = await prepared({ limits: { allowLastTag: false } });
    await world.plan();
    expect(world.written(PART)).toMatchObject([{ reason: "last-tag" }, { reason: "in-use" }, { reason: "last-tag" }]);
  });
});

describe("nothing is planned", () => {
  test.each(["queued", "applying", "planned", "done", "partial", "refused", "cancelled", "failed"] as const)(
    "of a run that is %s",
    async (state) => {
      const world = await stepWorld({ state, listedAt: NOW.toISOString() });
      expect(await world.plan()).toEqual({ ok: false, code: "RUN_PASSED" });
      expect([world.opened, world.lines.blobs.size]).toEqual([[], 0]);
    },
  );
  test("of a run that is cancelled", async () => {
    const world = await prepared();
    await world.change({ cancelRequested: true });
    expect(await world.plan()).toEqual({ ok: false, code: "CANCELLED" });
    expect([world.opened, world.written(PART)]).toEqual([[], null]);
  });
  test("of what is left when a cancel comes amid a slice", async () => {
    const world = await prepared();
    world.registry.faults.on = async ({ repository, operation }) => {
      if (repository !== "a" || operation !== "tags") return null;
      world.clock.pass(2);
      await world.change({ cancelRequested: true });
      return null;
    };
    expect(await world.plan()).toEqual({ ok: true, next: 1 });
    expect(world.written(PART)).toMatchObject([{ repository: "a" }]);
    expect(await world.plan({ slice: 1, from: 1 })).toEqual({ ok: false, code: "CANCELLED" });
  });
  test.each([
    ["what clusters use is gone", `${PLAN}/in-use.jsonl`],
    ["the repositories are gone", `${PLAN}/000000-repositories.jsonl`],
  ])("when %s", async (_, blob) => {
    const world = await prepared();
    world.lines.blobs.delete(blob);
    await expect(world.plan()).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(world.written(PART)).toBeNull();
  });
  test.each([
    ["what clusters use", `${PLAN}/in-use.jsonl`, { cluster: "c1" }],
    ["the repositories", `${PLAN}/000000-repositories.jsonl`, 1],
  ])("when a line of %s is damaged", async (_, blob, line) => {
    const world = await prepared();
    await world.lines.write(blob, ["a", line]);
    await expect(world.plan()).rejects.toThrow();
    expect(world.written(PART)).toBeNull();
  });
  test("when the connector opens another registry by this name", async () => {
    const world = await prepared();
    world.registry.calls.length = 0;
    world.between.opened = openedOwn({ loginServer: "other.azurecr.io" });
    await expect(world.plan()).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect([world.registry.calls, world.written(PART)]).toEqual([[], null]);
  });
  test("of a run that was never listed", async () => {
    const world = await stepWorld({ state: "planning" });
    await expect(world.plan()).rejects.toThrow();
  });
});

describe("the record of a long plan", () => {
  const updated = async (world: StepWorld) => (await world.run()).updatedAt;
  test("is written again, so that nobody takes the registry over; not by every slice", async () => {
    const world = await prepared();
    await world.plan();
    expect(await updated(world)).toBe("2026-11-21T10:00:00Z");
    world.clock.pass(60);
    await world.plan();
    expect(await updated(world)).toBe("2026-11-21T10:01:00Z");
    for (let minute = 0; minute < 60; minute += 4) {
      world.clock.pass(240);
      await world.plan();
    }
    const other = await world.add(2, {});
    expect(other).toEqual({ kind: "active", runId: runId(1) });
  });
  test("a cancel that comes between is not lost", async () => {
    const world = await prepared();
    world.clock.pass(300);
    world.between.replace = () => world.change({ cancelRequested: true });
    expect(await world.plan()).toMatchObject({ ok: true });
    expect(await world.run()).toMatchObject({ state: "planning", cancelRequested: true });
  });
  test("state that fails: to be tried again", async () => {
    const world = await prepared();
    world.clock.pass(300);
    world.between.replace = () => Promise.reject(unavailable("STATE_UNAVAILABLE"));
    await expect(world.plan()).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
  });
});
