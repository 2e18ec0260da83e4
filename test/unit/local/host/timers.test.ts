import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TypedData } from "../../../../infra/local/host/core-types.ts";
import type { TimerFunction } from "../../../../infra/local/host/function-index.ts";
import type { LogEntry } from "../../../../infra/local/host/log.ts";
import { createSchedule } from "../../../../infra/local/host/ncrontab.ts";
import type { ScheduleStatus } from "../../../../infra/local/host/timer-monitor.ts";
import { manualTimerData, startTimers } from "../../../../infra/local/host/timers.ts";

const START = "2026-11-22T10:00:30.000Z";
const at = (text: string) => Date.parse(text);
const timer = (expression: string, members: Partial<TimerFunction> = {}): TimerFunction => ({
  kind: "timer",
  name: "tick",
  clients: [],
  trigger: "t",
  metadata: { bindings: {} },
  callback: () => undefined,
  schedule: createSchedule(expression, "UTC"),
  runOnStartup: false,
  useMonitor: true,
  ...members,
});

function start(one: TimerFunction, options: { stored?: ScheduleStatus; runMs?: number } = {}) {
  const states = new Map<string, ScheduleStatus>(options.stored ? [["tick", options.stored]] : []);
  const runs: { at: string; value: Record<string, unknown> }[] = [];
  const log: LogEntry[] = [];
  const monitor = {
    read: (name: string) => states.get(name),
    write: (name: string, status: ScheduleStatus) => void states.set(name, status),
  };
  const invoke = async (_: unknown, data: TypedData) => {
    runs.push({ at: new Date().toISOString(), value: JSON.parse(data.json ?? "") });
    if (options.runMs) await new Promise((done) => setTimeout(done, options.runMs));
    return { ok: true, returnValue: undefined } as const;
  };
  const timers = startTimers([one], { invoke, monitor, log: (entry) => log.push(entry), now: Date.now });
  return { timers, runs, states, log, monitor, times: () => runs.map((run) => run.at.slice(11, 19)) };
}

beforeEach(() => {
  vi.useFakeTimers({ now: at(START) });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("startTimers", () => {
  it("runs at each slot and tells last and next", async () => {
    const { runs, times } = start(timer("0 */5 * * * *"));
    await vi.advanceTimersByTimeAsync(11 * 60_000);
    expect(times()).toEqual(["10:05:00", "10:10:00"]);
    expect(runs[0]?.value).toEqual({
      Schedule: { AdjustForDST: true },
      ScheduleStatus: {
        Last: "0001-01-01T00:00:00+00:00",
        Next: "2026-11-22T10:05:00+00:00",
        LastUpdated: "2026-11-22T10:00:30+00:00",
      },
      IsPastDue: false,
    });
    expect(runs[1]?.value).toMatchObject({
      ScheduleStatus: { Last: "2026-11-22T10:05:00+00:00", Next: "2026-11-22T10:10:00+00:00" },
    });
  });

  it("stores the state before the first run, so that a missed first slot is seen", () => {
    const { states } = start(timer("0 */5 * * * *"));
    const expected = { last: null, next: at("2026-11-22T10:05:00Z"), lastUpdated: at(START) };
    expect(states.get("tick")).toEqual(expected);
  });

  it("runs once for any number of missed slots, then by the schedule", async () => {
    const stored = {
      last: at("2026-11-22T09:00:00Z"),
      next: at("2026-11-22T09:05:00Z"),
      lastUpdated: at("2026-11-22T09:00:00Z"),
    };
    const { runs, times } = start(timer("0 */5 * * * *"), { stored });
    await vi.advanceTimersByTimeAsync(5 * 60_000);
    expect(times()).toEqual(["10:00:30", "10:05:00"]);
    expect(runs.map((run) => run.value.IsPastDue)).toEqual([true, false]);
  });

  it("is not past due when the schedule was changed meanwhile", async () => {
    const stored = {
      last: at("2026-11-22T09:00:00Z"),
      next: at("2026-11-22T09:07:00Z"),
      lastUpdated: at("2026-11-22T09:00:00Z"),
    };
    const { runs, states } = start(timer("0 */5 * * * *"), { stored });
    expect(states.get("tick")).toMatchObject({ last: null, next: at("2026-11-22T10:05:00Z") });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(runs).toEqual([]);
  });

  it("runs on startup when told so, once", async () => {
    const { runs, times } = start(timer("0 */5 * * * *", { runOnStartup: true }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(times()).toEqual(["10:00:30"]);
    expect(runs[0]?.value.IsPastDue).toBe(false);
  });

  it("gives no status without a monitor, and for a schedule of seconds", async () => {
    const unmonitored = start(timer("0 */5 * * * *", { useMonitor: false }));
    const frequent = start(timer("*/20 * * * * *"));
    await vi.advanceTimersByTimeAsync(5 * 60_000);
    expect(unmonitored.runs[0]?.value.ScheduleStatus).toBeNull();
    expect(frequent.runs[0]?.value.ScheduleStatus).toBeNull();
    expect([...unmonitored.states, ...frequent.states]).toEqual([]);
  });

  it("never overlaps itself; what came due meanwhile runs once, at once", async () => {
    const { times } = start(timer("0 * * * * *"), { runMs: 150_000 });
    await vi.advanceTimersByTimeAsync(6 * 60_000);
    expect(times()).toEqual(["10:01:00", "10:03:30", "10:06:00"]);
  });

  it("does not run a slot twice when it is woken early", async () => {
    const clock = { lag: 0 };
    const states = new Map<string, ScheduleStatus>();
    let runs = 0;
    const monitor = { read: () => undefined, write: (n: string, s: ScheduleStatus) => void states.set(n, s) };
    const invoke = async () => {
      runs++;
      return { ok: true, returnValue: undefined } as const;
    };
    startTimers([timer("0 */5 * * * *")], { invoke, monitor, log: () => {}, now: () => Date.now() - clock.lag });
    clock.lag = 20;
    await vi.advanceTimersByTimeAsync(5 * 60_000 - 30_000 + 100);
    expect(runs).toBe(1);
    expect(states.get("tick")?.next).toBe(at("2026-11-22T10:10:00Z"));
  });

  it("waits longer than setTimeout can", async () => {
    const { times } = start(timer("0 0 0 1 2 *"));
    await vi.advanceTimersByTimeAsync(70 * 86_400_000);
    expect(times()).toEqual([]);
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(times()).toEqual(["00:00:00"]);
  });

  it("stop lets no further run start", async () => {
    const { timers, runs } = start(timer("0 * * * * *"), { runMs: 90_000 });
    await vi.advanceTimersByTimeAsync(40_000);
    timers.stop();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(runs).toHaveLength(1);
  });

  it("leaves out a timer that never occurs, and says so", async () => {
    const { log, runs } = start(timer("0 0 0 31 2 *"));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(log).toMatchObject([{ level: "Error", function: "tick" }]);
    expect(runs).toEqual([]);
  });
});

describe("manualTimerData", () => {
  it("tells the stored status, never past due", () => {
    const one = timer("0 */5 * * * *");
    const stored = { last: at("2026-11-22T09:00:00.120Z"), next: at("2026-11-22T09:05:00Z"), lastUpdated: null };
    const monitor = { read: () => stored, write: () => {} };
    expect(JSON.parse(manualTimerData(one, monitor, Date.now()).json ?? "")).toMatchObject({
      ScheduleStatus: { Last: "2026-11-22T09:00:00.12+00:00", Next: "2026-11-22T09:05:00+00:00" },
      IsPastDue: false,
    });
  });
});
