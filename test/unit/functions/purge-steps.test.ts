import { createServer } from "node:http";
import { InvocationContext } from "@azure/functions";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { durableBinding, type PurgeSteps, registerPurge } from "../../../functions/purge-steps.ts";
import {
  ConflictError,
  DeniedError,
  InputError,
  LatchkeyError,
  LimitError,
  NotFoundError,
  NotNowError,
  UpstreamError,
} from "../../../shared/errors.ts";
import { durableApp } from "../../support/durable-app.ts";
import { SECRET, unavailable } from "../../support/fakes.ts";

const AT = { registry: "registryone.azurecr.io", run: "run-1" };
const SLICE = { ...AT, batch: 1, slice: 2, from: 3 };

/** Every step says what it was given, unless `changes` say otherwise. */
function parts(changes: Partial<PurgeSteps> = {}) {
  const called: unknown[] = [];
  const { app, call, logged } = durableApp();
  registerPurge(app, {
    async prepare(input) {
      called.push(["prepare", input]);
      return { ok: true, phase: "plan", batches: 4 };
    },
    async plan(input, log) {
      called.push(["plan", input]);
      log.info("purge.test", { code: "A" });
      return { ok: true, part: "part", next: null };
    },
    async settle(input) {
      called.push(["settle", input]);
      return { ok: true, applies: true };
    },
    async apply(input) {
      called.push(["apply", input]);
      return { ok: true, more: false };
    },
    async end(input) {
      called.push(["end", input]);
    },
    ...changes,
  });
  return { call, called, logged };
}

describe("a step", () => {
  test.each([
    ["prepare", AT, { ok: true, phase: "plan", batches: 4 }],
    ["plan", SLICE, { ok: true, part: "part", next: null }],
    ["settle", { ...AT, slices: [1, 2] }, { ok: true, applies: true }],
    ["apply", AT, { ok: true, more: false }],
    ["end", { ...AT, code: "PURGE_LIMIT" }, { ok: true }],
    ["end", { ...AT, code: null }, { ok: true }],
  ])("%s of %j: it is done, and says %j", async (name, input, expected) => {
    const { call, called } = parts();
    expect(await call(`purge-steps-${name}`, input)).toEqual(expected);
    expect(called).toEqual([[name, input]]);
  });

  test.each([
    ["prepare", null],
    ["prepare", JSON.stringify(AT)],
    ["prepare", { registry: 1, run: "r" }],
    ["prepare", { ...AT, more: 1 }],
    ["plan", { ...SLICE, batch: -1 }],
    ["plan", { ...SLICE, slice: 0.5 }],
    ["plan", { ...SLICE, from: "0" }],
    ["settle", { ...AT, slices: ["a"] }],
    ["apply", SLICE],
    ["end", AT],
  ])("%s of %j: nothing is done", async (name, input) => {
    const { call, called } = parts();
    await expect(call(`purge-steps-${name}`, input)).rejects.toThrow(/^INTERNAL$/);
    expect(called).toEqual([]);
  });

  test("logs to its own invocation", async () => {
    const { call, logged } = parts();
    await call("purge-steps-plan", SLICE);
    expect(logged).toEqual([{ level: "information", event: "purge.test", code: "A" }]);
  });
});

describe("a step that fails", () => {
  const upstream = (retryable: boolean) =>
    new UpstreamError("UPSTREAM_REFUSED", SECRET, {
      ...{ retryable, cause: new Error(SECRET), failure: { name: "RestError", status: 403, code: "DENIED" } },
    });
  const failing = (error: unknown) => parts({ apply: () => Promise.reject(error) });

  test.each([
    ["UPSTREAM_REFUSED", upstream(false)],
    ["SIGN_IN_FAILED", new InputError("SIGN_IN_FAILED", SECRET)],
    ["DENIED", new DeniedError("DENIED", SECRET)],
    ["RESOURCE_NOT_FOUND", new NotFoundError("RESOURCE_NOT_FOUND", SECRET, { cause: new Error(SECRET) })],
    ["CONNECTOR_DISABLED", new ConflictError("CONNECTOR_DISABLED", SECRET)],
    ["INVALID_REQUEST", new LatchkeyError("INVALID_REQUEST", SECRET)],
  ])("for good: says %s and nothing else", async (code, error) => {
    const { call, logged } = failing(error);
    expect(await call("purge-steps-apply", AT)).toEqual({ ok: false, code });
    expect(JSON.stringify(logged)).not.toContain(SECRET);
  });

  test.each([
    ["UPSTREAM_REFUSED", upstream(true)],
    ["UPSTREAM_REFUSED", new NotNowError(SECRET)],
    ["STATE_UNAVAILABLE", unavailable("STATE_UNAVAILABLE")],
    ["AUDIT_UNAVAILABLE", unavailable("AUDIT_UNAVAILABLE")],
    ["RATE_LIMITED", new LimitError("RATE_LIMITED", SECRET, 5)],
    ["INTERNAL", new TypeError(SECRET, { cause: new Error(SECRET) })],
    ["INTERNAL", new DOMException(SECRET, "TimeoutError")],
    ["INTERNAL", SECRET],
    ["INTERNAL", undefined],
  ])("for now: throws %s and nothing else", async (code, error) => {
    const { call, logged } = failing(error);
    const thrown: unknown = await call("purge-steps-apply", AT).catch((caught: unknown) => caught);
    if (!(thrown instanceof Error)) throw new Error("It threw no error.");
    expect([thrown.message, thrown.cause, Object.keys(thrown)]).toEqual([code, undefined, []]);
    expect(`${thrown.stack}${JSON.stringify(logged)}`).not.toContain(SECRET);
  });

  test("is told in the log, under its invocation", async () => {
    const { call, logged } = failing(upstream(false));
    await call("purge-steps-apply", AT);
    expect(logged).toEqual([
      {
        ...{
          level: "warning",
          event: "purge.upstream-failed",
          correlationId: "invocation-1",
          code: "UPSTREAM_REFUSED",
        },
        ...{ errorName: "RestError", upstreamStatus: 403, upstreamCode: "DENIED" },
      },
    ]);
  });
});

describe("driving a run", () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  /** What the host's extension answers: the state of the instance; null: there is none. @param startStatus to a start */
  async function driver(runtimeStatus: string | null, startStatus = 202) {
    const started: unknown[] = [];
    const server = createServer(async (request, response) => {
      const json = (status: number, body: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      const { pathname } = new URL(request.url ?? "", "http://localhost");
      if (request.method === "GET" && pathname === "/durabletask/instances/run-1") {
        const times = { createdTime: "2026-11-21T10:00:00Z", lastUpdatedTime: "2026-11-21T10:00:00Z" };
        const instance = { name: "purge-orchestration", instanceId: "run-1", input: null, output: null, ...times };
        json(runtimeStatus === null ? 404 : 200, { ...instance, runtimeStatus });
        return;
      }
      const text = Buffer.concat(await request.toArray()).toString();
      started.push([request.method, pathname, JSON.parse(text)]);
      json(startStatus, { id: "run-1" });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    const { port } = z.object({ port: z.int() }).parse(server.address());
    const context = new InvocationContext({
      functionName: "purge-timer",
      options: { extraInputs: [durableBinding.input], extraOutputs: [], trigger: { type: "timerTrigger", name: "t" } },
    });
    context.extraInputs.set(durableBinding.input, {
      ...{ taskHubName: "hub", creationUrls: {}, managementUrls: {} },
      rpcBaseUrl: `http://127.0.0.1:${port}/durabletask/`,
    });
    return { started, drive: () => durableBinding.driverOf(context)({ id: AT.run, loginServer: AT.registry }) };
  }
  const START = ["POST", "/durabletask/orchestrators/purge-orchestration/run-1", AT];

  test.each([null, "Completed", "Failed", "Terminated", "Canceled"])(
    "%s: an orchestration of the run's id is started",
    async (status) => {
      const { started, drive } = await driver(status);
      await drive();
      expect(started).toEqual([START]);
    },
  );
  test.each(["Pending", "Running", "ContinuedAsNew", "Suspended"])("%s: it is left alone", async (status) => {
    const { started, drive } = await driver(status);
    await drive();
    expect(started).toEqual([]);
  });
  test("that cannot be started is an error", async () => {
    const { drive } = await driver(null, 500);
    await expect(drive()).rejects.toThrow();
  });
});
