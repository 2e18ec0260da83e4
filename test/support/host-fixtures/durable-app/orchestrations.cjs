/** Orchestrations of every kind that the host runs, for its contract tests. Loaded by the Functions host. */
const { appendFileSync } = require("node:fs");
const { setTimeout: wait } = require("node:timers/promises");
const df = require("durable-functions");

const record = (event) => {
  if (process.env.RECORD_FILE) appendFileSync(process.env.RECORD_FILE, `${JSON.stringify(event)}\n`);
};
const secondsFrom = (context, seconds) => new Date(context.df.currentUtcDateTime.getTime() + seconds * 1_000);

df.app.activity("say-hello", {
  handler: async (name, context) => {
    record({ event: "hello", name, instance: context.triggerMetadata.instanceId });
    return `Hello ${name}`;
  },
});
df.app.activity("square", {
  handler: async ({ number, ms = 0 }) => {
    record({ event: "square", number });
    await wait(ms);
    return { number, square: number * number };
  },
});
df.app.activity("echo-input", { handler: (input) => ({ type: typeof input, input: input ?? "nothing" }) });
const attempts = new Map();
df.app.activity("fail-until", {
  handler: ({ key, succeedsAt }) => {
    const attempt = (attempts.get(key) ?? 0) + 1;
    attempts.set(key, attempt);
    record({ event: "attempt", key, attempt });
    if (attempt < succeedsAt) throw new Error(`attempt ${attempt}`);
    return { attempt };
  },
});

df.app.orchestration("sequence", function* (context) {
  const first = yield context.df.callActivity("say-hello", "Tokyo");
  const second = yield context.df.callActivity("say-hello", first);
  return { said: [first, second], input: context.df.getInput() };
});
df.app.orchestration("fan-out", function* (context) {
  const { count, ms } = context.df.getInput();
  const tasks = Array.from({ length: count }, (_, number) => context.df.callActivity("square", { number, ms }));
  const all = yield context.df.Task.all(tasks);
  return { sum: all.reduce((sum, { square }) => sum + square, 0), count: all.length };
});
df.app.orchestration("retried", function* (context) {
  const { key, succeedsAt, attempts: most } = context.df.getInput();
  const options = new df.RetryOptions(10, most);
  try {
    const result = yield context.df.callActivityWithRetry("fail-until", options, { key, succeedsAt });
    const after = yield context.df.callActivity("say-hello", "after");
    return { ...result, after };
  } catch (error) {
    const after = yield context.df.callActivity("say-hello", "after failure");
    return { caught: error.message.split(" \n ")[0], after };
  }
});
df.app.orchestration("sleeper", function* (context) {
  const before = context.df.currentUtcDateTime.getTime();
  const until = secondsFrom(context, context.df.getInput().seconds);
  yield context.df.createTimer(until);
  return { late: context.df.currentUtcDateTime >= until, ms: context.df.currentUtcDateTime.getTime() - before };
});
df.app.orchestration("approval", function* (context) {
  const timer = context.df.createTimer(secondsFrom(context, context.df.getInput().seconds));
  const approval = context.df.waitForExternalEvent("Approval");
  const winner = yield context.df.Task.any([approval, timer]);
  if (winner === timer) return { timedOut: true };
  timer.cancel();
  const said = yield context.df.callActivity("say-hello", "approver");
  return { approval: approval.result, said };
});
df.app.orchestration("parent", function* (context) {
  const { children, fail } = context.df.getInput();
  const tasks = Array.from({ length: children }, (_, n) =>
    context.df.callSubOrchestrator("child", { n, parent: context.df.instanceId }),
  );
  const results = yield context.df.Task.all(tasks);
  let caught = null;
  if (fail) {
    try {
      yield context.df.callSubOrchestrator("thrower", { message: "child-marker" });
    } catch (error) {
      caught = error.message.includes("child-marker");
    }
  }
  return { results, caught };
});
df.app.orchestration("child", function* (context) {
  const { n } = context.df.getInput();
  const { square } = yield context.df.callActivity("square", { number: n });
  return { n, square, hasParent: context.df.parentInstanceId !== undefined };
});
df.app.orchestration("counter", function* (context) {
  const { count, until, sum = 0 } = context.df.getInput();
  const { square } = yield context.df.callActivity("square", { number: count });
  context.df.setCustomStatus({ count });
  if (count >= until) return { count, sum: sum + square };
  context.df.continueAsNew({ count: count + 1, until, sum: sum + square });
  return undefined;
});
df.app.orchestration("drops-events", function* (context) {
  const { generation } = context.df.getInput();
  const go = yield context.df.waitForExternalEvent("go");
  if (generation === 2) return { generation, go };
  context.df.continueAsNew({ generation: generation + 1 });
  return undefined;
});
// biome-ignore lint/correctness/useYield: an orchestrator is a generator also when it waits for nothing.
df.app.orchestration("thrower", function* (context) {
  throw new Error(context.df.getInput()?.message ?? "");
});
df.app.orchestration("failing-activity", function* (context) {
  context.df.setCustomStatus("before");
  return yield context.df.callActivity("fail-until", { key: context.df.instanceId, succeedsAt: 2 });
});
df.app.orchestration("activity-inputs", function* (context) {
  const inputs = ["text", 5, true, null, { a: 1 }, [1, "2"]];
  return yield context.df.Task.all(inputs.map((input) => context.df.callActivity("echo-input", input)));
});
df.app.activity("large", { handler: ({ length }) => "x".repeat(length - 2) });
df.app.orchestration("returns-large", function* (context) {
  const text = yield context.df.callActivity("large", context.df.getInput());
  return `${text}xx`;
});
df.app.orchestration("unknown-activity", function* (context) {
  return yield context.df.callActivity("nowhere", {});
});
df.app.orchestration("calls-http", function* (context) {
  return yield context.df.callHttp({ method: "GET", url: "http://127.0.0.1:1/" });
});
df.app.orchestration("calls-entity", function* (context) {
  return yield context.df.callEntity(new df.EntityId("counter", "a"), "get");
});
df.app.entity("refused-entity", () => {});
