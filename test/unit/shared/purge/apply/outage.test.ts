/** An outage of the trail or of the state that lasts longer than all tries of a run's steps. */
import { expect, test } from "vitest";
import { applyWorld } from "../../../../support/purge-apply-world.ts";
import { lineOf } from "../../../../support/purge-lines.ts";

test.each(["audit", "write"])(
  "%s away right after deletions: the run goes on when it is back, and tells the truth",
  async (port) => {
    const world = applyWorld();
    const plan = [];
    for (let n = 0; n < 10; n++) {
      const digest = world.registry.push("team/app", { tags: [`v${n}`] });
      plan.push(await lineOf(world.registry, "team/app", digest));
    }
    await world.begin(plan);
    let isBack = false;
    const process = () =>
      world.newProcess((call) => {
        const isAway = !isBack && call === port && world.registry.count("deleteManifest") > 0;
        return { fate: isAway ? "refused" : "done", milliseconds: 10 };
      });
    for (let tries = 0; tries < 5; tries++) {
      await expect(world.clock.run(process().slice())).rejects.toMatchObject({ name: "UpstreamError" });
      await world.clock.run(world.clock.sleep(20_000));
    }
    expect(world.registry.count("deleteManifest")).toBe(10);
    // What the orchestration does then: it ends the run, five times, while the outage ends.
    await expect(world.clock.run(process().end("INTERNAL"))).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    isBack = true;
    for (let tries = 0; tries < 4; tries++)
      await expect(world.clock.run(process().end("INTERNAL"))).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    expect((await world.run()).state).toBe("applying");
    // Half an hour later another is asked for, and the timer drives it on.
    await world.clock.run(world.clock.sleep(1_800_000));
    const run = await world.run();
    const other = { ...run, id: `${run.id.slice(0, -1)}b`, state: "queued", correlationId: "other" } as const;
    expect(await world.store.insert(other)).toEqual({ kind: "active", runId: run.id });
    await world.finish(process());
    expect(await world.run()).toMatchObject({
      state: "done",
      code: null,
      counts: { deletedManifests: 10, skipped: 0 },
    });
    expect(world.report()).toHaveLength(10);
    const told = world.events.filter(({ event }) => event === "purge.deleted").map(({ detail }) => detail.digest);
    expect(new Set(told)).toEqual(new Set(plan.map(({ digest }) => digest)));
    expect(world.events.filter(({ event }) => event === "purge.ended")).toHaveLength(1);
  },
);
