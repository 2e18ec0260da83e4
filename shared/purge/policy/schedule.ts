/** When a policy is due: NCRONTAB of 5 or 6 fields in UTC, in steps of 5 minutes. Used by policy.ts (grammar) and the timer (times). */
import { lazy } from "../../lazy.ts";

/** Minutes between two looks of the timer: every run time stands on such a mark. */
const STEP_MINUTES = 5;
/** Longest expression, in characters. */
export const MAX_CRON_CHARACTERS = 200;

type Field = {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** In full, lower case; from `min` up. Any beginning of a name stands for it. */
  readonly names?: readonly string[];
};

// Source: the NCrontab package 3.3, CrontabFieldImpl: Sunday is 0 alone; a beginning of a name is enough, the first that fits.
const SECOND: Field = { name: "second", min: 0, max: 59 };
const MINUTE: Field = { name: "minute", min: 0, max: 59 };
const HOUR: Field = { name: "hour", min: 0, max: 23 };
const DAY: Field = { name: "day of the month", min: 1, max: 31 };
const MONTH: Field = {
  name: "month",
  min: 1,
  max: 12,
  names: "january february march april may june july august september october november december".split(" "),
};
const WEEKDAY: Field = {
  name: "day of the week",
  min: 0,
  max: 6,
  names: "sunday monday tuesday wednesday thursday friday saturday".split(" "),
};
/** Days that a month has at most, January first. */
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Run times as values that fit, each list rising. Days fit when the day of the month and of the week both do. */
export type Schedule = {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
  readonly weekdays: readonly number[];
};
/** What an expression says: a schedule, or what should have stood there (never the text itself). */
export type ScheduleReading = { readonly schedule: Schedule } | { readonly expected: string };

/** What is wrong with an expression; stays in this file. */
class FieldError extends Error {}

/** Reads an NCRONTAB expression in the dialect of timer triggers. */
export function readSchedule(expression: string): ScheduleReading {
  if (expression.length > MAX_CRON_CHARACTERS) return { expected: `at most ${MAX_CRON_CHARACTERS} characters` };
  const texts = expression.split(/[ \t]+/).filter((text) => text !== "");
  if (texts.length !== 5 && texts.length !== 6) return { expected: "5 fields, or 6 with seconds first: 0 3 * * 0" };
  const [second = "0", minute = "", hour = "", day = "", month = "", weekday = ""] =
    texts.length === 5 ? ["0", ...texts] : texts;
  try {
    if (valuesOf(second, SECOND).some((value) => value !== 0)) return { expected: "0 as the seconds" };
    const minutes = valuesOf(minute, MINUTE);
    if (minutes.some((value) => value % STEP_MINUTES !== 0)) {
      return { expected: `minutes in steps of ${STEP_MINUTES}: 0, 5, 10 and so on` };
    }
    const schedule = {
      minutes,
      hours: valuesOf(hour, HOUR),
      days: valuesOf(day, DAY),
      months: valuesOf(month, MONTH),
      weekdays: valuesOf(weekday, WEEKDAY),
    };
    return occurs(schedule) ? { schedule } : { expected: "a date that occurs: no such day in any of these months" };
  } catch (error) {
    if (error instanceof FieldError) return { expected: error.message };
    throw error;
  }
}

/**
 * Fields of an expression that may say something else than their writer means. `turned`: a range like `22-2`, which is read
 * as from 2 to 22. `short`: a name of one or two letters, of which the first name that begins so is taken.
 */
export function oddFields(expression: string): {
  readonly turned: readonly string[];
  readonly short: readonly string[];
} {
  const texts = expression.split(/[ \t]+/).filter((text) => text !== "");
  const fields = [SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY].slice(-texts.length);
  const rangesOf = (place: number) => (texts[place] ?? "").split(",").map((element) => element.split("/")[0] ?? "");
  const having = (isOdd: (range: string, field: Field) => boolean) =>
    fields.filter((field, place) => rangesOf(place).some((range) => isOdd(range, field))).map(({ name }) => name);
  return {
    turned: having((range, field) => {
      const [from = "", to] = range.split("-");
      return to !== undefined && numberOf(from, field) > numberOf(to, field);
    }),
    short: having((range) => range.split("-").some((text) => /^[a-z]{1,2}$/i.test(text))),
  };
}

/** Every day of the month falls on every weekday in some year, 29 February too: only the month's length can forbid a date. */
function occurs({ days, months }: Schedule): boolean {
  return months.some((month) => days.some((day) => day <= (MONTH_DAYS[month - 1] ?? 0)));
}

/** @throws FieldError */
function valuesOf(text: string, field: Field): readonly number[] {
  const values = new Set(text.split(",").flatMap((element) => elementOf(element, field)));
  return [...values].sort((a, b) => a - b);
}

/** `*`, `5`, `5/10` (from 5 to the end), `1-5`, `5-1` (the same), each with a step; a step of 0 is one of 1. @throws FieldError */
function elementOf(text: string, field: Field): number[] {
  const [range = "", stepText, ...more] = text.split("/");
  if (more.length > 0 || !/^\d{1,9}$/.test(stepText ?? "1")) {
    throw new FieldError(`a whole number as the step of the ${field.name}`);
  }
  const step = Math.max(1, Number(stepText ?? 1));
  const [from, to] = boundsOf(range, field, stepText !== undefined);
  const values: number[] = [];
  for (let value = from; value <= to; value += step) values.push(value);
  return values;
}

function boundsOf(range: string, field: Field, hasStep: boolean): readonly [number, number] {
  if (range === "*") return [field.min, field.max];
  const dash = range.indexOf("-");
  if (dash > 0) {
    const one = numberOf(range.slice(0, dash), field);
    const other = numberOf(range.slice(dash + 1), field);
    return [Math.min(one, other), Math.max(one, other)];
  }
  const value = numberOf(range, field);
  return [value, hasStep ? field.max : value];
}

function numberOf(text: string, field: Field): number {
  const named = text === "" ? -1 : (field.names?.findIndex((name) => name.startsWith(text.toLowerCase())) ?? -1);
  const value = /^\d{1,9}$/.test(text) ? Number(text) : named + field.min;
  const isRead = /^\d/.test(text) || named >= 0;
  if (isRead && value >= field.min && value <= field.max) return value;
  throw new FieldError(
    `${field.name}: ${field.min} to ${field.max}${field.names ? " or an English name" : ""}, *, a list, a range or a step`,
  );
}

const cronerModule = lazy(() => import("croner"));

async function cronOf({ minutes, hours, days, months, weekdays }: Schedule) {
  const { Cron } = await cronerModule();
  const pattern = ["0", ...[minutes, hours, days, months, weekdays].map((values) => values.join(","))].join(" ");
  // domAndDow: NCRONTAB wants both day fields to fit; plain cron is content with one.
  return new Cron(pattern, { mode: "6-part", domAndDow: true, paused: true, timezone: "UTC" });
}

/** The first run time later than `after`; null when it lies beyond the calendar. */
export async function nextDue(schedule: Schedule, after: Date): Promise<Date | null> {
  return (await cronOf(schedule)).nextRun(after);
}

/**
 * The newest run time that is due: from `dueSince` to `now`, both included. Older ones are skipped: what was missed runs once.
 * Null when there is none.
 */
export async function latestDue(schedule: Schedule, dueSince: Date, now: Date): Promise<Date | null> {
  // One millisecond later, because croner looks for what is before its reference.
  const [latest] = (await cronOf(schedule)).previousRuns(1, new Date(now.getTime() + 1));
  return latest !== undefined && latest.getTime() >= dueSince.getTime() ? latest : null;
}
