import { InvocationContext, type Timer, type TimerFunctionOptions } from "@azure/functions";
import { expect, test } from "vitest";
import { durableBinding } from "../../../functions/purge-steps.ts";
import { type PurgeTimerDeps, registerPurgeTimer } from "../../../functions/purge-timer.ts";
import { readPurgePolicy } from "../../../shared/purge/policy/policy.ts";
import { SECRET, unavailable } from "../../support/fakes.ts";
import { purgeRouteParts, WEEKLY } from "../../support/fakes-purge-routes.ts";
import { purgeRun, REGISTRY, runId } from "../../support/fakes-purge-runs.ts";

const TICK: Timer = {
  isPastDue: false,
  schedule: { adjustForDST: false },
  scheduleStatus: { last: "", next: "", lastUpdated: "" },
};

/** A policy that is due, and a plan that stands still. */
async function parts() {
  const made: ReturnType<typeof purgeRouteParts> = purgeRouteParts();
  const { deps } = made;
  const spec = readPurgePolicy(WEEKLY, made.bounds);
  const nextDueAt = "2026-11-15T03:00:00Z";
  await deps.policies.write(
    { name: "a", loginServer: REGISTRY, spec, nextDueAt, updatedBy: "x", isEnabled: true },
    null,
  );
  await deps.runs.insert(purgeRun(0, { kind: "plan", updatedAt: "2026-11-21T09:00:00Z" }));
  const registered = new Map<string, TimerFunctionOptions>();
  const logged: Record<string, unknown>[] = [];
  const invoked: unknown[] = [];
  const context = new InvocationContext({
    functionName: "purge-timer",
    logHandler: (level, line) => void logged.push({ level, ...JSON.parse(String(line)) }),
  });
  const register = (changes: Partial<PurgeTimerDeps> = {}) => {
    const durable = {
      input: durableBinding.input,
      driverOf(of: InvocationContext) {
        invoked.push(of);
        return deps.driveRun;
      },
    };
    const app = { timer: (name: string, options: TimerFunctionOptions) => void registered.set(name, options) };
    registerPurgeTimer(app, { ...deps, newId: () => "look-1", durable, ...changes });
    return async () => registered.get("purge-timer")?.handler(TICK, context);
  };
  return { ...made, registered, logged, invoked, context, register };
}

test("fires every five minutes, on the clock, with the durable client at hand", async () => {
  const { register, registered } = await parts();
  register();
  expect([...registered].map(([name, { schedule, extraInputs }]) => ({ name, schedule, extraInputs }))).toEqual([
    { name: "purge-timer", schedule: "0 */5 * * * *", extraInputs: [durableBinding.input] },
  ]);
});

test("starts what is due, drives on what stands still, by the client of this very call, and says how many", async () => {
  const { register, driven, logged, invoked, context } = await parts();
  await register()();
  expect(driven).toHaveLength(2);
  expect(driven.at(-1)).toEqual({ id: runId(0), loginServer: REGISTRY });
  expect(invoked).toEqual([context]);
  expect(logged).toEqual([
    {
      ...{ level: "information", event: "purge.looked", function: "purge-timer", correlationId: "look-1" },
      ...{ started: 1, restarted: 1 },
    },
  ]);
});

test("nothing to do is done well", async () => {
  const { register, logged, deps } = await parts();
  const policies = { ...deps.policies, listDue: async () => [] };
  await register({ policies, runs: { ...deps.runs, listStale: async () => [] } })();
  expect(logged).toMatchObject([{ event: "purge.looked", started: 0, restarted: 0 }]);
});

test.each([
  ["the policies", { started: 0, restarted: 1 }],
  ["the runs", { started: 1, restarted: 0 }],
])("%s cannot be read: the other is done all the same, and the look counts as failed", async (what, counts) => {
  const { register, logged, deps } = await parts();
  const fail = () => Promise.reject(unavailable("STATE_UNAVAILABLE"));
  const changed =
    what === "the runs"
      ? { runs: { ...deps.runs, listStale: fail } }
      : { policies: { ...deps.policies, listDue: fail } };
  await expect(register(changed)()).rejects.toThrow("Failed: 1.");
  expect(logged).toMatchObject([
    { level: "warning", event: "purge.upstream-failed", code: "STATE_UNAVAILABLE", correlationId: "look-1" },
    { level: "information", event: "purge.looked", ...counts },
  ]);
});

test("each failure is told in the log, without what its message says", async () => {
  const { register, logged, faults } = await parts();
  faults.drive = new TypeError(SECRET);
  const fired = register()();
  await expect(fired).rejects.toThrow("Failed: 2.");
  expect(logged.map(({ event }) => event)).toEqual(["purge.defect", "purge.defect", "purge.looked"]);
  expect(JSON.stringify(logged) + String(await fired.catch((error: Error) => error.stack))).not.toContain(SECRET);
});
