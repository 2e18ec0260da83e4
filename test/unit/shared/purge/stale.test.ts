import { expect, test } from "vitest";
import type { PurgeRun } from "../../../../shared/purge/run.ts";
import { driveStale } from "../../../../shared/purge/stale.ts";
import { unavailable } from "../../../support/fakes.ts";
import { purgeRun, runId, runStoreParts } from "../../../support/fakes-purge-runs.ts";

async function parts(...found: readonly Partial<PurgeRun>[]) {
  const { newStore, clock } = runStoreParts();
  const runs = newStore();
  for (const [index, changes] of found.entries()) await runs.insert(purgeRun(index, { kind: "plan", ...changes }));
  const driven: string[] = [];
  const failures: unknown[] = [];
  const faults = new Map<string, Error>();
  const deps = {
    runs,
    async driveRun({ id }: { readonly id: string }) {
      const fault = faults.get(id);
      if (fault !== undefined) throw fault;
      driven.push(id);
    },
    now: clock.now,
    onFailure: (error: unknown) => void failures.push(error),
  };
  return { deps, clock, driven, failures, faults, look: () => driveStale(deps) };
}

test("open runs that nobody wrote for ten minutes are driven on; younger and ended ones are not", async () => {
  const { look, clock, driven } = await parts(
    ...(
      ["queued", "planning", "applying", "planned", "done", "partial", "refused", "cancelled", "failed"] as const
    ).map((state) => ({ state })),
    { updatedAt: "2026-11-21T10:00:01Z" },
  );
  clock.pass(600);
  expect(await look()).toBe(0);
  clock.pass(1);
  expect(await look()).toBe(3);
  expect(driven.sort()).toEqual([0, 1, 2].map(runId).sort());
});

test("one that cannot be driven is told, and keeps no other from its turn", async () => {
  const { look, clock, driven, failures, faults } = await parts({}, {}, {});
  clock.pass(3600);
  const fault = new Error("no host");
  faults.set(runId(1), fault);
  expect(await look()).toBe(2);
  expect(driven.sort()).toEqual([runId(0), runId(2)].sort());
  expect(failures).toEqual([fault]);
});

test("each is driven once, however many pages they are and however many cannot be driven", async () => {
  const { look, clock, driven, failures, faults } = await parts(...Array.from({ length: 250 }, () => ({})));
  clock.pass(3600);
  const all = Array.from({ length: 250 }, (_, index) => runId(index));
  // The newest come first: two whole pages of them.
  const damned = all.slice(40);
  for (const id of damned) faults.set(id, new Error("no host"));
  expect(await look()).toBe(40);
  expect(driven.sort()).toEqual(all.slice(0, 40).sort());
  expect(failures).toHaveLength(210);
});

test("state that fails ends the look", async () => {
  const { deps } = await parts({});
  const runs = { listStale: () => Promise.reject(unavailable("STATE_UNAVAILABLE")) };
  await expect(driveStale({ ...deps, runs })).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
});
