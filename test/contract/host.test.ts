/** The local Functions host as a real process: what HTTP clients and functions see. */
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CJS_APP, jsonLines, keysOf, temporaryFolders, until } from "../support/host-fixtures/sandbox.ts";
import { mustStartHost, type RunningHost } from "../support/host-fixtures/start-host.ts";

const newFolder = temporaryFolders();

describe("Functions host over HTTP", () => {
  const stateDir = newFolder();
  const record = join(stateDir, "record");
  let app: RunningHost;
  const call = (path: string, init?: RequestInit) => fetch(`${app.url}${path}`, init);
  const logOf = (functionName: string) => app.log().filter((line) => line.function === functionName);

  beforeAll(async () => {
    const env = { SET_OUTSIDE: "outside", RECORD_FILE: record, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "1000" };
    app = await mustStartHost({ appRoot: CJS_APP, stateDir, env });
  });
  afterAll(async () => {
    expect(await app.end("SIGTERM")).toBe(0);
    expect(jsonLines(record).at(-1)?.event).toBe("appTerminate");
  });

  it("request: a function sees URL, method, parameters, query, body and settings", async () => {
    const response = await call("/api/echo/B%20o%2Fb?x=1&X=2&y=", { method: "POST", body: "héllo" });
    expect(response.status).toBe(201);
    expect(response.headers.get("x-reply")).toBe("yes");
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      url: `${app.url}/api/echo/B%20o%2Fb?x=1&X=2&y=`,
      method: "POST",
      params: { name: "B o%2Fb" },
      query: [
        ["x", "1,2"],
        ["y", ""],
      ],
      accept: null,
      body: "héllo",
      settings: ["sample", "outside", new URL(app.url).host],
    });
  });

  it("request: repeated headers are joined by a comma", async () => {
    const sent = request(`${app.url}/api/echo/a`, { headers: { "x-twice": ["1", "2"] } });
    const [response] = await once(sent.end(), "response");
    let text = "";
    for await (const chunk of response) text += chunk;
    expect(JSON.parse(text)).toMatchObject({ accept: "1,2" });
  });

  it("request: a chunked body arrives empty", async () => {
    const sent = request(`${app.url}/api/echo/a`, { method: "POST", headers: { "transfer-encoding": "chunked" } });
    sent.write("lost");
    const [response] = await once(sent.end("lost"), "response");
    let text = "";
    for await (const chunk of response) text += chunk;
    expect(JSON.parse(text)).toMatchObject({ method: "POST", body: "" });
  });

  it("request: a body over the limit is 500 and runs nothing, one at the limit is read", async () => {
    const atLimit = await call("/api/echo/a", { method: "POST", body: "x".repeat(1_000) });
    expect(await atLimit.json()).toMatchObject({ body: "x".repeat(1_000) });
    const before = logOf("echo").length;
    const over = await call("/api/echo/a", { method: "POST", body: "x".repeat(1_001) });
    expect([over.status, await over.text()]).toEqual([500, ""]);
    expect(logOf("echo")).toHaveLength(before);
  });

  it("reply: cookies each have their own header", async () => {
    const response = await call("/api/cookies");
    expect(response.headers.getSetCookie()).toEqual([
      "a=v%201; max-age=60; path=/; samesite=lax; httponly",
      "b=2; expires=Fri, 02 Jan 1970 00:00:00 GMT; path=/x; secure; samesite=none",
    ]);
    expect(await response.text()).toBe("c");
  });

  it.each([
    ["nothing returned", "nothing", 204],
    ["a throw", "throws", 500],
    ["a thrown null", "throws-null", 204],
    ["text instead of a reply", "returns-text", 500],
  ])("reply: %s is %s → %i, empty", async (_, name, status) => {
    const response = await call(`/api/${name}`);
    expect([response.status, await response.text()]).toEqual([status, ""]);
  });

  it("reply: HEAD has no body", async () => {
    const response = await call("/api/echo/a", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([201, ""]);
  });

  it.each([
    ["GET", "/"],
    ["GET", "/api"],
    ["GET", "/api/unknown"],
    ["GET", "/nothing"],
    ["DELETE", "/api/nothing"],
    ["HEAD", "/api/nothing"],
    ["OPTIONS", "/api/nothing"],
    ["GET", "/api/slow/abc"],
    ["GET", "/api/administrators"],
    ["GET", "/api/host"],
    ["GET", "/admin/unknown"],
    ["GET", "/runtime/webhooks/x"],
  ])("routing: %s %s is 404, empty", async (method, path) => {
    const response = await call(path, { method });
    expect([response.status, await response.text()]).toEqual([404, ""]);
  });

  it("routing: paths are compared without regard to case", async () => {
    expect((await call("/API/Nothing/")).status).toBe(204);
  });

  it("routing: the first function by name wins over a literal route", async () => {
    expect(await (await call("/api/pick/literal")).text()).toBe("parameter");
  });

  it("routing: functions that the real host refuses are left out and named", () => {
    const refused = app.log().filter((line) => line.category === "Host.Startup" && line.level === "Error");
    expect(refused.map((line) => line.function)).toEqual([
      "host",
      "refused-admin",
      "refused-same-route",
      "refused-trigger",
    ]);
    expect(app.errors()).toContain("refused-trigger: NOT HOSTED");
    expect(app.errors()).toContain(`echo: [GET,POST,HEAD] ${app.url}/api/echo/{name}/{rest?}`);
  });

  it("timeout: the caller gets 500 and the host goes on", async () => {
    expect((await call("/api/slow/60000")).status).toBe(500);
    expect(await (await call("/api/slow/1")).text()).toBe("slow");
  });

  it("keys: each level opens what it should", async () => {
    const { master, host: hostKeys, functions } = keysOf(stateDir);
    const status = async (name: string, key?: string, where: "header" | "query" = "header") => {
      const query = key !== undefined && where === "query" ? `?code=${key}` : "";
      const headers = key !== undefined && where === "header" ? { "x-functions-key": key } : undefined;
      return (await call(`/api/${name}${query}`, { ...(headers && { headers }) })).status;
    };
    const own = functions["needs-own-key"].default;
    expect([await status("needs-key"), await status("needs-master")]).toEqual([401, 401]);
    expect([await status("needs-key", "wrong"), await status("nothing", "wrong")]).toEqual([401, 204]);
    expect([await status("needs-key", hostKeys.default), await status("needs-master", hostKeys.default)]).toEqual([
      200, 401,
    ]);
    expect([await status("needs-own-key", own), await status("needs-key", own)]).toEqual([200, 401]);
    expect([await status("needs-own-key", own, "query"), await status("needs-own-key", "wrong", "query")]).toEqual([
      200, 401,
    ]);
    expect([await status("needs-key", master), await status("needs-master", master)]).toEqual([200, 200]);
    const both = await call(`/api/needs-key?code=${master}`, { headers: { "x-functions-key": "wrong" } });
    expect([both.status, await both.text()]).toEqual([401, ""]);
  });

  it("admin: status and runs need the master key", async () => {
    const { master, host: hostKeys } = keysOf(stateDir);
    const admin = (path: string, key: string, init: RequestInit = {}) =>
      call(path, { ...init, headers: { ...init.headers, "x-functions-key": key } });
    expect((await call("/admin/host/status")).status).toBe(401);
    expect((await admin("/admin/host/status", hostKeys.default)).status).toBe(403);
    expect(await (await admin("/admin/host/status", master)).json()).toMatchObject({ state: "Running" });
    const run = { method: "POST", headers: { "content-type": "application/json" }, body: '{"input":""}' };
    const noBody = { method: "POST", headers: { "content-type": "application/json" } };
    const unknown = await admin("/admin/functions/echo/keys/mine", master);
    expect([unknown.status, await unknown.text()]).toEqual([
      501,
      expect.stringContaining("GET /admin/functions/{}/keys/{}"),
    ]);
    expect((await admin("/admin/host/keys", master)).status).toBe(501);
    expect((await admin("/runtime/webhooks/x", hostKeys.default)).status).toBe(404);
    expect((await call("/admin/functions/tick", run)).status).toBe(401);
    expect((await admin("/admin/functions/nope", master, run)).status).toBe(404);
    expect((await admin("/admin/functions/echo", master, run)).status).toBe(404);
    expect((await admin("/admin/functions/tick", master, noBody)).status).toBe(400);
    expect((await admin("/admin/functions/tick", master, { ...run, headers: {} })).status).toBe(415);
    expect(jsonLines(record).filter(({ event }) => event === "tick")).toEqual([]);
    const accepted = await admin("/admin/functions/tick", master, run);
    expect([accepted.status, await accepted.text()]).toEqual([202, ""]);
    const tick = await until("the run", () => jsonLines(record).find(({ event }) => event === "tick"));
    expect(tick.timer).toMatchObject({ isPastDue: false, scheduleStatus: { last: "0001-01-01T00:00:00+00:00" } });
  });

  it("hooks: run around each invocation and see failures", async () => {
    await call("/api/throws");
    expect(jsonLines(record)[0]).toEqual({ event: "appStart" });
    expect(jsonLines(record).filter((event) => event.function === "throws")).toContainEqual({
      event: "postInvocation",
      function: "throws",
      failed: true,
    });
  });

  it("log: lines of the app carry function, invocation and level, through its log hook", async () => {
    await call("/api/logs");
    const lines = await until("the log", () => {
      const found = logOf("logs");
      return found.some((line) => line.message.startsWith("Executed")) && found;
    });
    expect(new Set(lines.map((line) => line.invocationId)).size).toBe(1);
    const user = lines.filter((line) => line.category === "Function.logs.User");
    expect(user.map(({ level, message }) => [level, message])).toEqual([
      ["Information", "logs-marker (hooked)"],
      ["Warning", "warn-marker (hooked)"],
    ]);
    expect(app.log().find((line) => line.message === "console-marker")?.category).toBe("Host.Function.Console");
  });

  it("log: levels of host.json hold, failures carry the stack, no request is in it", async () => {
    await call("/api/quiet");
    await call("/api/throws?secret-query", {
      method: "POST",
      headers: { authorization: "Bearer secret-header" },
      body: "secret-body",
    });
    await until("the failure", () => logOf("throws").find((line) => line.exception));
    expect(logOf("quiet")).toEqual([]);
    expect(logOf("throws").some((line) => String(line.exception).includes("thrown-marker"))).toBe(true);
    expect(JSON.stringify(app.log())).not.toMatch(/secret-(query|header|body)/);
  });

  it("listens on loopback only", async () => {
    const socket = connect({ host: "127.0.0.2", port: Number(new URL(app.url).port) });
    await expect(once(socket, "connect")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    socket.destroy();
  });
});
