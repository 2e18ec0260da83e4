/** How long many deletes take at a registry that counts them, in virtual time. */
import { describe, expect, test } from "vitest";
import { type Attempt, createBudget } from "../../../../../shared/purge/budget/budget.ts";
import { virtualClock } from "../../../../support/virtual-clock.ts";

const PER_MINUTE = 500;
const LATENCY_MS = 50;
const signal = new AbortController().signal;
const perMinute = { read: 5_000, write: 1_000, delete: PER_MINUTE, referrers: 250 };

type Told = "one second" | "next full minute" | "nothing";
/** Milliseconds that a refused call is told to wait, at a time. */
const told: Readonly<Record<Told, (now: number) => number | null>> = {
  "one second": () => 1_000,
  "next full minute": (now) => 60_000 - (now % 60_000),
  nothing: () => null,
};

/** Seconds that a number of deletes takes, and the most refusals and calls at once on the way. @param startAt of the run in its minute */
async function run(
  count: number,
  options: { told?: Told; refilled?: number; capacity?: number; startAt?: number; workers?: number; random?: number },
) {
  const { refilled = PER_MINUTE, capacity = PER_MINUTE, startAt = 0, workers = 32, random = 0.5 } = options;
  const time = virtualClock();
  const budget = createBudget({ ...time, random: () => random, perMinute });
  let [left, at, refused, running, most, done] = [capacity, 0, 0, 0, 0, 0];
  const remove = async (): Promise<Attempt<boolean>> => {
    running += 1;
    most = Math.max(most, running);
    await time.wait(LATENCY_MS / 2);
    left = Math.min(capacity, left + ((time.clock() - at) * refilled) / 60_000);
    at = time.clock();
    const isTaken = left >= 1;
    if (isTaken) left -= 1;
    else refused += 1;
    await time.wait(LATENCY_MS / 2);
    running -= 1;
    return isTaken
      ? { kind: "done", value: true }
      : { kind: "throttled", waitMs: told[options.told ?? "nothing"](startAt + time.clock()) };
  };
  const work = async () => {
    while (done < count) {
      done += 1;
      await budget("delete", signal, remove);
    }
  };
  await time.run(Promise.all(Array.from({ length: workers }, work)));
  return { seconds: time.clock() / 1000, refused, most };
}
/** Seconds below which nobody comes, with a bucket that is full. */
const floor = (count: number) => Math.max(0, ((count - PER_MINUTE) / PER_MINUTE) * 60);

describe("many deletes where 500 a minute are taken", () => {
  test.each([
    ["one second", [700, 1_400, 2_100, 3_000]],
    ["nothing", [700, 1_400, 2_100, 3_000]],
    ["next full minute", [1_100, 1_400, 1_800, 2_100, 3_000, 5_000]],
  ] as const)("take little more than they must, when the refused are told %s", async (how, counts) => {
    for (const count of counts) {
      const { seconds, refused } = await run(count, { told: how });
      expect(seconds, `${count}`).toBeLessThanOrEqual(1.15 * floor(count));
      expect(refused, `${count}`).toBeLessThanOrEqual(count);
    }
  });

  test("wait for the minute that they are told, also where less would have done, and for the next one at most", async () => {
    for (const startAt of [0, 15_000, 30_000, 59_000]) {
      const { seconds } = await run(700, { told: "next full minute", startAt });
      const toMinute = (60_000 - startAt) / 1000;
      expect(seconds).toBeGreaterThanOrEqual(toMinute);
      expect(seconds).toBeLessThanOrEqual(toMinute < 5 ? toMinute + 62 : Math.max(floor(700), toMinute) + 4);
    }
  });

  test("are not slowed down for good by refusals that were none of their rate", async () => {
    const { seconds } = await run(2_000, { told: "one second", refilled: 1_000_000, capacity: 100 });
    expect(seconds).toBeLessThan(15);
  });
});

describe("many deletes where none is refused", () => {
  test("are 32 at once, and never more", async () => {
    const { seconds, most } = await run(2_000, { capacity: 100_000, workers: 64 });
    expect(most).toBe(32);
    expect(seconds).toBeCloseTo((Math.ceil(2_000 / 32) * LATENCY_MS) / 1000, 1);
  });
});
