import { describe, expect, test } from "vitest";
import { codeOf, PROBLEMS, problemResponse, problemSchema } from "../../../functions/problem.ts";
import {
  ConflictError,
  DeniedError,
  InputError,
  LatchkeyError,
  LimitError,
  UpstreamError,
} from "../../../shared/errors.ts";

const bodyOf = (error: unknown) => problemSchema.strict().parse(JSON.parse(String(problemResponse(error, "c-1").body)));
const codes = Object.keys(PROBLEMS).map((code) => problemSchema.shape.code.parse(code));

describe("problemResponse", () => {
  test.each(codes)("%s: problem+json with its own status, URN and correlation id", (code) => {
    const response = problemResponse(new LatchkeyError(code, "what to do"), "c-1");
    const { status, title } = PROBLEMS[code];
    expect(response.status).toBe(status);
    expect(response.headers).toMatchObject({ "content-type": "application/problem+json" });
    expect(JSON.parse(String(response.body))).toEqual({
      type: `urn:latchkey:error:${code.toLowerCase()}`,
      title,
      status,
      code,
      detail: "what to do",
      correlationId: "c-1",
    });
  });

  test("statuses are the agreed ones", () => {
    const byStatus = Object.groupBy(codes, (code) => String(PROBLEMS[code].status));
    expect(byStatus).toEqual({
      400: ["INVALID_REQUEST"],
      401: ["TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_WRONG_AUDIENCE"],
      403: ["DENIED", "GROUPS_OVERAGE", "SCOPE_TOO_WIDE", "ROLE_REQUIRED"],
      404: ["NOT_FOUND", "RESOURCE_NOT_FOUND"],
      409: [
        "NAME_TAKEN",
        "AMBIGUOUS_RESOURCE",
        "CONNECTOR_EXPIRED",
        "CONNECTOR_DISABLED",
        "CONNECTOR_IN_USE",
        "LEASE_CLOSED",
        "PLAN_CHANGED",
        "RUN_ACTIVE",
      ],
      412: ["ETAG_MISMATCH"],
      413: ["BODY_TOO_LARGE"],
      422: ["SIGN_IN_FAILED", "UNSUPPORTED_BY_METHOD", "CROSS_TENANT", "MODE_UNSUPPORTED", "PATTERN_UNSUPPORTED"],
      428: ["IF_MATCH_REQUIRED"],
      429: ["RATE_LIMITED", "LEASE_LIMIT", "REGISTRY_TOKEN_QUOTA"],
      500: ["INTERNAL"],
      502: ["UPSTREAM_REFUSED"],
      503: ["AUDIT_UNAVAILABLE", "STATE_UNAVAILABLE", "VAULT_UNAVAILABLE"],
      504: ["UPSTREAM_TIMEOUT"],
    });
  });

  test.each([new TypeError("secret-inside"), "secret-inside", undefined, { code: "DENIED", message: "secret-inside" }])(
    "what is not ours is INTERNAL and tells nothing: %s",
    (error) => {
      expect(codeOf(error)).toBe("INTERNAL");
      const response = problemResponse(error, "c-1");
      expect(response.status).toBe(500);
      expect(JSON.stringify(response)).not.toContain("secret-inside");
    },
  );

  test("wrong places and candidates stand in the body, if there are any", () => {
    const problems = [{ path: "/ttlSeconds", expected: "at most 86400" }];
    expect(bodyOf(new InputError("INVALID_REQUEST", "t", { problems })).problems).toEqual(problems);
    expect(bodyOf(new ConflictError("AMBIGUOUS_RESOURCE", "t", { candidates: ["/a"] })).candidates).toEqual(["/a"]);
    expect(Object.keys(bodyOf(new InputError("INVALID_REQUEST", "t")))).not.toContain("problems");
    expect(Object.keys(bodyOf(new ConflictError("NAME_TAKEN", "t")))).not.toContain("candidates");
  });

  test("a cause is not shown", () => {
    const cause = new Error("secret-inside");
    expect(JSON.stringify(problemResponse(new DeniedError("DENIED", "t", { cause }), "c"))).not.toContain("secret");
  });
});

describe("headers", () => {
  const headersOf = (error: unknown) => problemResponse(error, "c-1").headers;
  test.each([
    ["TOKEN_MISSING", "Bearer"],
    ["TOKEN_INVALID", 'Bearer error="invalid_token"'],
    ["TOKEN_EXPIRED", 'Bearer error="invalid_token"'],
    ["TOKEN_WRONG_AUDIENCE", 'Bearer error="invalid_token"'],
  ] as const)("%s asks for a token: %s", (code, challenge) => {
    expect(headersOf(new DeniedError(code, "t"))).toMatchObject({ "www-authenticate": challenge });
  });

  test.each(["DENIED", "GROUPS_OVERAGE", "SCOPE_TOO_WIDE", "ROLE_REQUIRED"] as const)("%s asks for none", (code) => {
    expect(headersOf(new DeniedError(code, "t"))).not.toHaveProperty("www-authenticate");
  });

  test("Retry-After is what Azure asked for, if it did", () => {
    const options = { retryable: true };
    expect(headersOf(new UpstreamError("UPSTREAM_REFUSED", "t", { ...options, retryAfterSeconds: 7 }))).toMatchObject({
      "retry-after": "7",
    });
    expect(headersOf(new UpstreamError("UPSTREAM_REFUSED", "t", options))).not.toHaveProperty("retry-after");
  });

  test("Retry-After of a caller's own limit is in whole seconds, 1 at least", () => {
    for (const [seconds, header] of [
      [0, "1"],
      [6.1, "7"],
    ] as const) {
      expect(headersOf(new LimitError("RATE_LIMITED", "t", seconds))).toMatchObject({ "retry-after": header });
    }
  });
});
