/** Timer triggers: fires at the schedule, once for what was missed, never twice at a time. Started by main.ts. */
import type { TypedData } from "./core-types.ts";
import type { TimerFunction } from "./function-index.ts";
import type { Invoker } from "./invocation.ts";
import { exceptionText, type Log } from "./log.ts";
import type { Schedule } from "./ncrontab.ts";
import { checkPastDue, type ScheduleStatus, type TimerMonitor } from "./timer-monitor.ts";

/** setTimeout holds at most 24.8 days; the timer extension re-arms after 24. */
const MAX_DELAY_MS = 24 * 86_400_000;
/** More than one occurrence within this time turns the monitor off. */
const FREQUENT_MS = 60_000;
/** .NET's `default(DateTime)`. */
const NEVER = "0001-01-01T00:00:00+00:00";

/** Newtonsoft's form of a date: an offset, and a fraction only where there is one. */
const toDate = (at: number | null): string =>
  at === null ? NEVER : new Date(at).toISOString().replace(/(?:\.0+|(\.\d*?)0*)Z$/, "$1+00:00");

/** The trigger value. `status` is undefined without a monitor. */
export function timerData(status: ScheduleStatus | undefined, isPastDue: boolean): TypedData {
  const ScheduleStatus = status && {
    Last: toDate(status.last),
    Next: toDate(status.next),
    LastUpdated: toDate(status.lastUpdated),
  };
  return {
    json: JSON.stringify({
      Schedule: { AdjustForDST: true },
      ScheduleStatus: ScheduleStatus ?? null,
      IsPastDue: isPastDue,
    }),
  };
}

/** Whether two of the next occurrences lie within one minute: then the real host keeps no state. */
export function isFrequent(schedule: Schedule, now: number): boolean {
  return schedule.next(schedule.next(now)) <= now + FREQUENT_MS;
}

/** Trigger value of a run that somebody asked for: as stored, never past due; nothing is stored afterwards. */
export function manualTimerData(timer: TimerFunction, monitor: TimerMonitor, now: number): TypedData {
  const monitored = timer.useMonitor && !isFrequent(timer.schedule, now);
  return timerData(monitored ? monitor.read(timer.name) : undefined, false);
}

/** Running timers; `stop` lets no further run start. */
export type Timers = { stop(): void };

type Deps = {
  readonly invoke: Invoker["invoke"];
  readonly monitor: TimerMonitor;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

/** Starts one timer. @returns a function that stops it. @throws ScheduleError when its schedule never occurs */
function startTimer(timer: TimerFunction, deps: Deps): () => void {
  const { schedule } = timer;
  const startedAt = deps.now();
  const monitored = timer.useMonitor && !isFrequent(schedule, startedAt);
  const start = monitored
    ? checkPastDue(deps.monitor.read(timer.name), schedule, startedAt)
    : {
        status: { last: null, next: schedule.next(startedAt), lastUpdated: null },
        changed: false,
        isPastDue: false,
      };
  let status: ScheduleStatus = start.status;
  if (start.changed) deps.monitor.write(timer.name, status);

  let handle: NodeJS.Timeout | undefined;
  let stopped = false;
  type Kind = "scheduled" | "past due" | "run on startup";

  async function run(kind: Kind): Promise<void> {
    const invokedAt = deps.now();
    const data = timerData(monitored ? status : undefined, kind === "past due");
    await deps.invoke(timer, data, `Timer fired: ${kind}`);
    // Woken a little early, the same slot must not come again: go on from the slot, not from the clock.
    const last = kind === "scheduled" ? Math.max(invokedAt, status.next) : invokedAt;
    status = { last, next: schedule.next(last), lastUpdated: last };
    if (monitored) deps.monitor.write(timer.name, status);
  }

  function fire(kind: Kind): void {
    run(kind)
      .catch((error: unknown) => {
        const message = "Error occurred during a scheduled invocation.";
        const exception = exceptionText(error);
        deps.log({ level: "Error", category: "Host.Triggers.Timer", function: timer.name, message, exception });
      })
      .finally(arm);
  }
  // The next wait starts when the run has ended: a timer never overlaps itself, and a slot missed meanwhile runs at once.
  function arm(): void {
    if (stopped) return;
    const delay = Math.max(1, status.next - deps.now());
    handle = setTimeout(() => (delay > MAX_DELAY_MS ? arm() : fire("scheduled")), Math.min(delay, MAX_DELAY_MS));
  }
  if (start.isPastDue) fire("past due");
  else if (timer.runOnStartup) fire("run on startup");
  else arm();
  return () => {
    stopped = true;
    clearTimeout(handle);
  };
}

/** A timer that cannot start is logged and left out; the others run. */
export function startTimers(timers: readonly TimerFunction[], deps: Deps): Timers {
  const stops = timers.map((timer) => {
    try {
      return startTimer(timer, deps);
    } catch (error) {
      const message = `The listener for function '${timer.name}' was unable to start.`;
      const exception = exceptionText(error);
      deps.log({ level: "Error", category: "Host.Triggers.Timer", function: timer.name, message, exception });
      return () => {};
    }
  });
  return {
    stop() {
      for (const stop of stops) stop();
    },
  };
}
