/** Durable functions on the local host, driven by the real client inside HTTP functions. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DURABLE_APP, durableCalls, untilSo } from "../support/host-fixtures/durable-calls.ts";
import { jsonLines, temporaryFolders } from "../support/host-fixtures/sandbox.ts";
import { mustStartHost, type RunningHost } from "../support/host-fixtures/start-host.ts";
import { startTableService, type TableService } from "../support/host-fixtures/table-service.ts";

const newFolder = temporaryFolders();

describe("durable functions", () => {
  const record = join(newFolder(), "record");
  const stateDir = newFolder();
  let tables: TableService;
  let host: RunningHost;
  const { call, status, run, startNew, ended } = durableCalls(() => host.url, stateDir);

  beforeAll(async () => {
    tables = await startTableService(newFolder());
    const env = { AzureWebJobsStorage: tables.connection, RECORD_FILE: record };
    host = await mustStartHost({ appRoot: DURABLE_APP, stateDir, env });
  });
  afterAll(async () => {
    try {
      expect(await host.end("SIGTERM")).toBe(0);
    } finally {
      await tables.stop();
    }
  });

  it("sequence: one activity after the other, each once", async () => {
    expect(await run("sequence", { a: 1 })).toEqual({
      status: 200,
      body: { said: ["Hello Tokyo", "Hello Hello Tokyo"], input: { a: 1 } },
    });
  });

  it("fan-out: all results, more activities than a turn or a transaction takes", async () => {
    const { body } = await run("fan-out", { count: 150, ms: 5 });
    expect(body).toEqual({ count: 150, sum: Array.from({ length: 150 }, (_, n) => n * n).reduce((a, b) => a + b) });
  });

  it.each([
    ["succeeds in time", { key: "a", succeedsAt: 3, attempts: 5 }, { attempt: 3, after: "Hello after" }, 3],
    [
      "never succeeds",
      { key: "b", succeedsAt: 9, attempts: 3 },
      { caught: "Activity function 'fail-until' failed: attempt 3", after: "Hello after failure" },
      3,
    ],
  ])("retry: an activity that %s", async (_, input, expected, attempts) => {
    expect(await run("retried", input)).toEqual({ status: 200, body: expected });
    expect(jsonLines(record).filter(({ event, key }) => event === "attempt" && key === input.key)).toHaveLength(
      attempts,
    );
  });

  it("timer: the orchestrator goes on when it is due, in its own time", async () => {
    const { body } = await run("sleeper", { seconds: 1 });
    expect(body).toMatchObject({ late: true });
  });

  it("external event: its data wins over the timer, or the timer over it", async () => {
    const id = await startNew("approval", { seconds: 3600 });
    await call("raiseEvent", id, "Approval", { by: "me" });
    expect(await ended(id)).toMatchObject({
      runtimeStatus: "Completed",
      output: { approval: { by: "me" }, said: "Hello approver" },
    });
    expect((await run("approval", { seconds: 0.2 })).body).toEqual({ timedOut: true });
  });

  it("sub-orchestrations: results in order, a failed one can be caught", async () => {
    const { body } = await run("parent", { children: 3, fail: true });
    const results = [0, 1, 2].map((n) => ({ n, square: n * n, hasParent: true }));
    expect(body).toEqual({ results, caught: true });
  });

  it("continueAsNew: state goes on from generation to generation, custom status with it", async () => {
    const id = await startNew("counter", { count: 1, until: 5 });
    expect(await ended(id)).toMatchObject({ output: { count: 5, sum: 55 }, customStatus: { count: 5 } });
  });

  it("continueAsNew: drops events that nobody waited for", async () => {
    const id = await startNew("drops-events", { generation: 1 });
    await call("suspend", id, "r");
    await untilSo("the suspension", async () => (await status(id)).runtimeStatus === "Suspended");
    await call("raiseEvent", id, "go", 1);
    await call("raiseEvent", id, "go", 2);
    await call("resume", id, "r");
    await untilSo("generation 2", async () => JSON.stringify((await status(id)).input) === '{"generation":2}');
    await call("raiseEvent", id, "go", 3);
    expect(await ended(id)).toMatchObject({ output: { generation: 2, go: 3 } });
  });

  it("failure: of an activity and of the orchestrator itself", async () => {
    const failing = await run("failing-activity", {});
    expect(failing).toMatchObject({ status: 500, body: { runtimeStatus: "Failed", customStatus: "before" } });
    expect(failing.body.output).toContain("Activity function 'fail-until' failed: attempt 1");
    expect((await run("thrower", { message: "thrown-marker" })).body.output).toBe(
      "Orchestrator function 'thrower' failed: thrown-marker",
    );
    expect((await run("thrower", {})).body.output).toContain("One or more errors occurred.");
    expect((await run("no-such-orchestrator", {})).body.output).toContain("'no-such-orchestrator'");
  });

  it.each(["calls-http", "calls-entity"])("not supported: %s fails and says so", async (name) => {
    expect((await run(name, {})).body).toMatchObject({ runtimeStatus: "Failed" });
  });

  it("activity input: as the worker hands it over", async () => {
    expect((await run("activity-inputs", {})).body).toEqual([
      { type: "string", input: "text" },
      { type: "number", input: 5 },
      { type: "string", input: "True" },
      expect.objectContaining({ input: "nothing" }),
      { type: "object", input: { a: 1 } },
      { type: "object", input: [1, "2"] },
    ]);
  });

  it("unknown activity: the instance waits until it is terminated, and then can be purged", async () => {
    const id = await startNew("unknown-activity");
    await untilSo("the turn", async () => (await status(id)).runtimeStatus === "Running");
    expect(await status(id)).toMatchObject({ input: "" });
    await call("terminate", id, "enough");
    expect(await ended(id)).toMatchObject({ runtimeStatus: "Terminated", output: "enough" });
    expect(await call("purgeInstanceHistory", id)).toEqual({ instancesDeleted: 1 });
    await expect(call("getStatus", id)).rejects.toThrow("404");
    expect(await call("purgeInstanceHistory", id)).toEqual({ instancesDeleted: 0 });
  });

  it("rewind: the failed activity runs again and the instance completes", async () => {
    const id = await startNew("failing-activity");
    expect(await ended(id)).toMatchObject({ runtimeStatus: "Failed" });
    await call("rewind", id, "again");
    expect(await ended(id)).toMatchObject({ runtimeStatus: "Completed", output: { attempt: 2 } });
  });

  it("large values: larger than a property or a row, with any characters; too large ones fail and say so", async () => {
    const text = `é\u{1f600}"${"x\u00e9".repeat(40_000)}`;
    expect((await run("sequence", { text })).body.input).toEqual({ text });
    const large = await run("returns-large", { length: 290_000 });
    expect(String(large.body)).toHaveLength(290_000);
    expect((await run("returns-large", { length: 310_000 })).body).toMatchObject({ runtimeStatus: "Failed" });
  });

  it("entities are refused when the app is loaded", () => {
    expect(host.errors()).toContain("refused-entity: NOT HOSTED");
  });
});
