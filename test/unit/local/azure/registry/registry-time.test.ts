/** Mirrors infra/local/azure/registry/registry-time.ts. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createTickClock,
  cursorNumber,
  dateOf,
  ticksOf,
  ticksOfCursor,
  timeText,
} from "../../../../../infra/local/azure/registry/registry-time.ts";

/** From 1995 to 2044. */
const ticks = fc.integer({ min: -7_800_000_000_000_000, max: 7_800_000_000_000_000 });

test.each([
  ["2021-05-28T17:15:14.9483587Z", "2021-05-28T17:15:14.948Z", 3587],
  ["2021-10-28T01:03:45.664936Z", "2021-10-28T01:03:45.664Z", 9360],
  ["2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z", 0],
  ["2019-12-31T23:59:59.9999999Z", "2020-01-01T00:00:00Z", -1],
])("%s", (text, date, more) => {
  expect(timeText(ticksOf(new Date(date)) + more)).toBe(text);
});

test("a cursor of the service leads to the time that it stands for", () => {
  expect(timeText(ticksOfCursor("8586163895140836946", "timedesc"))).toBe("2020-03-26T10:09:31.3938861Z");
});

test("cursors are in the order of their lists, and lead back to their time", () => {
  fc.assert(
    fc.property(ticks, ticks, (one, other) => {
      for (const order of ["timeasc", "timedesc"] as const) {
        expect(ticksOfCursor(cursorNumber(one, order), order)).toBe(one);
        const isBefore = BigInt(cursorNumber(one, order)) < BigInt(cursorNumber(other, order));
        expect(isBefore).toBe(order === "timeasc" ? one < other : one > other);
      }
    }),
  );
});

test("texts are in the order of times when they are as long, and hold the millisecond", () => {
  fc.assert(
    fc.property(ticks, (one) => {
      expect(Date.parse(timeText(one).replace(/(\.\d{3})\d+/, "$1"))).toBe(dateOf(one).getTime());
      expect(timeText(one)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?Z$/);
    }),
  );
});

test("a clock goes on where time stands still, or goes back", () => {
  let now = Date.parse("2026-11-22T00:00:00Z");
  const stamp = createTickClock(() => new Date(now));
  const stamps = Array.from({ length: 100 }, (_, index) => {
    now -= index === 50 ? 1000 : 0;
    return stamp();
  });
  expect(stamps).toEqual([...new Set(stamps)].sort((one, other) => one - other));
});
