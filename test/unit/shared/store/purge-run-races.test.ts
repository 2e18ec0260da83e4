import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OPEN_STATES, type PurgeRun } from "../../../../shared/purge/run.ts";
import { LOCK_SECONDS } from "../../../../shared/store/purge-run-rows.ts";
import { utc } from "../../../../shared/time.ts";
import type { Fate } from "../../../support/fake-table.ts";
import { purgeRun, REGISTRY, runStoreParts } from "../../../support/fakes-purge-runs.ts";

describe("processes at once", () => {
  const fate = fc.constantFrom<Fate>("done", "done", "done", "refused", "lost", "repeated");

  test("of any number of inserts one has the registry, and whoever was told so has it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(fate, { maxLength: 30 }), async (scheduler, fates) => {
        const pause = () => scheduler.schedule(Promise.resolve());
        const parts = runStoreParts({ fate: () => fates.shift() ?? "done", pause });
        const runs = [1, 2, 3, 4].map((index) => purgeRun(index));
        const all = Promise.allSettled(runs.map((run) => parts.newStore().insert(run)));
        await scheduler.waitFor(all);
        const results = await all;
        const there = runs.filter(({ id }) => parts.row(`r~${id}`) !== null);
        const told = runs.filter((_, at) => {
          const result = results[at];
          return result?.status === "fulfilled" && result.value.kind === "inserted";
        });
        expect(there.length).toBeLessThanOrEqual(1);
        expect(there).toEqual(expect.arrayContaining(told));
        if (there[0] !== undefined) expect(parts.row("lock")).toMatchObject({ runId: there[0].id });
        for (const result of results) {
          if (result.status === "fulfilled" && result.value.kind === "active")
            expect(there[0]?.id).toBe(result.value.runId);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("at no time are two purges of a registry open, whatever overtakes, ends and fails", async () => {
    type Step = { kind: "insert" | "work" | "end" | "pass"; process: number };
    const step: fc.Arbitrary<Step> = fc.record({
      kind: fc.constantFrom("insert", "work", "end", "pass"),
      process: fc.nat(2),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(step, { maxLength: 25 }),
        fc.array(fate, { maxLength: 60 }),
        async (scheduler, steps, fates) => {
          const parts = runStoreParts({
            fate: () => fates.shift() ?? "done",
            pause: () => scheduler.schedule(Promise.resolve()),
          });
          let made = 0;
          const held: ({ run: PurgeRun; etag: string } | null)[] = [null, null, null];
          const openOnes = () =>
            [...parts.rows.values()].filter(
              ({ rowKey = "", state }) => rowKey.startsWith("r~") && [...OPEN_STATES].some((open) => open === state),
            );
          const act = async ({ kind, process }: Step) => {
            const store = parts.newStore();
            const own = held[process] ?? null;
            const updatedAt = utc(parts.clock.now());
            if (kind === "pass") return void parts.clock.pass(LOCK_SECONDS / 2);
            if (kind === "insert") {
              const run = purgeRun(++made, { updatedAt });
              const result = await store.insert(run).catch(() => null);
              if (result?.kind !== "inserted") return;
              const found = await store.get(REGISTRY, run.id).catch(() => null);
              if (found !== null) held[process] = found;
              return;
            }
            if (own === null) return;
            const run = {
              ...own.run,
              updatedAt,
              ...(kind === "end" ? { state: "done" as const } : { groups: own.run.groups + 1 }),
            };
            const etag = await store.replace(run, own.etag).catch(() => null);
            held[process] = etag === null || kind === "end" ? null : { run, etag };
          };
          // Each process works on by itself; the transactions of all meet in any order.
          const lanes = [0, 1, 2].map(async (process) => {
            for (const one of steps.filter((candidate) => candidate.process === process)) {
              await act(one);
              expect(openOnes().length).toBeLessThanOrEqual(1);
              const [open] = openOnes();
              if (open !== undefined) expect(`r~${parts.row("lock")?.runId}`).toBe(open.rowKey);
              else expect(parts.row("lock")).toBeNull();
            }
          });
          await scheduler.waitFor(Promise.all(lanes));
        },
      ),
      { numRuns: 300 },
    );
  });
});
