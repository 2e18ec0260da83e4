import { InvocationContext, type Timer, type TimerFunctionOptions } from "@azure/functions";
import { expect, test } from "vitest";
import { type RefreshJob, registerRefreshTimer } from "../../../functions/refresh-timer.ts";
import { now, unavailable } from "../../support/fakes.ts";

/** Registers the timer and gives what was registered, and a way to fire it. */
function timerOf(jobs: readonly RefreshJob[]) {
  const registered = new Map<string, TimerFunctionOptions>();
  const logged: Record<string, unknown>[] = [];
  const app = { timer: (name: string, options: TimerFunctionOptions) => void registered.set(name, options) };
  registerRefreshTimer(app, jobs, { now, newId: () => "run-1" });
  const context = new InvocationContext({
    functionName: "refresh-timer",
    logHandler: (level, line) => void logged.push({ level, ...JSON.parse(String(line)) }),
  });
  const tick: Timer = {
    isPastDue: false,
    schedule: { adjustForDST: false },
    scheduleStatus: { last: "", next: "", lastUpdated: "" },
  };
  return { registered, logged, fire: async () => registered.get("refresh-timer")?.handler(tick, context) };
}

test("fires every five minutes, on the clock", () => {
  const { registered } = timerOf([]);
  expect([...registered].map(([name, { schedule }]) => [name, schedule])).toEqual([["refresh-timer", "0 */5 * * * *"]]);
});

test("every job runs, whatever becomes of the others, and the run counts as failed when one did", async () => {
  const ran: string[] = [];
  const job = (name: string, error?: Error): RefreshJob => ({
    name,
    async run() {
      ran.push(name);
      if (error !== undefined) throw error;
    },
  });
  const { fire, logged } = timerOf([
    job("first", unavailable("AUDIT_UNAVAILABLE")),
    job("second"),
    job("third", new TypeError("with a secret")),
  ]);
  await expect(fire()).rejects.toThrow("Failed: first, third.");
  expect(ran).toEqual(["first", "second", "third"]);
  expect(logged.map(({ level, event, function: name }) => [level, event, name])).toEqual([
    ["warning", "refresh.upstream-failed", undefined],
    ["error", "refresh.failed", "refresh-timer/first"],
    ["information", "refresh.done", "refresh-timer/second"],
    ["error", "refresh.defect", undefined],
    ["error", "refresh.failed", "refresh-timer/third"],
  ]);
  expect(JSON.stringify(logged)).not.toContain("with a secret");
});

test("is done when all jobs are", async () => {
  await expect(timerOf([{ name: "one", run: async () => {} }]).fire()).resolves.toBeUndefined();
});
