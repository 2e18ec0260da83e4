/** NCRONTAB schedules of timer triggers: the exact dialect of the NCrontab package, computed by croner. Called by function-index.ts. */
import { Cron } from "croner";

/** A schedule that the real host refuses; the message says why. */
export class ScheduleError extends Error {
  override name = "ScheduleError";
}

/** Occurrences of a timer. Times are milliseconds since 1970 UTC. */
export type Schedule = {
  readonly expression: string;
  /** First occurrence later than `after`. @throws ScheduleError when there is none (31 February) */
  next(after: number): number;
};

type Field = { readonly name: string; readonly min: number; readonly max: number; readonly names?: readonly string[] };

const MONTHS = "january february march april may june july august september october november december".split(" ");
const DAYS = "sunday monday tuesday wednesday thursday friday saturday".split(" ");
const FIELDS: readonly Field[] = [
  { name: "second", min: 0, max: 59 },
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: MONTHS },
  // Sunday is 0 only: NCrontab refuses 7.
  { name: "day of week", min: 0, max: 6, names: DAYS },
];

function parseValue(text: string, field: Field): number {
  const byName = field.names?.findIndex((name) => text !== "" && name.startsWith(text.toLowerCase())) ?? -1;
  const value = /^\d+$/.test(text) ? Number(text) : byName >= 0 ? byName + field.min : Number.NaN;
  if (!(value >= field.min && value <= field.max)) {
    throw new ScheduleError(`"${text}" is not a ${field.name} from ${field.min} to ${field.max}`);
  }
  return value;
}

/** One element of a list: `*`, `5`, `5/10` (from 5 to the maximum), `1-5`, `1-5/2`, `Mon-Fri`. */
function parseElement(text: string, field: Field): number[] {
  const slash = text.indexOf("/");
  const range = slash > 0 ? text.slice(0, slash) : text;
  const stepText = slash > 0 ? text.slice(slash + 1) : undefined;
  if (stepText !== undefined && !/^\d+$/.test(stepText)) throw new ScheduleError(`"${text}": the step is not a number`);
  // A step of 0 means every unit.
  const step = Math.max(1, Number(stepText ?? 1));
  let [from, to] = [field.min, field.max];
  const dash = range.indexOf("-");
  if (dash > 0) {
    const ends = [parseValue(range.slice(0, dash), field), parseValue(range.slice(dash + 1), field)];
    // NCrontab swaps a descending range instead of wrapping it: Fri-Mon is Monday to Friday.
    [from, to] = [Math.min(...ends), Math.max(...ends)];
  } else if (range !== "*") {
    from = parseValue(range, field);
    if (stepText === undefined) to = from;
  }
  const values: number[] = [];
  for (let value = from; value <= to; value += step) values.push(value);
  return values;
}

/**
 * The values of all six fields (second, minute, hour, day of month, month, day of week), sorted.
 * Five fields mean second 0. @throws ScheduleError
 */
export function parseNcrontab(expression: string): number[][] {
  const texts = expression.split(/[ \t]+/).filter((text) => text !== "");
  if (texts.length === 5) texts.unshift("0");
  if (texts.length !== FIELDS.length) throw new ScheduleError(`"${expression}" does not have 5 or 6 fields`);
  return FIELDS.map((field, i) => {
    const values = (texts[i] ?? "").split(",").flatMap((element) => parseElement(element, field));
    return [...new Set(values)].sort((a, b) => a - b);
  });
}

/**
 * @param timeZone IANA name
 * @throws ScheduleError for an expression that the real host refuses, or an unknown time zone
 */
export function createSchedule(expression: string, timeZone: string): Schedule {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
  } catch (cause) {
    throw new ScheduleError(`WEBSITE_TIME_ZONE "${timeZone}" is not an IANA time zone`, { cause });
  }
  const pattern = parseNcrontab(expression)
    .map((values) => values.join(","))
    .join(" ");
  // Both day fields must fit (0 0 0 13 * Fri = Friday the 13th); cron's own rule is one of them.
  const cron = new Cron(pattern, { mode: "6-part", domAndDow: true, paused: true, timezone: timeZone });
  return {
    expression,
    next(after) {
      const date = cron.nextRun(new Date(after));
      if (!date) throw new ScheduleError(`"${expression}" never occurs`);
      return date.getTime();
    },
  };
}
