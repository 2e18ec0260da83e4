/** One apply from the plan to the report, undisturbed and with one thing in its way at a time. */
import { expect, test } from "vitest";
import { WORKERS } from "../../../../../shared/purge/apply/apply-group.ts";
import { FENCE_SECONDS } from "../../../../../shared/purge/apply/apply-watch.ts";
import type { PlanLine } from "../../../../../shared/purge/plan-line.ts";
import { NOW } from "../../../../support/fakes.ts";
import { OCI_INDEX, refusal } from "../../../../support/fakes-purge.ts";
import { REGISTRY } from "../../../../support/fakes-purge-runs.ts";
import { type ApplyWorld, applyWorld } from "../../../../support/purge-apply-world.ts";
import { lineOf, readAll } from "../../../../support/purge-lines.ts";

/** A plan that deletes `count` images, each with one tag. */
async function manyImages(count: number) {
  const world = applyWorld();
  const plan: PlanLine[] = [];
  for (let n = 0; n < count; n++) {
    const digest = world.registry.push("team/app", { tags: [`v${n}`] });
    plan.push(await lineOf(world.registry, "team/app", digest));
  }
  world.registry.push("team/app", { tags: ["kept"] });
  await world.begin(plan);
  return { world, plan };
}

test("a plan is done, counted, reported and put into the trail, and the registry given back", async () => {
  const { world, plan } = await manyImages(700);
  await world.finish();
  expect(world.registry.tagNames("team/app")).toEqual(["kept"]);
  const run = await world.run();
  expect(run).toMatchObject({ state: "done", code: null, bytesFreed: 7_000, groups: 3, warnings: [] });
  expect(run.counts).toMatchObject({ deletedManifests: 700, deletedTags: 700, skipped: 0, failed: 0 });
  expect(world.report().map(({ digest, outcome }) => [digest, outcome])).toEqual(
    plan.map(({ digest }) => [digest, "deleted"]),
  );
  const deleted = world.events.filter(({ event }) => event === "purge.deleted");
  expect(new Set(deleted.map(({ detail }) => detail.digest)).size).toBe(700);
  expect(world.events.at(-1)).toMatchObject({ event: "purge.ended", detail: { state: "done", deletedManifests: 700 } });
  expect([...world.table.rows.values()].map(({ rowKey }) => rowKey)).toEqual([`r~${run.id}`]);
  // Nothing but the report and the plan is left of it.
  expect([...world.lines.blobs.keys()]).toEqual(["plans/one.jsonl", `reports/${run.id}.jsonl`]);
});

const outcomes = (world: ApplyWorld) => world.report().map(({ outcome, failure }) => [outcome, failure]);

test("an image that was tagged, and one that came to be in use since the plan, are kept", async () => {
  const { world, plan } = await manyImages(4);
  const [tagged, run, pulled, last] = plan;
  if (!tagged || !run || !pulled || !last) throw new Error("The plan is too short.");
  world.registry.tag("team/app", "prod", tagged.digest, NOW.getTime() + 1);
  world.inUse.addImage({ kind: "image", repository: "team/app", tag: "v1", digest: null }, "cluster");
  world.inUse.addImage({ kind: "image", repository: "team/app", tag: null, digest: pulled.digest }, "cluster");
  await world.finish();
  expect(outcomes(world)).toEqual([
    ["changed", null],
    ["protected", null],
    ["protected", null],
    ["deleted", null],
  ]);
  expect(await world.run()).toMatchObject({ state: "done", counts: { changed: 1, protected: 2, deletedManifests: 1 } });
});

test("what another removed is gone; what the registry refuses has failed, with its answer; the rest goes on", async () => {
  const { world, plan } = await manyImages(3);
  await world.registry.content.deleteManifest("team/app", plan[0]?.digest ?? "", new AbortController().signal);
  world.registry.faults.on = ({ operation, item }) =>
    operation === "deleteManifest" && item === plan[1]?.digest ? refusal(409, "CONFLICT") : null;
  await world.finish();
  expect(outcomes(world)).toEqual([
    ["gone", null],
    ["failed", "409 CONFLICT"],
    ["deleted", null],
  ]);
  expect(await world.run()).toMatchObject({ state: "partial", code: null, bytesFreed: 10 });
});

test("a child stays when the index that holds it could not be deleted", async () => {
  const world = applyWorld();
  const child = world.registry.push("app", {});
  const index = world.registry.push("app", { mediaType: OCI_INDEX, children: [child], tags: ["v1"] });
  const lines = [
    await lineOf(world.registry, "app", index),
    await lineOf(world.registry, "app", child, { after: [index] }),
  ];
  await world.begin(lines);
  world.registry.faults.on = ({ operation, item }) =>
    operation === "deleteManifest" && item === index ? refusal(405) : null;
  await world.finish();
  expect(outcomes(world)).toEqual([
    ["failed", "405"],
    ["protected", null],
  ]);
  expect(world.registry.has("app", child)).toBe(true);
});

test("what is locked is unlocked and deleted; what then cannot be deleted is locked again", async () => {
  const world = applyWorld();
  const [first, second] = ["one", "two"].map((name) => {
    const digest = world.registry.push("app", { tags: [name], isLocked: true });
    world.registry.tag("app", name, digest, 0, true);
    return digest;
  });
  const lines = [await lineOf(world.registry, "app", first ?? ""), await lineOf(world.registry, "app", second ?? "")];
  await world.begin(lines);
  world.registry.faults.on = ({ operation, item }) =>
    operation === "deleteManifest" && item === second ? refusal(500) : null;
  await world.finish();
  expect(outcomes(world)).toEqual([
    ["deleted", null],
    ["failed", "500"],
  ]);
  const { manifests, tags } = await readAll(world.registry, "app");
  expect([manifests, tags].map((items) => items.map(({ isLocked }) => isLocked))).toEqual([[true], [true]]);
});

test("tags go alone; the one that is refused is told apart from the others", async () => {
  const world = applyWorld();
  const digest = world.registry.push("app", { tags: ["a", "b", "c"] });
  await world.begin([
    await lineOf(world.registry, "app", digest, { action: "untag", tags: ["a", "b"], freedBytes: 0 }),
  ]);
  world.registry.faults.on = ({ operation, item }) => (operation === "deleteTag" && item === "b" ? refusal(403) : null);
  await world.finish();
  expect(world.report().map(({ tags, outcome }) => [tags, outcome])).toEqual([
    [["a"], "untagged"],
    [["b"], "failed"],
  ]);
  expect(world.registry.tagNames("app")).toEqual(["b", "c"]);
  expect((await world.run()).counts).toMatchObject({ deletedManifests: 0, deletedTags: 1, failed: 1 });
});

test("a tag that cannot be unlocked at its second try is told apart from the one that went at the first", async () => {
  const world = applyWorld();
  const digest = world.registry.push("app", { tags: ["a", "b", "c"] });
  for (const tag of ["a", "b"]) world.registry.tag("app", tag, digest, 0, true);
  await world.begin([
    await lineOf(world.registry, "app", digest, { action: "untag", tags: ["a", "b"], freedBytes: 0 }),
  ]);
  // The second tag waits for so long that it is looked at anew.
  const process = world.newProcess((call) => ({
    fate: "done",
    milliseconds: call === "deleteTag" && world.registry.count("deleteTag") === 1 ? 100_000 : 50,
  }));
  world.registry.faults.on = ({ operation }) =>
    operation === "setTagLock" && world.registry.count("deleteTag") === 1 ? refusal(403) : null;
  await world.finish(process);
  expect(world.report().map(({ tags, outcome }) => [tags, outcome])).toEqual([
    [["a"], "untagged"],
    [["b"], "failed"],
  ]);
  expect(world.registry.tagNames("app")).toEqual(["b", "c"]);
});

test("a repository that cannot be listed fails line by line, and the others are done", async () => {
  const { world } = await manyImages(2);
  const other = world.registry.push("zoo", {});
  await world.lines.write("plans/one.jsonl", [
    ...(world.lines.blobs.get("plans/one.jsonl") ?? []).map((line) => JSON.parse(line)),
    await lineOf(world.registry, "zoo", other),
  ]);
  world.registry.faults.on = ({ operation, repository }) =>
    operation === "manifests" && repository === "team/app" ? refusal(403, "DENIED") : null;
  await world.finish();
  expect(outcomes(world)).toEqual([
    ["failed", "403 DENIED"],
    ["failed", "403 DENIED"],
    ["deleted", null],
  ]);
});

test("without a record in the trail nothing is deleted, and the slice is to be tried again, which waits for nobody", async () => {
  const { world } = await manyImages(3);
  const process = world.newProcess((call) => ({ fate: call === "audit" ? "refused" : "done", milliseconds: 10 }));
  await expect(world.clock.run(process.slice())).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
  expect(world.registry.count("deleteManifest")).toBe(0);
  const failedAt = world.clock.now().getTime();
  await world.finish();
  expect(world.clock.now().getTime() - failedAt).toBeLessThan(FENCE_SECONDS * 1000);
  expect(await world.run()).toMatchObject({ state: "done", counts: { deletedManifests: 3 } });
});

test("a slice without a record in the trail does not let go of what one before it may have begun", async () => {
  let begun = 0;
  // At every call: one that dies with some of its images deleted, and others not, is among them.
  for (let diesAt = 40; diesAt < 60; diesAt++) {
    const { world } = await manyImages(WORKERS + 8);
    await world.clock.run(world.newProcess(undefined, diesAt).slice()).catch(() => undefined);
    const process = world.newProcess((call) => ({ fate: call === "audit" ? "refused" : "done", milliseconds: 50 }));
    await world.clock.run(process.slice()).catch(() => undefined);
    if (world.registry.count("deleteManifest") === 0 || (await world.run()).groups > 0) continue;
    if (world.registry.tagNames("team/app").length > 1) begun += 1;
    await expect(world.clock.run(world.newProcess().end("INTERNAL"))).rejects.toMatchObject({ retryable: true });
    await world.finish();
    expect((await world.run()).counts).toMatchObject({ deletedManifests: WORKERS + 8, gone: 0 });
  }
  expect(begun).toBeGreaterThan(0);
});

test("a cluster that cannot be read ends the run as refused, with what was done told", async () => {
  const { world } = await manyImages(400);
  const process = world.newProcess((call) => {
    if (call === "clusters" && world.registry.count("deleteManifest") > 100) world.clusters.isReadable = false;
    return { fate: "done", milliseconds: 10_000 };
  });
  await world.finish(process);
  const run = await world.run();
  expect(run).toMatchObject({ state: "refused", code: "CLUSTER_UNREADABLE" });
  const left = world.registry.tagNames("team/app").length - 1;
  expect(run.counts).toMatchObject({ deletedManifests: 400 - left, skipped: left });
  expect(left).toBeGreaterThan(0);
});

test("a slice ends when its time is over, the next one goes on behind it", async () => {
  const { world } = await manyImages(1_000);
  const process = world.newProcess(() => ({ fate: "done", milliseconds: 9_000 }));
  let slices = 0;
  for (let more = true; more; slices++) {
    const applied = await world.clock.run(process.slice());
    more = applied.ok && applied.more;
    expect((await world.run()).cursor).toBeGreaterThan(0);
  }
  expect(slices).toBeGreaterThan(1);
  await world.clock.run(process.end(null));
  expect(await world.run()).toMatchObject({ state: "done", counts: { deletedManifests: 1_000 } });
});

test("a run that lost the registry to another stops before its next group", async () => {
  const { world } = await manyImages(3);
  const lock = world.table.rows.get(JSON.stringify([REGISTRY, "lock"]));
  if (lock === undefined) throw new Error("There is no lock.");
  await world.table.table.change([
    {
      kind: "replace",
      row: { partitionKey: REGISTRY, rowKey: "lock", runId: "another", until: String(lock.until) },
      etag: lock.etag,
    },
  ]);
  expect(await world.clock.run(world.newProcess().slice())).toEqual({ ok: false, code: "LOCK_LOST" });
  expect(world.registry.count("deleteManifest")).toBe(0);
});

test("a run is ended once", async () => {
  const { world } = await manyImages(2);
  await world.finish();
  const before = [await world.run(), world.events.length];
  await world.clock.run(world.newProcess().end("INTERNAL"));
  expect([await world.run(), world.events.length]).toEqual(before);
});
