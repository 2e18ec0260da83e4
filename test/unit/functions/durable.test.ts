import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { durableClientInput, registerActivity, registerOrchestration } from "../../../functions/durable.ts";
import { durableBinding, registerPurge } from "../../../functions/purge-steps.ts";
import { durableApp } from "../../support/durable-app.ts";

const isLoaded = () =>
  Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes("/durable-functions/lib/"));
const nobody = () => Promise.reject(new Error("No step is called here."));
const STEPS = { prepare: nobody, plan: nobody, settle: nobody, apply: nobody, end: nobody };

// First in the file: what is loaded once stays.
test("what is registered does not load the library; the first turn of an orchestration does", async () => {
  const { app, call } = durableApp();
  const loads: string[] = [];
  registerPurge(app, STEPS);
  registerActivity(app, "activity", async (input) => ({ was: input }));
  registerOrchestration(app, "orchestration", async () => {
    loads.push("handler");
    return function* (context) {
      return `${yield context.df.callActivity("activity", context.df.getInput())} done`;
    };
  });
  expect(await call("activity", 7)).toEqual({ was: 7 });
  expect([isLoaded(), loads]).toEqual([false, []]);

  expect(await call("orchestration", turn([]))).toMatchObject({
    isDone: false,
    actions: [[{ functionName: "activity", input: 5 }]],
  });
  expect([isLoaded(), loads]).toEqual([true, ["handler"]]);
  const answered = [
    { EventType: 4, EventId: 0, Timestamp: AT, IsPlayed: false, Name: "activity" },
    { EventType: 12, EventId: -1, Timestamp: AT, IsPlayed: false },
    { EventType: 5, EventId: -1, Timestamp: AT, IsPlayed: false, TaskScheduledId: 0, Result: `"well"` },
  ];
  expect(await call("orchestration", turn(answered))).toMatchObject({ isDone: true, output: "well done" });
  expect(loads).toEqual(["handler"]);
});

const AT = "2026-11-21T10:00:00.000Z";
/** What the host gives to a turn whose orchestration was started with 5. */
const turn = (more: readonly object[]) => ({
  input: 5,
  instanceId: "instance-1",
  isReplaying: false,
  parentInstanceId: null,
  upperSchemaVersion: 3,
  longRunningTimerIntervalDuration: "3.00:00:00",
  maximumShortTimerDuration: "6.00:00:00",
  defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
  history: [
    { EventType: 12, EventId: -1, Timestamp: AT, IsPlayed: false },
    { EventType: 0, EventId: -1, Timestamp: AT, IsPlayed: false, Name: "orchestration", Input: "5" },
    ...more,
  ],
});

test("what an orchestration cannot load now it loads at the next turn", async () => {
  const { app, call } = durableApp();
  let tries = 0;
  registerOrchestration(app, "orchestration", async () => {
    if (++tries === 1) throw new Error("not now");
    // biome-ignore lint/correctness/useYield: an orchestration that waits for nothing
    return function* () {
      return "done";
    };
  });
  await expect(call("orchestration", turn([]))).rejects.toThrow("not now");
  expect(await call("orchestration", turn([]))).toMatchObject({ isDone: true, output: "done" });
});

test("the triggers and the binding are those that the host knows by name", () => {
  const { app, registered } = durableApp();
  registerPurge(app, STEPS);
  expect([...registered].map(([name, { trigger }]) => [name, trigger.type])).toEqual([
    ["purge-orchestration", "orchestrationTrigger"],
    ["purge-steps-prepare", "activityTrigger"],
    ["purge-steps-plan", "activityTrigger"],
    ["purge-steps-settle", "activityTrigger"],
    ["purge-steps-apply", "activityTrigger"],
    ["purge-steps-end", "activityTrigger"],
  ]);
  expect([durableClientInput().type, durableBinding.input.type]).toEqual(["durableClient", "durableClient"]);
});
