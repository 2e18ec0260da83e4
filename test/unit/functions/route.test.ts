import { describe, expect, test } from "vitest";
import { z } from "zod";
import { MAX_BODY_BYTES } from "../../../functions/read-request.ts";
import { type Answer, nothing, type Route, route } from "../../../functions/route.ts";
import { DeniedError, UpstreamError } from "../../../shared/errors.ts";
import { principalHash } from "../../../shared/ids.ts";
import { ADMIN, SECRET } from "../../support/fakes.ts";
import { jsonRequest, runtimeOf } from "../../support/fakes-http.ts";

const answer = { status: 201, description: "x", schema: z.unknown() };
const shape = { path: "things/{id}", summary: "x", query: nothing, answer } as const;

/** A route that gives back what it got. */
function echo(handle?: () => Promise<Answer>): Route {
  return route({
    ...shape,
    name: "things-create",
    method: "POST",
    access: ["Latchkey.Admin", "Latchkey.User"],
    params: z.strictObject({ id: z.string().max(5) }),
    query: z.strictObject({ limit: z.coerce.number().int().max(9).default(3) }),
    body: z.strictObject({ text: z.string().max(100) }),
    handle: async ({ caller, ...call }) =>
      handle === undefined
        ? { status: 201, body: { ...call, subject: caller.subject }, headers: { etag: '"1"' } }
        : handle(),
  });
}
const good = (more: Parameters<typeof jsonRequest>[1] = {}) =>
  jsonRequest({ text: "hello" }, { params: { id: "7" }, ...more });
const url = (query: string) => ({ url: `https://latchkey.example/api/things/7?${query}` });

describe("a call", () => {
  test("reaches the handler checked, and its answer goes out as JSON that nobody keeps", async () => {
    const { call } = runtimeOf([echo()]);
    const { status, headers, json } = await call("things-create", good(url("limit=9")));
    expect(status).toBe(201);
    expect(json).toEqual({
      params: { id: "7" },
      query: { limit: 9 },
      body: { text: "hello" },
      preconditions: { ifMatch: null, ifNoneMatch: null },
      rule: "role:Latchkey.Admin",
      correlationId: headers["x-correlation-id"],
      subject: ADMIN.subject,
    });
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      etag: '"1"',
    });
  });

  test("says what the caller saw of a thing that it changes", async () => {
    const { call } = runtimeOf([echo()]);
    const { json } = await call("things-create", good({ headers: { "if-match": 'W/"1"', "if-none-match": "*" } }));
    expect(json.preconditions).toEqual({ ifMatch: 'W/"1"', ifNoneMatch: "*" });
  });

  test("without a body in its answer sends none, and no type of it", async () => {
    const { call } = runtimeOf([echo(async () => ({ status: 204 }))]);
    const { status, headers, body } = await call("things-create", good());
    expect([status, body]).toEqual([204, ""]);
    expect(headers).not.toHaveProperty("content-type");
    expect(headers).toMatchObject({ "cache-control": "no-store" });
  });

  test("is logged in one line, with its function, status, caller and nothing that was sent", async () => {
    const { call, logged } = runtimeOf([echo()]);
    const { headers } = await call("things-create", good());
    expect(logged).toEqual([
      {
        level: "information",
        event: "http.answered",
        function: "things-create",
        status: 201,
        milliseconds: 0,
        correlationId: headers["x-correlation-id"],
        principalHash: principalHash(ADMIN),
      },
    ]);
  });

  test("its facts stand in that line, and in no answer", async () => {
    const facts = { connector: "azure", leaseId: "lease-1", resourceId: "/subscriptions/s" };
    const { call, logged } = runtimeOf([echo(async () => ({ status: 201, body: {}, facts }))]);
    const { body, headers } = await call("things-create", good());
    expect(logged).toMatchObject([{ event: "http.answered", ...facts }]);
    for (const fact of Object.values(facts)) expect(body + JSON.stringify(headers)).not.toContain(fact);
  });

  test("a fact that is not one of the log's fields is not written", async () => {
    const facts = { connector: "azure", sasToken: SECRET };
    const { call, logged } = runtimeOf([echo(async () => ({ status: 201, body: {}, facts }))]);
    await call("things-create", good());
    expect(logged).toMatchObject([{ connector: "azure" }]);
    expect(JSON.stringify(logged)).not.toContain(SECRET);
  });

  test("has a correlation id of its own", async () => {
    const { call } = runtimeOf([echo()]);
    const ids = [await call("things-create", good()), await call("things-create", good())].map(
      ({ headers }) => headers["x-correlation-id"],
    );
    expect(new Set(ids).size).toBe(2);
  });

  test("by a caller with the second role of the route is allowed by that role", async () => {
    const { call } = runtimeOf([echo()], { verifyCaller: async () => ({ ...ADMIN, roles: ["Latchkey.User"] }) });
    expect((await call("things-create", good())).json.rule).toBe("role:Latchkey.User");
  });
});

describe("who calls comes before anything is read", () => {
  const rubbish = jsonRequest("{", {
    headers: { "content-length": "999999" },
    ...url("plan=true"),
    params: { id: "toolong" },
  });

  test("no token: 401, whatever else is wrong", async () => {
    const seen: (string | null)[] = [];
    const { call, logged } = runtimeOf([echo()], {
      verifyCaller: async (authorization) => {
        seen.push(authorization);
        throw new DeniedError("TOKEN_MISSING", "x");
      },
    });
    const { status, json, headers } = await call("things-create", rubbish);
    expect([status, json.code, headers["www-authenticate"]]).toEqual([401, "TOKEN_MISSING", "Bearer"]);
    expect(seen).toEqual(["Bearer x"]);
    expect(logged).toMatchObject([{ event: "http.answered", status: 401, code: "TOKEN_MISSING" }]);
  });

  test("a role that is missing: 403, and the log says whose", async () => {
    const { call, logged } = runtimeOf([echo()], {
      verifyCaller: async () => ({ ...ADMIN, roles: ["Latchkey.Auditor"] }),
    });
    const { status, json } = await call("things-create", rubbish);
    expect([status, json.code]).toEqual([403, "ROLE_REQUIRED"]);
    expect(logged).toMatchObject([{ status: 403, principalHash: principalHash(ADMIN) }]);
  });
});

describe("bad input is refused, and nothing of it comes back", () => {
  const bytes = (body: Uint8Array) => ({ ...good(), body: { bytes: body } });
  test.each<[string, ReturnType<typeof good>, number, string]>([
    ["an unknown query parameter", good(url("plan=true")), 400, "INVALID_REQUEST"],
    ["a parameter given twice", good(url("limit=1&limit=2")), 400, "INVALID_REQUEST"],
    ["a parameter given twice, unknown", good(url("a=1&a=1")), 400, "INVALID_REQUEST"],
    ["a parameter that is no number", good(url(`limit=${SECRET}`)), 400, "INVALID_REQUEST"],
    ["a path that does not fit", good({ params: { id: SECRET } }), 400, "INVALID_REQUEST"],
    ["a body without type", good({ headers: { "content-type": "" } }), 400, "INVALID_REQUEST"],
    ["a form", good({ headers: { "content-type": "application/x-www-form-urlencoded" } }), 400, "INVALID_REQUEST"],
    ["text", good({ headers: { "content-type": "text/plain" } }), 400, "INVALID_REQUEST"],
    ["a type that begins alike", good({ headers: { "content-type": "application/jsonp" } }), 400, "INVALID_REQUEST"],
    ["no JSON", { ...good(), body: { string: `{"text":"${SECRET}` } }, 400, "INVALID_REQUEST"],
    ["an empty body", { ...good(), body: { string: "" } }, 400, "INVALID_REQUEST"],
    ["no UTF-8", bytes(new Uint8Array([0x22, 0xff, 0x22])), 400, "INVALID_REQUEST"],
    ["an unknown field", { ...good(), body: { string: `{"text":"a","x":"${SECRET}"}` } }, 400, "INVALID_REQUEST"],
    ["a prototype", { ...good(), body: { string: '{"text":"a","__proto__":{"x":1}}' } }, 400, "INVALID_REQUEST"],
    ["deep nesting", { ...good(), body: { string: "[".repeat(60_000) } }, 400, "INVALID_REQUEST"],
    [
      "an announced size over the limit",
      good({ headers: { "content-length": String(MAX_BODY_BYTES + 1) } }),
      413,
      "BODY_TOO_LARGE",
    ],
    [
      "a size over the limit that was not announced",
      bytes(Buffer.alloc(MAX_BODY_BYTES + 1, " ")),
      413,
      "BODY_TOO_LARGE",
    ],
  ])("%s", async (_what, request, status, code) => {
    let reached = 0;
    const { call, logged } = runtimeOf([
      echo(() => {
        reached += 1;
        return Promise.reject(new Error("reached"));
      }),
    ]);
    const { json, headers, body } = await call("things-create", request);
    expect(json).toMatchObject({ status, code, correlationId: headers["x-correlation-id"] });
    expect(headers).toMatchObject({ "content-type": "application/problem+json", "cache-control": "no-store" });
    expect(body + JSON.stringify(logged)).not.toContain(SECRET);
    expect(reached).toBe(0);
  });

  test("a body of exactly the limit, and a type with a charset, are read", async () => {
    const { call } = runtimeOf([echo()]);
    const padded = JSON.stringify({ text: "hello" }).padEnd(MAX_BODY_BYTES, " ");
    const request = {
      ...good({ headers: { "content-type": "Application/JSON; charset=utf-8" } }),
      body: { string: padded },
    };
    expect((await call("things-create", request)).status).toBe(201);
  });
});

describe("a handler that throws", () => {
  test("what is not ours: 500 that tells nothing, and a line for the operator without the message", async () => {
    const { call, logged } = runtimeOf([echo(() => Promise.reject(new TypeError(`broken: ${SECRET}`)))]);
    const { status, json, body } = await call("things-create", good());
    expect([status, json.code]).toEqual([500, "INTERNAL"]);
    expect(body + JSON.stringify(logged)).not.toContain(SECRET);
    expect(logged).toMatchObject([
      { level: "error", event: "http.defect", errorName: "TypeError", correlationId: json.correlationId },
      { level: "information", event: "http.answered", status: 500, code: "INTERNAL" },
    ]);
  });

  test("the line for the operator says where, in at most 8 frames on one line, and not what", async () => {
    const deep = (depth: number): never => {
      if (depth > 0) return deep(depth - 1);
      throw new TypeError(`broken: ${SECRET}`);
    };
    const { call, logged } = runtimeOf([echo(async () => deep(20))]);
    await call("things-create", good());
    const frames = String(logged[0]?.frames);
    expect(frames).toMatch(/^at deep \(.*route\.test\.ts:\d+:\d+\) at deep /);
    expect(frames).not.toContain("\n");
    expect(frames.match(/\bat deep /g)?.length).toBeLessThanOrEqual(8);
    expect(frames).not.toContain(SECRET);
  });

  test.each([
    ["lines that look like frames", new Error(`broken\n    at ${SECRET} (${SECRET}.ts:1:1)\n    at ${SECRET}`)],
    ["text that a replacement would expand", new Error(`$&\n    at ${SECRET} (x.ts:1:1)`)],
    ["a stack that was taken away", Object.assign(new Error(SECRET), { stack: undefined })],
    ["no error at all", SECRET],
    ["an object", { name: SECRET, message: SECRET, stack: `\n    at ${SECRET}` }],
  ])("a message with %s is not logged", async (_what, thrown) => {
    const { call, logged } = runtimeOf([echo(() => Promise.reject(thrown))]);
    expect((await call("things-create", good())).status).toBe(500);
    expect(logged).toMatchObject([{ event: "http.defect" }, { status: 500 }]);
    expect(JSON.stringify(logged)).not.toContain(SECRET);
  });

  test("a refusal is no defect: it leaves no frames", async () => {
    const { call, logged } = runtimeOf([echo(() => Promise.reject(new DeniedError("DENIED", "x")))]);
    await call("things-create", good());
    expect(logged.map(({ event }) => event)).toEqual(["http.answered"]);
    expect(logged[0]).not.toHaveProperty("frames");
  });

  test("a failure upstream: its status, Retry-After, and what Azure said in the log", async () => {
    const failure = { name: "RestError", status: 429, code: "TooManyRequests" };
    const error = new UpstreamError("UPSTREAM_REFUSED", "t", { retryable: true, retryAfterSeconds: 9, failure });
    const { call, logged } = runtimeOf([echo(() => Promise.reject(error))]);
    const { status, headers } = await call("things-create", good());
    expect([status, headers["retry-after"]]).toEqual([502, "9"]);
    expect(logged).toMatchObject([
      {
        level: "warning",
        event: "http.upstream-failed",
        upstreamStatus: 429,
        upstreamCode: "TooManyRequests",
        errorName: "RestError",
      },
      { event: "http.answered", status: 502, code: "UPSTREAM_REFUSED" },
    ]);
  });
});

describe("registerRoutes", () => {
  test("every route is anonymous for the host: keys are no identity", () => {
    const { registered } = runtimeOf([echo()]);
    expect(registered.get("things-create")).toMatchObject({
      methods: ["POST"],
      route: "things/{id}",
      authLevel: "anonymous",
    });
  });

  test("a route that declares no access does not register", () => {
    for (const access of [[], undefined]) {
      const undeclared = Object.assign(echo(), { access });
      expect(() => runtimeOf([undeclared])).toThrow("things-create");
    }
  });

  test("an anonymous route asks nobody and reads nothing", async () => {
    const open: Route = {
      ...shape,
      name: "status-health",
      method: "GET",
      access: "anonymous",
      params: nothing,
      body: null,
      handle: async () => ({ status: 200, body: { status: "ok" } }),
    };
    const { call, logged } = runtimeOf([open], { verifyCaller: () => Promise.reject(new Error("asked")) });
    const { status, json } = await call("status-health", url("a=1&a=2"));
    expect([status, json]).toEqual([200, { status: "ok" }]);
    expect(logged[0]).not.toHaveProperty("principalHash");
  });
});
