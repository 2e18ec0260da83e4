/** One apply from the plan to the report, undisturbed and with one thing in its way at a time. */
import { expect, test } from "vitest";
import type { PlanLine } from "../../../../shared/purge/plan-line.ts";
import { applyWorld } from "../../../support/purge-apply-world.ts";
import { lineOf } from "../../../support/purge-lines.ts";

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
