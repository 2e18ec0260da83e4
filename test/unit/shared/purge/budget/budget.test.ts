import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Attempt, createBudget, MAX_TRIES } from "../../../../../shared/purge/budget/budget.ts";
import { MAX_CALLS_AT_ONCE } from "../../../../../shared/purge/budget/lane.ts";
import { TooLateError } from "../../../../../shared/purge/may-still-send.ts";
import { virtualClock } from "../../../../support/virtual-clock.ts";

const perMinute = { read: 5_000, write: 1_000, delete: 500, referrers: 250 };
const never = new AbortController().signal;
const done: Attempt<string> = { kind: "done", value: "yes" };
const throttled = (waitMs: number | null): Attempt<string> => ({ kind: "throttled", waitMs });
const failed = (changes: Partial<Extract<Attempt<string>, { kind: "failed" }>> = {}): Attempt<string> => ({
  kind: "failed",
  error: new Error("planned"),
  isPassing: true,
  mayBeDone: false,
  waitMs: null,
  ...changes,
});
function open(random = 0) {
  const time = virtualClock();
  return { time, budget: createBudget({ ...time, random: () => random, perMinute }) };
}
/** Gives these outcomes one after another, the last for ever, and keeps when it was asked and with what. */
function script(clock: () => number, ...outcomes: readonly Attempt<string>[]) {
  const asked: { at: number; mayBeDone: boolean }[] = [];
  const attempt = async (mayBeDone: boolean) => {
    const outcome = outcomes[Math.min(asked.length, outcomes.length - 1)];
    asked.push({ at: clock(), mayBeDone });
    if (outcome === undefined) throw new Error("no outcome");
    return outcome;
  };
  return { asked, attempt };
}

describe("a throttled call", () => {
  test("is made again after what it was told, however often, and never fails", async () => {
    const { time, budget } = open();
    const { asked, attempt } = script(time.clock, ...Array.from({ length: 50 }, () => throttled(3_000)), done);
    expect(await time.run(budget("delete", never, attempt))).toBe("yes");
    expect(asked.map(({ at }) => at)).toEqual(Array.from({ length: 51 }, (_, index) => index * 3_000));
    expect(asked.every(({ mayBeDone }) => !mayBeDone)).toBe(true);
  });

  test("that is told nothing waits 1 s, twice as long each time, a minute at most", async () => {
    const { time, budget } = open();
    const { asked, attempt } = script(time.clock, ...Array.from({ length: 9 }, () => throttled(null)), done);
    await time.run(budget("delete", never, attempt));
    const waits = asked.slice(1).map(({ at }, index) => at - (asked[index]?.at ?? 0));
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000));
  });

  test("begins at 1 s again after a success, and waits a quarter longer at most, by chance", async () => {
    const { time, budget } = open(0.8);
    const first = script(time.clock, throttled(null), throttled(null), done);
    await time.run(budget("delete", never, first.attempt));
    expect(first.asked.map(({ at }) => at)).toEqual([0, 1_200, 3_600]);
    const second = script(time.clock, throttled(null), done);
    await time.run(budget("delete", never, second.attempt));
    expect(second.asked.map(({ at }) => at)).toEqual([3_600, 4_800]);
  });

  test("holds back all others of its kind, and none of another", async () => {
    const { time, budget } = open();
    const { asked, attempt } = script(time.clock, throttled(10_000), done);
    const begun = budget("delete", never, attempt);
    const others = Array.from({ length: 5 }, () => script(time.clock, done));
    await time.run(budget("read", never, script(time.clock, done).attempt));
    expect(time.clock()).toBe(0);
    await time.run(Promise.all([begun, ...others.map((one) => budget("delete", never, one.attempt))]));
    for (const one of others) expect(one.asked).toEqual([{ at: 10_000, mayBeDone: false }]);
    expect(asked.at(-1)?.at).toBe(10_000);
  });

  test("halves how many go at once, once for all that were refused together; successes raise it one by one", async () => {
    const { time, budget } = open();
    let [running, most, refused] = [0, 0, 0];
    const attempt = async (): Promise<Attempt<string>> => {
      running += 1;
      most = Math.max(most, running);
      await time.wait(10);
      running -= 1;
      if (refused === MAX_CALLS_AT_ONCE) return done;
      refused += 1;
      return throttled(1_000);
    };
    const calls = (count: number) => Promise.all(Array.from({ length: count }, () => budget("delete", never, attempt)));
    const first = calls(MAX_CALLS_AT_ONCE);
    await time.run(time.wait(500));
    expect(most).toBe(MAX_CALLS_AT_ONCE);
    most = 0;
    await time.run(first);
    // 32 were refused in one round.
    expect(most).toBe(16);
    await time.run(calls(100));
    // One more for as many successes as go at once: 16 + 17 + ... + 20 of the 132, before the last begin.
    expect(most).toBe(21);
    await time.run(calls(400));
    expect(most).toBe(MAX_CALLS_AT_ONCE);
  });

  test("leaves one call at once however often it happens", async () => {
    const { time, budget } = open();
    const { attempt } = script(time.clock, ...Array.from({ length: 100 }, () => throttled(1)), done);
    let [running, most] = [0, 0];
    await time.run(budget("delete", never, attempt));
    const one = async () => {
      running += 1;
      most = Math.max(most, running);
      await time.wait(10);
      running -= 1;
      return failed({ isPassing: false });
    };
    await time.run(Promise.allSettled(Array.from({ length: 5 }, () => budget("delete", never, one))));
    expect(most).toBeLessThanOrEqual(2);
  });
});

describe("a failed call", () => {
  test("is tried four times in all when it may pass, later each time, and ends with the last error", async () => {
    const { time, budget } = open();
    const { asked, attempt } = script(
      time.clock,
      failed(),
      failed(),
      failed(),
      failed({ error: new Error("last") }),
      done,
    );
    await expect(time.run(budget("read", never, attempt))).rejects.toThrow("last");
    expect(asked.map(({ at }) => at)).toEqual([0, 500, 1_500, 3_500]);
    expect(asked).toHaveLength(MAX_TRIES);
  });

  test("is not tried again when it cannot pass", async () => {
    const { time, budget } = open();
    const { asked, attempt } = script(time.clock, failed({ isPassing: false }), done);
    await expect(time.run(budget("delete", never, attempt))).rejects.toThrow("planned");
    expect(asked).toHaveLength(1);
  });

  test("waits as long as it was told", async () => {
    const { time, budget } = open();
    const { asked, attempt } = script(time.clock, failed({ waitMs: 20_000 }), done);
    await time.run(budget("read", never, attempt));
    expect(asked.map(({ at }) => at)).toEqual([0, 20_000]);
  });

  test("holds nobody back while it waits", async () => {
    const { time, budget } = open();
    const slow = script(time.clock, failed({ waitMs: 20_000 }), done);
    const waiting = budget("read", never, slow.attempt);
    const others = Array.from({ length: 100 }, () => budget("read", never, script(time.clock, done).attempt));
    await time.run(Promise.all(others));
    expect(time.clock()).toBe(0);
    await time.run(waiting);
  });

  test("tells later tries that it may have been done, also when they are throttled in between", async () => {
    const { time, budget } = open();
    const { asked, attempt } = script(
      time.clock,
      throttled(1),
      failed(),
      failed({ mayBeDone: true }),
      throttled(1),
      failed(),
      done,
    );
    await time.run(budget("delete", never, attempt));
    expect(asked.map(({ mayBeDone }) => mayBeDone)).toEqual([false, false, false, true, true, true]);
  });

  test("gives its place back, also when the try throws", async () => {
    const { time, budget } = open();
    for (let index = 0; index < 2 * MAX_CALLS_AT_ONCE; index++) {
      const broken = budget("write", never, () => Promise.reject(new Error("defect")));
      await expect(time.run(broken)).rejects.toThrow("defect");
    }
    expect(await time.run(budget("write", never, script(time.clock, done).attempt))).toBe("yes");
  });
});

describe("a signal that is aborted", () => {
  const hanging = () => new Promise<Attempt<string>>(() => undefined);
  test.each([
    ["before it begins", () => [hanging], true],
    ["during a try that does not heed it", () => [hanging], false],
    ["while the kind is closed", (clock: () => number) => [script(clock, throttled(30_000)).attempt], false],
    [
      "while it waits for its next try",
      (clock: () => number) => [script(clock, failed({ waitMs: 30_000 })).attempt],
      false,
    ],
    ["while all places are taken", () => Array.from({ length: MAX_CALLS_AT_ONCE + 1 }, () => hanging), false],
  ] as const)("%s ends the call at once, with its reason, and leaves no timer", async (_when, attempts, isBefore) => {
    const { time, budget } = open();
    const ending = new AbortController();
    const reason = new Error("slice is over");
    if (isBefore) ending.abort(reason);
    const ended = attempts(time.clock).map((attempt) =>
      budget("delete", ending.signal, attempt).catch((error: unknown) => error),
    );
    if (!isBefore) {
      await time.run(time.wait(10));
      ending.abort(reason);
    }
    expect(await time.run(Promise.all(ended))).toEqual(ended.map(() => reason));
    expect(time.clock()).toBe(isBefore ? 0 : 10);
    expect(time.open()).toBe(0);
  });

  test("leaves the places to others", async () => {
    const { time, budget } = open();
    const ending = new AbortController();
    const stuck = Array.from({ length: 2 * MAX_CALLS_AT_ONCE }, () =>
      budget("delete", ending.signal, hanging).catch(() => null),
    );
    const other = budget("delete", never, script(time.clock, done).attempt);
    ending.abort();
    expect(await time.run(other)).toBe("yes");
    await Promise.all(stuck);
  });
});

const outcome = fc.oneof(
  { weight: 6, arbitrary: fc.constant(done) },
  { weight: 2, arbitrary: fc.option(fc.integer({ min: 0, max: 90_000 })).map(throttled) },
  { weight: 1, arbitrary: fc.constant(failed()) },
);

test("whatever a registry answers, every call ends, at most 32 go at once, and none while it asks for quiet", async () => {
  const property = fc.asyncProperty(
    fc.array(outcome, { maxLength: 60 }),
    fc.integer({ min: 1, max: 80 }),
    async (outcomes, count) => {
      const { time, budget } = open();
      let [next, running, closedAt, closedUntil] = [0, 0, 0, 0];
      const attempt = async () => {
        running += 1;
        expect(running).toBeLessThanOrEqual(MAX_CALLS_AT_ONCE);
        // What ends in the same moment may have been seen first.
        if (time.clock() > closedAt) expect(time.clock()).toBeGreaterThanOrEqual(closedUntil);
        await time.wait(20);
        running -= 1;
        const answer = outcomes[next++] ?? done;
        if (answer.kind === "throttled") {
          closedAt = time.clock();
          closedUntil = Math.max(closedUntil, time.clock() + (answer.waitMs ?? 0));
        }
        return answer;
      };
      const calls = Array.from({ length: count }, () => budget("delete", never, attempt));
      const ends = await time.run(Promise.allSettled(calls));
      const failures = outcomes.slice(0, next).filter(({ kind }) => kind === "failed").length;
      expect(ends.filter(({ status }) => status === "rejected").length).toBeLessThanOrEqual(failures / MAX_TRIES);
      expect(time.open()).toBe(0);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

describe("a call that waits until it is too late", () => {
  const until = (clock: () => number, at: number) => () => clock() < at;

  test("is not made when its turn comes; those behind it that are in time are, in the same turn", async () => {
    const { time, budget } = open();
    const first = budget("delete", never, script(time.clock, throttled(40_000), done).attempt);
    await time.run(budget("read", never, script(time.clock, done).attempt));
    const [late, young] = [script(time.clock, done), script(time.clock, done)];
    const lates = Array.from({ length: 2 * MAX_CALLS_AT_ONCE }, () =>
      budget("delete", never, late.attempt, until(time.clock, 30_000)).catch((error: unknown) => error),
    );
    const last = budget("delete", never, young.attempt, until(time.clock, 40_001));
    expect(await time.run(Promise.all([first, last]))).toEqual(["yes", "yes"]);
    for (const error of await time.run(Promise.all(lates))) expect(error).toBeInstanceOf(TooLateError);
    expect([late.asked, young.asked]).toEqual([[], [{ at: 40_000, mayBeDone: false }]]);
  });

  test("is not tried again", async () => {
    const { time, budget } = open();
    const { asked, attempt } = script(time.clock, failed({ mayBeDone: true, waitMs: 30_000 }), done);
    const call = budget("delete", never, attempt, until(time.clock, 30_000));
    await expect(time.run(call)).rejects.toThrow(TooLateError);
    expect(asked).toEqual([{ at: 0, mayBeDone: false }]);
  });
});
