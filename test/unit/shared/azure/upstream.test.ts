import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { ThrottledError } from "../../../../shared/azure/client-options.ts";
import { callAsConnector, callOwn, failureOf } from "../../../../shared/azure/upstream.ts";
import { InputError } from "../../../../shared/errors.ts";

const TOKEN = "eyJhbGciOiJSUzI1NiJ9.the-token-that-must-not-be-seen";

/** An error as the Azure SDKs throw it: with the request, and so with the token. */
class SdkError extends Error {
  override readonly name = "RestError";
  readonly code: string | undefined;
  readonly statusCode: number | undefined;
  readonly request = { url: `https://x/?sig=${TOKEN}`, headers: new Headers({ authorization: `Bearer ${TOKEN}` }) };
  readonly response: { headers: Headers; bodyAsText: string };
  readonly details: object;
  constructor(
    statusCode?: number,
    options: { code?: string | undefined; details?: object; headers?: Record<string, string> } = {},
  ) {
    super(`${statusCode} for ${TOKEN}`);
    this.statusCode = statusCode;
    this.code = options.code;
    this.details = options.details ?? {};
    this.response = { headers: new Headers(options.headers ?? {}), bodyAsText: TOKEN };
  }
}
/** Entra's refusal as the sign-in library wraps it. */
function signInRefusal(errorNo: string | undefined, status: number | undefined) {
  const server = Object.assign(new Error(TOKEN), { name: "ServerError", errorNo, status });
  return Object.assign(new Error(TOKEN, { cause: server }), { name: "AuthenticationRequiredError" });
}
const failWith = (error: unknown) => () => Promise.reject(error);
const asConnector = (error: unknown) => callAsConnector("list the accounts", "Grant Reader.", failWith(error));

describe("callAsConnector", () => {
  test.each([
    [400, "UPSTREAM_REFUSED", false],
    [401, "UPSTREAM_REFUSED", false],
    [403, "UPSTREAM_REFUSED", false],
    [404, "UPSTREAM_REFUSED", false],
    [409, "UPSTREAM_REFUSED", false],
    [429, "UPSTREAM_REFUSED", true],
    [500, "UPSTREAM_REFUSED", true],
    [503, "UPSTREAM_REFUSED", true],
    [undefined, "UPSTREAM_TIMEOUT", true],
  ])("status %s is %s, retryable %s", async (status, code, retryable) => {
    const error = new SdkError(status, { code: "AuthorizationFailed" });
    await expect(asConnector(error)).rejects.toMatchObject({
      code,
      retryable,
      failure: { name: "RestError", status: status ?? null, code: "AuthorizationFailed" },
    });
  });

  test("says what was tried, Azure's code and the remedy, when repeating cannot help", async () => {
    const call = asConnector(new SdkError(403, { code: "AuthorizationFailed" }));
    await expect(call).rejects.toThrow(/list the accounts.*403 AuthorizationFailed.*Grant Reader/);
  });

  test.each(["AbortError", "TimeoutError"])("%s is UPSTREAM_TIMEOUT", async (name) => {
    const error = Object.assign(new Error("x"), { name });
    await expect(asConnector(error)).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT", retryable: true });
  });

  test("an error of ours passes as it is, a result too", async () => {
    const ours = new InputError("INVALID_REQUEST", "x");
    await expect(asConnector(ours)).rejects.toBe(ours);
    expect(await callAsConnector("x", "y", async () => 7)).toBe(7);
  });
});

describe("callOwn", () => {
  test.each([
    ["VAULT_UNAVAILABLE", 403],
    ["STATE_UNAVAILABLE", 503],
    ["AUDIT_UNAVAILABLE", undefined],
  ] as const)("%s whatever failed", async (code, status) => {
    await expect(callOwn(code, failWith(new SdkError(status)))).rejects.toMatchObject({ code, retryable: true });
    await expect(callOwn(code, failWith(signInRefusal("7000215", 401)))).rejects.toMatchObject({ code });
  });

  test.each([400, 413])("what it refuses with %d it refuses again: not retryable", async (status) => {
    for (const code of ["STATE_UNAVAILABLE", "AUDIT_UNAVAILABLE", "VAULT_UNAVAILABLE"] as const) {
      const error = new SdkError(status, { code: "PropertyValueTooLarge" });
      await expect(callOwn(code, failWith(error))).rejects.toMatchObject({
        code,
        retryable: false,
        failure: { status },
      });
    }
  });

  test("a sign-in that was refused with 400 may work later", async () => {
    const error = Object.assign(new Error(TOKEN), { name: "AuthenticationError", statusCode: 400 });
    await expect(callOwn("STATE_UNAVAILABLE", failWith(error))).rejects.toMatchObject({ retryable: true });
  });

  test.each([
    "AbortError",
    "TimeoutError",
    "CredentialUnavailableError",
    "AggregateAuthenticationError",
    "ClientAuthError",
  ])("%s is an outage, not a defect", async (name) => {
    const error = Object.assign(new Error(TOKEN), { name });
    await expect(callOwn("VAULT_UNAVAILABLE", failWith(error))).rejects.toMatchObject({
      code: "VAULT_UNAVAILABLE",
      failure: { name, status: null },
    });
  });

  test("gives the call a time limit", async () => {
    const isAborted = await callOwn("STATE_UNAVAILABLE", async (signal) => signal.aborted);
    expect(isAborted).toBe(false);
  });
});

describe("what is neither ours nor Azure's is a defect", () => {
  test.each([
    ["a TypeError", new TypeError("x")],
    ["a SyntaxError", new SyntaxError("x")],
    ["a plain Error", new Error("x")],
    ["text", "not even an error"],
    ["nothing", undefined],
  ])("%s passes as it is", async (_what, error) => {
    await expect(asConnector(error)).rejects.toBe(error);
    for (const code of ["VAULT_UNAVAILABLE", "STATE_UNAVAILABLE", "AUDIT_UNAVAILABLE"] as const) {
      await expect(callOwn(code, failWith(error))).rejects.toBe(error);
    }
  });
});

describe("throttled for longer than a caller waits", () => {
  test.each([
    [429, 60],
    [503, 4],
  ])("status %d and its %d seconds reach the caller", async (status, retryAfterSeconds) => {
    const error = new ThrottledError(status, retryAfterSeconds);
    const failure = { name: "ThrottledError", status };
    await expect(asConnector(error)).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: true,
      retryAfterSeconds,
      failure,
    });
    await expect(callOwn("STATE_UNAVAILABLE", failWith(error))).rejects.toMatchObject({
      code: "STATE_UNAVAILABLE",
      retryable: true,
      retryAfterSeconds,
      failure,
    });
  });
});

describe("Retry-After", () => {
  test.each([
    ["7", 7],
    ["0", null],
    ["-1", null],
    ["1.5", null],
    ["Wed, 21 Oct 2026 07:28:00 GMT", null],
    ["", null],
  ])("%j is %s", async (header, retryAfterSeconds) => {
    const error = new SdkError(429, { headers: { "retry-after": header } });
    await expect(asConnector(error)).rejects.toMatchObject({ retryAfterSeconds });
    await expect(callOwn("STATE_UNAVAILABLE", failWith(error))).rejects.toMatchObject({ retryAfterSeconds });
  });
});

describe("failureOf", () => {
  test.each([
    ["ARM's and Key Vault's place", { code: "AuthorizationFailed" }, "AuthorizationFailed"],
    ["Blob Storage's place", { details: { errorCode: "ServerBusy" } }, "ServerBusy"],
    ["Table Storage's place", { details: { code: "TableNotFound" } }, "TableNotFound"],
    ["Table Storage's body", { details: { odataError: { code: "TableBeingDeleted" } } }, "TableBeingDeleted"],
    ["what is no bare word", { code: `not a code ${TOKEN}` }, null],
    ["nothing", {}, null],
  ])("reads the code from %s", (_what, options, code) => {
    expect(failureOf(new SdkError(400, options)).code).toBe(code);
  });

  test.each([undefined, null, 7, "text", {}])("bears %j", (value) => {
    expect(failureOf(value)).toMatchObject({ status: null, code: null, retryAfterSeconds: null });
  });
});

test.each([
  ["callAsConnector", asConnector, new SdkError(403, { code: TOKEN })],
  ["callAsConnector, no answer", asConnector, new SdkError()],
  ["callOwn", (error: unknown) => callOwn("STATE_UNAVAILABLE", failWith(error)), new SdkError(403, { code: TOKEN })],
])("%s: nothing that is thrown carries the request or the token along", async (_what, call, error) => {
  const thrown: unknown = await call(error).then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Error);
  const shown = inspect(thrown, { depth: null, showHidden: true }) + JSON.stringify(thrown) + String(thrown);
  expect(shown).not.toContain(TOKEN);
  expect(thrown).not.toHaveProperty("cause");
});
