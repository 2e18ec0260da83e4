import fc from "fast-check";
import { expect, test } from "vitest";
import { latestDue, nextDue, readSchedule, type Schedule } from "../../../../../shared/purge/policy/schedule.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

function scheduleOf(expression: string): Schedule {
  const reading = readSchedule(expression);
  if ("expected" in reading) throw new Error(`${expression}: ${reading.expected}`);
  return reading.schedule;
}
const isRead = (expression: string) => "schedule" in readSchedule(expression);

test.each([
  ["0 3 * * 0", "2026-01-01T00:00:00Z", "2026-01-04T03:00:00.000Z"],
  ["0 0 3 * * 0", "2026-01-04T03:00:00Z", "2026-01-11T03:00:00.000Z"],
  ["0 3 1 * *", "2026-01-01T03:00:00.001Z", "2026-02-01T03:00:00.000Z"],
  ["*/5 * * * *", "2026-01-01T00:04:59.999Z", "2026-01-01T00:05:00.000Z"],
  ["0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00.000Z"],
  // Both day fields must fit: Friday the 13th.
  ["0 0 13 * Fri", "2026-01-01T00:00:00Z", "2026-02-13T00:00:00.000Z"],
  ["0 0 * January MON", "2026-02-01T00:00:00Z", "2027-01-04T00:00:00.000Z"],
  // A falling range is turned round, not wrapped: Monday to Friday.
  ["0 0 * * Fri-Mon", "2026-01-03T00:00:00Z", "2026-01-05T00:00:00.000Z"],
  ["10/20 0 * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:10:00.000Z"],
  ["\t 0   3 * *\t* ", "2026-01-01T00:00:00Z", "2026-01-01T03:00:00.000Z"],
  ["0 0 29 2 Mon", "2026-01-01T00:00:00Z", "2044-02-29T00:00:00.000Z"],
])("%j after %s is %s", async (expression, after, due) => {
  expect((await nextDue(scheduleOf(expression), new Date(after)))?.toISOString()).toBe(due);
});

test.each([
  ...[
    "",
    "* * * *",
    "0 0 0 3 * * 0",
    "@weekly",
    "0 3 * * 7",
    "0 24 * * *",
    "60 3 * * *",
    "0 3 0 * *",
    "0 3 32 * *",
    "0 3 * 13 *",
  ],
  ...[
    "0 3 * * ?",
    "0 3 L * *",
    "0 3 * * 1#2",
    "0 3 15W * *",
    "0 3 * * Sonntag",
    "0 3 * * MonX",
    "-5 3 * * *",
    "1- 3 * * *",
  ],
  ...[
    "0, 3 * * *",
    ",0 3 * * *",
    "*/x 3 * * *",
    "*/5/5 3 * * *",
    "*/-5 3 * * *",
    "0 3 * * *\n",
    "0\n3 * * *",
    "５ 3 * * *",
    "0.5 3 * * *",
  ],
  ...["__proto__ 3 * * *", "0 3 * constructor *", "99999999999999999999 3 * * *", `${"0,".repeat(500)}0 3 * * *`],
])("%j is no schedule", (expression) => {
  expect(isRead(expression)).toBe(false);
});

test.each([
  "* * * * *",
  "1 3 * * *",
  "*/2 * * * *",
  "0-5 3 * * *",
  "5/7 3 * * *",
  "0,5,11 3 * * *",
  "30 0 3 * * *",
  "* 0 3 * * *",
])("%j is not in steps of 5 minutes", (expression) => {
  expect(isRead(expression)).toBe(false);
});

test.each(["0 0 31 2 *", "0 0 30 Feb *", "0 0 31 4,6,9,11 *"])("%j never occurs", (expression) => {
  const reading = readSchedule(expression);
  expect("expected" in reading && reading.expected).toContain("a date that occurs");
});

const minutes = fc.subarray([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55], { minLength: 1 });
const some = (min: number, max: number) =>
  fc.oneof(
    fc.constant("*"),
    fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }).map((values) => values.join(",")),
  );
const expressions = fc
  .tuple(
    minutes.map((values) => values.join(",")),
    some(0, 23),
    some(1, 31),
    some(1, 12),
    some(0, 6),
  )
  .map((fields) => fields.join(" "))
  .filter(isRead);
const times = fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2029, 11, 31) });

/** Straight from the meaning: every field must hold. */
function isDue(expression: string, time: number): boolean {
  const date = new Date(time);
  const actual = [
    date.getUTCMinutes(),
    date.getUTCHours(),
    date.getUTCDate(),
    date.getUTCMonth() + 1,
    date.getUTCDay(),
  ];
  return expression.split(" ").every(
    (field, i) =>
      field === "*" ||
      field
        .split(",")
        .map(Number)
        .includes(actual[i] ?? -1),
  );
}

test("the next and the latest run time are those that a walk over all minutes finds", async () => {
  await fc.assert(
    fc.asyncProperty(expressions, times, async (expression, at) => {
      const schedule = scheduleOf(expression);
      const first = Math.floor(at / (5 * MINUTE)) * 5 * MINUTE;
      let next: number | null = null;
      for (let time = first + 5 * MINUTE; next === null && time <= at + 40 * DAY; time += 5 * MINUTE) {
        if (isDue(expression, time)) next = time;
      }
      const due = await nextDue(schedule, new Date(at));
      if (next !== null) expect(due?.getTime()).toBe(next);
      else expect(due === null || due.getTime() > at + 40 * DAY).toBe(true);

      const since = at - 20 * DAY;
      let latest: number | null = null;
      for (let time = first; latest === null && time >= since; time -= 5 * MINUTE) {
        if (isDue(expression, time)) latest = time;
      }
      expect((await latestDue(schedule, new Date(since), new Date(at)))?.getTime() ?? null).toBe(latest);
    }),
    { numRuns: 60 },
  );
});

test("what was missed runs once: the newest of the due run times, the first and the last moment included", async () => {
  const daily = scheduleOf("0 3 * * *");
  const since = new Date("2026-01-01T03:00:00Z");
  const latest = async (now: string) => (await latestDue(daily, since, new Date(now)))?.toISOString() ?? null;
  expect(await latest("2026-01-01T02:59:59.999Z")).toBeNull();
  expect(await latest("2026-01-01T03:00:00Z")).toBe("2026-01-01T03:00:00.000Z");
  expect(await latest("2026-01-02T02:59:59.999Z")).toBe("2026-01-01T03:00:00.000Z");
  expect(await latest("2026-03-05T12:00:00Z")).toBe("2026-03-05T03:00:00.000Z");
});
