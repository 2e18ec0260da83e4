/** When each timer last ran and is next due, kept across restarts. Called by timers.ts. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Schedule } from "./ncrontab.ts";
import { writePrivateFile } from "./private-file.ts";

/** Milliseconds since 1970 UTC; null = not yet (.NET's default date). */
export type ScheduleStatus = {
  readonly last: number | null;
  readonly next: number;
  readonly lastUpdated: number | null;
};

/** Schedule states by function name. */
export type TimerMonitor = {
  read(name: string): ScheduleStatus | undefined;
  /** Returns when the state is on disk. */
  write(name: string, status: ScheduleStatus): void;
};

/** States live in one file of the state folder; only this process writes it. */
export function openTimerMonitor(stateFolder: string): TimerMonitor {
  const file = join(stateFolder, "timers.json");
  const states = new Map<string, ScheduleStatus>(
    existsSync(file) ? Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, ScheduleStatus>) : [],
  );
  return {
    read: (name) => states.get(name),
    write(name, status) {
      states.set(name, status);
      writePrivateFile(file, JSON.stringify(Object.fromEntries(states), null, 2));
    },
  };
}

/**
 * What the timer extension decides at start. A stored `next` that the schedule would not give any more means that
 * the schedule was changed: it starts anew and is not past due.
 * @returns the state to go on with, whether it must be stored, and whether an occurrence was missed
 */
export function checkPastDue(
  stored: ScheduleStatus | undefined,
  schedule: Schedule,
  now: number,
): { status: ScheduleStatus; changed: boolean; isPastDue: boolean } {
  if (!stored) {
    return { status: { last: null, next: schedule.next(now), lastUpdated: now }, changed: true, isPastDue: false };
  }
  const base = stored.last ?? stored.lastUpdated ?? now;
  const expected = schedule.next(base);
  if (stored.next === expected) return { status: stored, changed: false, isPastDue: now > expected };
  const missed = now > expected;
  const status = { last: null, next: missed ? schedule.next(now) : expected, lastUpdated: missed ? now : base };
  return { status, changed: true, isPastDue: false };
}
