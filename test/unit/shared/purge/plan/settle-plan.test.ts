import { describe, expect, test } from "vitest";
import { noCounts, type PurgeRun, type RunCounts } from "../../../../../shared/purge/run.ts";
import { NOW_TEXT, unavailable } from "../../../../support/fakes.ts";
import { runId } from "../../../../support/fakes-purge-runs.ts";
import { policyText, type StepWorld, stepWorld } from "../../../../support/purge-step-world.ts";

const BLOB = `plans/${runId(1)}.jsonl`;
const partOf = (slice: number) => `plans/${runId(1)}/000000-00000${slice}.jsonl`;
/** One batch of two slices. */
const SLICES = [2];

/** A run that is planned in two slices, which together take 3 of 10 manifests and one tag besides. */
async function planned(changes: Partial<PurgeRun> = {}, limits: object = {}): Promise<StepWorld> {
  const world = await stepWorld({ state: "planning", policyJson: policyText({ limits }), ...changes });
  await write(world, 0, { repositories: 1, manifests: 6, toDelete: 1, toUntag: 1 });
  await write(world, 1, { repositories: 1, manifests: 4, toDelete: 2 });
  return world;
}
async function write({ lines }: StepWorld, slice: number, counts: Partial<RunCounts>): Promise<void> {
  await lines.write(partOf(slice), [
    { slice, line: 0 },
    { slice, line: 1 },
  ]);
  await lines.write(partOf(slice).replace(".jsonl", "-counts.jsonl"), [{ ...noCounts(), ...counts }]);
}
const LINES = [0, 1].flatMap((slice) => [0, 1].map((line) => ({ slice, line })));
const SUMS = { repositories: 2, manifests: 10, toDelete: 3, toUntag: 1 };

describe("the parts", () => {
  test("of a purge become one plan, in their order, and its record says what is to be done", async () => {
    const world = await planned();
    world.clock.pass(90);
    expect(await world.settle(SLICES)).toEqual({ ok: true, applies: true });
    expect(await world.run()).toMatchObject({
      ...{ state: "applying", code: null, planBlob: BLOB, endedAt: null, updatedAt: "2026-11-21T10:01:30Z" },
      counts: { ...noCounts(), ...SUMS },
    });
    expect(world.written(BLOB)).toEqual(LINES);
    expect([...world.lines.blobs.keys()]).toEqual([BLOB]);
  });

  test("of a plan become the plan, which ends there", async () => {
    const world = await planned({ kind: "plan" });
    expect(await world.settle(SLICES)).toEqual({ ok: true, applies: false });
    expect(await world.run()).toMatchObject({
      ...{ state: "planned", code: null, planBlob: BLOB, endedAt: NOW_TEXT },
      counts: SUMS,
    });
    expect(world.written(BLOB)).toEqual(LINES);
  });

  test("none at all: an empty plan", async () => {
    const world = await stepWorld({ state: "planning" });
    expect(await world.settle([])).toEqual({ ok: true, applies: true });
    expect([world.written(BLOB), (await world.run()).counts]).toEqual([[], noCounts()]);
  });

  test("stay until the record says that they are joined", async () => {
    const world = await planned();
    world.between.replace = async () => {
      expect(world.lines.blobs.size).toBe(5);
      throw unavailable("STATE_UNAVAILABLE");
    };
    await expect(world.settle(SLICES)).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    expect(world.lines.blobs.size).toBe(5);
    expect((await world.run()).state).toBe("planning");
    world.between.replace = async () => {};
    expect(await world.settle(SLICES)).toEqual({ ok: true, applies: true });
  });

  test("that cannot be removed are left, and the run goes on", async () => {
    const world = await planned();
    world.lines.remove = () => Promise.reject(unavailable("STATE_UNAVAILABLE"));
    expect(await world.settle(SLICES)).toEqual({ ok: true, applies: true });
    expect(world.lines.blobs.size).toBe(5);
  });

  test.each([
    ["one that is gone", (world: StepWorld) => world.lines.blobs.delete(partOf(1))],
    [
      "sums that are gone",
      (world: StepWorld) => world.lines.blobs.delete(partOf(1).replace(".jsonl", "-counts.jsonl")),
    ],
  ])("%s: no plan", async (_, damage) => {
    const world = await planned();
    damage(world);
    await expect(world.settle(SLICES)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await world.run()).toMatchObject({ state: "planning", planBlob: null });
  });

  test("sums that are damaged: no plan", async () => {
    const world = await planned();
    await world.lines.write(partOf(1).replace(".jsonl", "-counts.jsonl"), [{ toDelete: 1 }]);
    await expect(world.settle(SLICES)).rejects.toThrow();
    expect((await world.run()).state).toBe("planning");
  });
});

describe("limits", () => {
  test.each([
    ["items, at the limit", { maxItems: 4 }, {}, null],
    ["items, one more", { maxItems: 3 }, {}, "PURGE_LIMIT"],
    ["share, at the limit", { maxSharePercent: 30 }, {}, null],
    ["share, above", { maxSharePercent: 29 }, {}, "PURGE_LIMIT"],
    ["items, by the server", { maxItems: 100 }, { maxItems: 3 }, "PURGE_LIMIT"],
    ["share, by the server", { maxSharePercent: 100 }, { maxSharePercent: 29 }, "PURGE_LIMIT"],
    ["the server allows more than the policy", { maxItems: 3 }, { maxItems: 1000 }, "PURGE_LIMIT"],
  ])("%s", async (_, limits, bounds, code) => {
    const world = await planned({}, limits);
    Object.assign(world.bounds, bounds);
    const expected = code === null ? { ok: true, applies: true } : { ok: false, code };
    expect(await world.settle(SLICES)).toEqual(expected);
    // What is refused is ended by the last step; it shows what was too much.
    expect(await world.run()).toMatchObject({
      ...{ state: code === null ? "applying" : "planning", endedAt: null, planBlob: BLOB },
      counts: SUMS,
    });
  });

  test("refused again when it is repeated, though the parts are gone", async () => {
    const world = await planned({}, { maxItems: 3 });
    for (let n = 0; n < 2; n++) {
      expect(await world.settle(SLICES)).toEqual({ ok: false, code: "PURGE_LIMIT" });
      expect([...world.lines.blobs.keys()]).toEqual([BLOB]);
    }
    expect((await world.run()).counts).toMatchObject(SUMS);
  });

  test("a plan that is over them is a plan, and says so", async () => {
    const world = await planned({ kind: "plan" }, { maxItems: 3 });
    expect(await world.settle(SLICES)).toEqual({ ok: true, applies: false });
    expect(await world.run()).toMatchObject({ state: "planned", code: "PURGE_LIMIT", counts: SUMS });
  });
});

describe("a run that is elsewhere", () => {
  test.each([
    ["applying", true],
    ["queued", false],
    ["planned", false],
    ["done", false],
    ["partial", false],
    ["refused", false],
    ["cancelled", false],
    ["failed", false],
  ] as const)("%s: nothing is joined or removed", async (state, applies) => {
    const world = await planned({ state });
    const before = await world.run();
    expect(await world.settle(SLICES)).toEqual({ ok: true, applies });
    expect(await world.run()).toEqual(before);
    expect(world.lines.blobs.size).toBe(4);
  });
  test("cancelled: nothing is joined", async () => {
    const world = await planned({ cancelRequested: true });
    expect(await world.settle(SLICES)).toEqual({ ok: false, code: "CANCELLED" });
    expect(world.written(BLOB)).toBeNull();
  });
  test("there is none", async () => {
    const world = await planned();
    await expect(world.settle(SLICES, 7)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
  test("a cancel that comes between: to be tried again, and then it is told", async () => {
    const world = await planned();
    world.between.replace = () => world.change({ cancelRequested: true });
    await expect(world.settle(SLICES)).rejects.toThrow();
    expect(world.lines.blobs.size).toBe(5);
    expect(await world.settle(SLICES)).toEqual({ ok: false, code: "CANCELLED" });
  });
  test("two at once: one of them settles, the other finds it done when it is tried again", async () => {
    const world = await planned();
    const answers = await Promise.allSettled([world.settle(SLICES), world.settle(SLICES)]);
    expect(answers.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(0);
    expect(await world.settle(SLICES)).toEqual({ ok: true, applies: true });
    expect(world.written(BLOB)).toEqual(LINES);
  });
  test("the parts are gone because another has joined them: that is no end of the run", async () => {
    const world = await planned();
    const { read } = world.lines;
    world.lines.read = async function* (name, from) {
      world.lines.read = read;
      await world.settle(SLICES);
      yield* read(name, from);
    };
    await expect(world.settle(SLICES)).rejects.not.toHaveProperty("code");
    expect(await world.settle(SLICES)).toEqual({ ok: true, applies: true });
  });
});

describe("a stored plan", () => {
  const executes = async (plan: Partial<PurgeRun> | null, limits: object = {}) => {
    const world = await planned({ planId: runId(0) }, limits);
    const counts = { ...noCounts(), manifests: 100, toDelete: 40 };
    const stored = { kind: "plan", state: "planned", planBlob: "plans/stored.jsonl", counts } as const;
    if (plan !== null) await world.add(0, { ...stored, ...plan });
    await world.lines.write("plans/stored.jsonl", [{ stored: true }]);
    return world;
  };
  test("is taken as it is: its blob and its counts", async () => {
    const world = await executes({});
    expect(await world.settle([])).toEqual({ ok: true, applies: true });
    expect(await world.run()).toMatchObject({
      ...{ state: "applying", planBlob: "plans/stored.jsonl" },
      counts: { manifests: 100, toDelete: 40, toUntag: 0 },
    });
    expect([world.written("plans/stored.jsonl"), world.written(BLOB)]).toEqual([[{ stored: true }], null]);
  });
  test.each([
    ["fits", { maxItems: 40 }, { ok: true, applies: true }],
    ["does not", { maxItems: 39 }, { ok: false, code: "PURGE_LIMIT" }],
  ])("and still has to fit the limits: %s", async (_, limits, expected) => {
    const world = await executes({ code: "PURGE_LIMIT" }, limits);
    expect(await world.settle([])).toEqual(expected);
  });
  test.each([
    ["gone", null],
    ["still being made", { state: "planning" }],
    ["without a blob", { state: "cancelled", planBlob: null }],
  ] as const)("that is %s: nothing is applied", async (_, plan) => {
    const world = await executes(plan);
    await expect(world.settle([])).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await world.run()).toMatchObject({ state: "planning", planBlob: null });
  });
});
