import { describe, expect, test } from "vitest";
import { LimitError } from "../../../shared/errors.ts";
import { createRateLimit } from "../../../shared/rate-limit.ts";

function parts(perSecond: number, maxCallers?: number) {
  let at = 1_000_000;
  const take = createRateLimit({
    perSecond,
    now: () => new Date(at),
    ...(maxCallers === undefined ? {} : { maxCallers }),
  });
  const pass = (milliseconds: number) => {
    at += milliseconds;
  };
  /** How many of `count` turns were given. */
  const taken = (caller: string, count: number) => {
    let given = 0;
    for (let turn = 0; turn < count; turn++) {
      try {
        take(caller);
        given++;
      } catch (error) {
        if (!(error instanceof LimitError)) throw error;
      }
    }
    return given;
  };
  return { take, taken, pass };
}

describe("createRateLimit", () => {
  test("five seconds' worth at once, then the rate", () => {
    const { taken, pass } = parts(20);
    expect(taken("a", 150)).toBe(100);
    pass(1_000);
    expect(taken("a", 150)).toBe(20);
    pass(3_600_000);
    expect(taken("a", 150)).toBe(100);
  });

  test("says how long to wait, in whole seconds, and asking meanwhile costs nothing", () => {
    const { take, taken, pass } = parts(20);
    taken("a", 100);
    expect(() => take("a")).toThrow(expect.objectContaining({ code: "RATE_LIMITED", retryAfterSeconds: 1 }));
    for (let step = 0; step < 60; step++) {
      pass(1);
      if (step === 49) expect(taken("a", 2)).toBe(1);
      else expect(taken("a", 2)).toBe(0);
    }
  });

  test("callers have turns of their own", () => {
    const { taken } = parts(1);
    expect([taken("a", 9), taken("b", 9)]).toEqual([5, 5]);
  });

  test("a clock that goes back gives nothing, and takes nothing for ever", () => {
    const { taken, pass } = parts(1);
    taken("a", 5);
    pass(-10_000);
    expect(taken("a", 1)).toBe(0);
    pass(11_000);
    expect(taken("a", 5)).toBe(1);
  });

  test("who asked longest ago is forgotten first", () => {
    const { taken } = parts(1, 2);
    taken("a", 5);
    taken("b", 5);
    taken("a", 1);
    taken("c", 1);
    expect([taken("a", 1), taken("b", 1)]).toEqual([0, 1]);
  });
});
