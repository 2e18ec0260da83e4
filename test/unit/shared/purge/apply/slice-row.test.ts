/** A slice's hold on its run's row: since when it is known to be its own. */
import { expect, test } from "vitest";
import { takeRow } from "../../../../../shared/purge/apply/slice-row.ts";
import type { PurgeRunStore } from "../../../../../shared/purge/ports.ts";
import { applyWorld, PLACE } from "../../../../support/purge-apply-world.ts";

test("a row counts as looked at when its taking was sent, not when the reply came", async () => {
  for (const isLost of [false, true]) {
    const world = applyWorld();
    const { clock, store } = world;
    await world.begin([]);
    let takenAt = 0;
    const replace: PurgeRunStore["replace"] = async (run, etag) => {
      takenAt = clock.now().getTime();
      const written = await store.replace(run, etag);
      await clock.sleep(60_000);
      return isLost ? null : written;
    };
    const deps = { runs: { ...store, replace }, lines: world.lines, now: clock.now, newId: () => "slice-a" };
    const row = await clock.run(takeRow(deps, PLACE));
    // Where the reply was lost it is the reading that found it ours.
    expect(row.lookedAt()).toBe(isLost ? clock.now().getTime() : takenAt);
  }
});
