import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSchedule, parseNcrontab, ScheduleError } from "../../../../infra/local/host/ncrontab.ts";

const at = (text: string): number => Date.parse(text);
const next = (expression: string, after: string, timeZone = "UTC") =>
  new Date(createSchedule(expression, timeZone).next(at(after))).toISOString();

describe("parseNcrontab", () => {
  it("five fields mean second 0", () => {
    expect(parseNcrontab("0 3 * * 0")).toEqual(parseNcrontab("0 0 3 * * 0"));
  });

  it.each([
    ["5", [5]],
    ["5/20", [5, 25, 45]],
    ["*/20", [0, 20, 40]],
    ["1-10/4", [1, 5, 9]],
    ["10-1/4", [1, 5, 9]],
    ["7,3,3", [3, 7]],
    ["59/5", [59]],
    ["58/0", [58, 59]],
  ])("second %s is %j", (field, values) => {
    expect(parseNcrontab(`${field} * * * * *`)[0]).toEqual(values);
  });

  it.each([
    ["Fri-Mon", [1, 2, 3, 4, 5]],
    ["sun", [0]],
    ["Wednesday", [3]],
    ["S", [0]],
    ["mon,WED", [1, 3]],
  ])("day of week %s is %j", (field, values) => {
    expect(parseNcrontab(`0 0 0 * * ${field}`)[5]).toEqual(values);
  });

  it("knows months by prefix", () => {
    expect(parseNcrontab("0 0 0 1 Jan,Sept *")[4]).toEqual([1, 9]);
  });

  it.each([
    "",
    "* * * *",
    "* * * * * * *",
    "60 * * * * *",
    "* * 24 * * *",
    "* * * 0 * *",
    "* * * 32 * *",
    "* * * * 13 *",
    "0 0 0 * * 7",
    "0 0 0 ? * *",
    "0 0 0 L * *",
    "0 0 0 15W * *",
    "0 0 0 * * 5#3",
    "0 0 0 * * nope",
    "/5 * * * * *",
    "*/x * * * * *",
    "1- * * * * *",
    "1,,2 * * * * *",
    "00:05:00",
  ])("refuses %j", (expression) => {
    expect(() => parseNcrontab(expression)).toThrow(ScheduleError);
  });
});

describe("createSchedule", () => {
  it("both day fields must fit", () => {
    expect(next("0 0 0 13 * Fri", "2026-11-22T00:00:00Z")).toBe("2027-08-13T00:00:00.000Z");
  });

  it("an occurrence is later than the moment, even by a millisecond", () => {
    expect(next("30 * * * * *", "2026-11-22T00:00:29.999Z")).toBe("2026-11-22T00:00:30.000Z");
    expect(next("30 * * * * *", "2026-11-22T00:00:30.000Z")).toBe("2026-11-22T00:01:30.000Z");
  });

  it("counts in the time zone", () => {
    expect(next("0 0 3 * * *", "2026-11-22T00:00:00Z", "Asia/Tokyo")).toBe("2026-11-22T18:00:00.000Z");
  });

  it("a date that never occurs fails when the next one is asked for", () => {
    const schedule = createSchedule("0 0 0 31 2 *", "UTC");
    expect(() => schedule.next(0)).toThrow(ScheduleError);
  });

  it("refuses an unknown time zone", () => {
    expect(() => createSchedule("* * * * *", "Mars/Olympus")).toThrow(ScheduleError);
  });

  it("the next occurrence is the first minute whose fields all fit", () => {
    const element = (min: number, max: number) => {
      const value = fc.integer({ min, max });
      return fc.oneof(
        fc.constant("*"),
        value.map(String),
        fc.tuple(value, fc.integer({ min: 1, max: 9 })).map(([v, step]) => `${v}/${step}`),
        fc.tuple(value, value).map(([a, b]) => `${a}-${b}`),
        fc.integer({ min: 1, max: 9 }).map((step) => `*/${step}`),
      );
    };
    const list = (min: number, max: number) =>
      fc.array(element(min, max), { minLength: 1, maxLength: 2 }).map((elements) => elements.join(","));
    const expressions = fc.tuple(list(0, 59), list(0, 23), list(1, 31), fc.constant("*"), list(0, 6));
    const minute = 60_000;
    const horizonMinutes = 3 * 1440;
    fc.assert(
      fc.property(expressions, fc.integer({ min: 0, max: 500_000 }), (fields, offset) => {
        const expression = fields.join(" ");
        const start = at("2026-01-01T00:00:00Z") + offset * minute;
        const sets = parseNcrontab(expression).map((values) => new Set(values));
        const fits = (time: number) => {
          const d = new Date(time);
          const parts = [0, d.getUTCMinutes(), d.getUTCHours(), d.getUTCDate(), d.getUTCMonth() + 1, d.getUTCDay()];
          return parts.every((part, i) => sets[i]?.has(part));
        };
        let expected: number | undefined;
        for (let i = 1; i <= horizonMinutes && expected === undefined; i++) {
          if (fits(start + i * minute)) expected = start + i * minute;
        }
        if (expected === undefined) return;
        expect(createSchedule(expression, "UTC").next(start)).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });
});
