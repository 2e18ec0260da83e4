/** Times as registries keep and write them: to 100 nanoseconds. Used by everything that stores or lists in a registry. */
import { randomInt } from "node:crypto";

/** Ticks of 100 ns in a millisecond. */
const TICKS_A_MS = 10_000;
/** Where ticks are counted from: so that those of 28 years to either side are exact in a number. */
const EPOCH_MS = Date.parse("2020-01-01T00:00:00Z");
/** .NET ticks (since the year 1) at that moment: the cursors of the service are made of these. */
const DOTNET_TICKS = 637_134_336_000_000_000n;
const MAX_INT64 = 9_223_372_036_854_775_807n;

/** Ticks of 100 ns since 2020-01-01; negative before. */
export function ticksOf(date: Date): number {
  return (date.getTime() - EPOCH_MS) * TICKS_A_MS;
}

/** The millisecond in which they are. */
export function dateOf(ticks: number): Date {
  return new Date(EPOCH_MS + Math.floor(ticks / TICKS_A_MS));
}

/** As the service writes it: up to 7 digits of a second, and no zeros at the end. Source: recordings, and a thread of acr (583). */
export function timeText(ticks: number): string {
  const date = dateOf(ticks);
  const rest = ticks - ticksOf(date);
  const fraction = `${String(date.getUTCMilliseconds()).padStart(3, "0")}${String(rest).padStart(4, "0")}`;
  const digits = fraction.replace(/0+$/, "");
  return `${date.toISOString().slice(0, 19)}${digits === "" ? "" : `.${digits}`}Z`;
}

/** The first half of a cursor in a list by time. Source: a thread of acr-cli (72), where newer ones come first. */
export function cursorNumber(ticks: number, order: "timeasc" | "timedesc"): string {
  const absolute = DOTNET_TICKS + BigInt(ticks);
  return String(order === "timedesc" ? MAX_INT64 - absolute : absolute);
}

/** @param digits at most 19; a number beyond what can be stored stands for the end of time */
export function ticksOfCursor(digits: string, order: "timeasc" | "timedesc"): number {
  const absolute = order === "timedesc" ? MAX_INT64 - BigInt(digits) : BigInt(digits);
  return Number(absolute - DOTNET_TICKS);
}

/** A clock of one registry: each time is later than the one before, and has all of its digits. */
export function createTickClock(now: () => Date): () => number {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    last = Math.max(ticksOf(now()) + randomInt(TICKS_A_MS), last + 1);
    return last;
  };
}
