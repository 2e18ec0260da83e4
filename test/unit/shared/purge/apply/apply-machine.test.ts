/**
 * Applying with everything in its way: calls that fail before or after they took effect, and that wait for their turn until
 * it is too late; processes that die or sleep at any call, with calls that wait, while others go on; images that are tagged,
 * signed, run, locked or named anew at any time. Whatever happened, nothing kept is lost, and the record, the report and the
 * trail say exactly what the registry lost.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { RECHECK_MAX_AGE_SECONDS } from "../../../../../shared/purge/apply/freshness.ts";
import { CHANGE_TRY_MS } from "../../../../../shared/purge/may-still-send.ts";
import type { PlanLine, ReportLine } from "../../../../../shared/purge/plan-line.ts";
import {
  type Chance,
  chanceOf,
  disturb,
  drawPlan,
  drawWeather,
  type Guards,
  type Removal,
  type Trouble,
  watchedRegistry,
} from "../../../../support/purge-apply-chance.ts";
import { type ApplyWorld, applyWorld, Crash } from "../../../../support/purge-apply-world.ts";

const RUNS = Number(process.env.PURGE_RUNS ?? 60);
/** The same worlds each time; PURGE_SEED=2 PURGE_RUNS=2000 looks for others. */
const SEED = Number(process.env.PURGE_SEED ?? 1);
const keyOf = (repository: string, name: string) => `${repository} ${name}`;

type Life = {
  readonly world: ApplyWorld;
  readonly plan: readonly PlanLine[];
  readonly removals: readonly Removal[];
  readonly guards: Guards;
};

/** Draws a world, lets it happen, and ends when the run has ended. */
async function live(
  seed: number,
  options: { changesWhile: boolean; isCancelled?: boolean },
): Promise<Life & { trouble: Trouble }> {
  const chance = chanceOf(seed);
  let now = () => new Date(0);
  const registry = watchedRegistry(() => now());
  const world = applyWorld(registry);
  now = world.clock.now;
  const plan = await drawPlan(chance, registry, chance.of([3, 12, 12, 150]));
  await world.begin(plan);
  const guards: Guards = new Map();
  const trouble = {
    registry: chance.of([0, 0.05, 0.2]),
    state: chance.of([0, 0.02]),
    milliseconds: chance.of([50, 1_000, 8_000]),
  };
  for (let count = chance.below(6); count > 0; count--) {
    disturb(chance, world, plan, guards, Number.NEGATIVE_INFINITY);
    await world.clock.run(world.clock.sleep(1));
  }
  const later = async (): Promise<void> => {
    for (let count = chance.below(12); count > 0; count--) {
      await world.clock.sleep(chance.next() * 5 * trouble.milliseconds);
      disturb(chance, world, plan, guards, world.clock.now().getTime());
    }
  };
  if (options.changesWhile) void later();
  if (options.isCancelled) void cancelLater(chance, world, trouble.milliseconds);
  await drive(chance, world, trouble, plan.length);
  // Whoever slept wakes up, and must do no harm.
  await world.clock.run(world.clock.sleep(3_600_000));
  return { world, plan, removals: registry.removals, guards, trouble };
}

async function cancelLater(chance: Chance, world: ApplyWorld, milliseconds: number): Promise<void> {
  await world.clock.sleep(chance.next() * 20 * milliseconds);
  for (;;) {
    const stored = await world.store.get(world.place.loginServer, world.place.runId);
    if (stored === null || stored.run.state !== "applying") return;
    if ((await world.store.replace({ ...stored.run, cancelRequested: true }, stored.etag)) !== null) return;
  }
}

/** Processes that fail, die and sleep, then one that does not. */
async function drive(chance: Chance, world: ApplyWorld, trouble: Trouble, lines: number): Promise<void> {
  for (let troubled = chance.below(6); ; troubled--) {
    const weather = drawWeather(chance, troubled > 0 ? trouble : { ...trouble, registry: 0, state: 0 });
    const diesAt = 1 + chance.below(chance.of([10, 40, 4 * lines + 40]));
    const sleeps = chance.is(0.4) ? chance.next() * 200_000 : null;
    const process = troubled > 0 ? world.newProcess(weather, diesAt, sleeps) : world.newProcess(weather);
    try {
      await world.finish(process);
      return;
    } catch (error) {
      const isMeant = error instanceof Crash || (error instanceof Error && error.name === "UpstreamError");
      if (!isMeant || troubled < -20) throw error;
    }
  }
}

/** Record, report, trail and registry agree. */
async function expectTrueTotals({ world, plan, removals }: Life): Promise<void> {
  const run = await world.run();
  const report: readonly ReportLine[] = world.report();
  const lineKeys = new Set(
    plan.filter(({ action }) => action === "delete").map((line) => keyOf(line.repository, line.digest)),
  );
  const digests = removals.flatMap(({ repository, digest }) => (digest === null ? [] : [keyOf(repository, digest)]));
  const removed = new Set(digests);
  const of = (outcome: string) => report.filter((line) => line.outcome === outcome);
  const deleted = of("deleted").map((line) => keyOf(line.repository, line.digest));
  expect(new Set(deleted)).toEqual(new Set([...removed].filter((key) => lineKeys.has(key))));
  expect(new Set(deleted).size).toBe(deleted.length);
  // Each line stands in the report once, with each of its tags once; those that are left are counted.
  const changing = plan.filter(({ action }) => action !== "keep");
  const seen = new Map<string, string[]>();
  for (const line of report) {
    const key = keyOf(line.repository, line.digest);
    const tags = seen.get(key) ?? [];
    tags.push(...(line.tags.length === 0 ? [""] : line.tags));
    seen.set(key, tags);
  }
  for (const line of changing) {
    const tags = seen.get(keyOf(line.repository, line.digest));
    if (tags !== undefined) expect(tags.toSorted()).toEqual(line.tags.length === 0 ? [""] : line.tags.toSorted());
  }
  expect(changing.length - seen.size + of("skipped").length).toBe(run.counts.skipped);
  expect(run.counts).toMatchObject({
    deletedManifests: deleted.length,
    deletedTags: [...of("deleted"), ...of("untagged")].reduce((sum, { tags }) => sum + tags.length, 0),
    changed: of("changed").length,
    protected: of("protected").length,
    gone: of("gone").length,
    failed: of("failed").length,
  });
  expect(run.bytesFreed).toBe(of("deleted").reduce((sum, { freedBytes }) => sum + freedBytes, 0));
  // Tags that went alone.
  const untagged = new Set(of("untagged").flatMap(({ repository, tags }) => tags.map((tag) => keyOf(repository, tag))));
  const alone = new Set(
    plan
      .filter(({ action }) => action === "untag")
      .flatMap(({ repository, tags }) => tags.map((tag) => keyOf(repository, tag))),
  );
  const gone = new Set(removals.flatMap(({ repository, tag }) => (tag === null ? [] : [keyOf(repository, tag)])));
  expect(untagged).toEqual(new Set([...gone].filter((key) => alone.has(key))));
  const told = new Set(
    world.events
      .filter(({ event }) => event === "purge.deleted")
      .map(({ detail }) => `${detail.repository} ${detail.digest}`),
  );
  for (const line of [...of("deleted"), ...of("untagged")]) expect(told).toContain(keyOf(line.repository, line.digest));
  const ended = world.events.findLast(({ event }) => event === "purge.ended");
  expect(ended?.detail).toMatchObject({ state: run.state, deletedManifests: deleted.length });
  expect([...world.table.rows.values()].map(({ rowKey }) => rowKey)).toEqual([`r~${run.id}`]);
}

/** What others made their own, and what the plan keeps. @param allowed milliseconds that a deletion may be decided before */
function expectNothingLost({ plan, removals, guards }: Life, allowed: number): void {
  const kept = new Set(
    plan.filter(({ action }) => action === "keep").map((line) => keyOf(line.repository, line.digest)),
  );
  for (const { repository, digest, tag, at } of removals) {
    const key = keyOf(repository, digest ?? tag ?? "");
    expect(kept, key).not.toContain(key);
    const since = guards.get(key);
    if (since !== undefined) expect(at - since, `${key} was deleted so long after`).toBeLessThan(allowed);
  }
}

/** What was unlocked and is still there is locked again. */
async function expectLocks({ world, plan }: Life): Promise<void> {
  if ((await world.run()).warnings.length > 0) return;
  const { signal } = new AbortController();
  const locked = new Set<string>();
  for (const repository of new Set(plan.map((line) => line.repository))) {
    for await (const page of world.registry.content.manifests(repository, signal)) {
      for (const { digest, isLocked } of page) if (isLocked) locked.add(keyOf(repository, digest));
    }
  }
  for (const { repository, digest, seen } of plan) {
    if (seen?.isLocked && world.registry.has(repository, digest)) expect(locked).toContain(keyOf(repository, digest));
  }
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

test("processes die, sleep and fail at any call: the totals are true, and nothing kept is lost", async () => {
  const property = fc.asyncProperty(seeds, async (seed) => {
    const life = await live(seed, { changesWhile: false });
    await expectTrueTotals(life);
    expectNothingLost(life, 0);
    await expectLocks(life);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
}, 600_000);

test("others change things all the while: what they made their own stays", async () => {
  const property = fc.asyncProperty(seeds, async (seed) => {
    const life = await live(seed, { changesWhile: true });
    // A listing, and new bodies eight at a time, of which there are few.
    const reading = 4 * life.trouble.milliseconds;
    expectNothingLost(life, Math.max(RECHECK_MAX_AGE_SECONDS * 1000, 2 * reading) + CHANGE_TRY_MS);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
}, 600_000);

test("a cancel at any time, with processes that die: what was done by then is told exactly", async () => {
  const property = fc.asyncProperty(seeds, async (seed) => {
    const life = await live(seed, { changesWhile: false, isCancelled: true });
    await expectTrueTotals(life);
    expectNothingLost(life, 0);
    await expectLocks(life);
    const { state, counts } = await life.world.run();
    expect(counts.skipped > 0 ? "cancelled" : state).toBe(state);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
}, 600_000);
