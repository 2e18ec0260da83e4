import { expect, test } from "vitest";
import { scheduleWarnings } from "../../../../../shared/purge/policy/lint-schedule.ts";

const codesOf = (cron: string) => scheduleWarnings({ schedule: { cron } }).map(({ code }) => code);

test.each([
  ["0 22-2 * * *", ["CRON_RANGE_TURNED"]],
  ["0 0 22-2 * * *", ["CRON_RANGE_TURNED"]],
  ["0 3 * * 1,5-1/2", ["CRON_RANGE_TURNED"]],
  ["0 3 * * Fri-Mon", ["CRON_RANGE_TURNED"]],
  ["0 3 * j *", ["CRON_SHORT_NAME"]],
  ["0 3 * * S", ["CRON_SHORT_NAME"]],
  ["0 3 * * mon,tu", ["CRON_SHORT_NAME"]],
  ["0 3 * * tu-m", ["CRON_RANGE_TURNED", "CRON_SHORT_NAME"]],
])("%s is odd: %j", (cron, codes) => {
  expect(codesOf(cron)).toEqual(codes);
});

test.each(["0 3 * * 0", "0 0 3 * * 0", "0 2-22 * * *", "0 3-3 * * *", "*/5 22-23,0-2 1/2 Jan-December Mon-fri"])(
  "%s is not",
  (cron) => {
    expect(codesOf(cron)).toEqual([]);
  },
);

test("a preset and no schedule are not odd", () => {
  expect([...scheduleWarnings({ schedule: { preset: "daily" } }), ...scheduleWarnings({ schedule: null })]).toEqual([]);
});
