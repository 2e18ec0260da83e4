/** Bodies that are no request at all: too large, no JSON, another type, or built to do harm. */
import { beforeAll, describe, expect, it } from "vitest";
import { type CallOptions, CREDENTIAL_REQUEST, createApi, registration } from "../support/api.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type State, type StateAccount } from "../support/state-account.ts";

const SECRET = "secret-of-a-bad-body-51d";
const LIMIT_BYTES = 64 * 1024;

const system = sharedSystem();
const api = createApi(system);
let state: StateAccount;
let before: State;

beforeAll(async () => {
  state = openStateAccount(system);
  expect((await api.register("bad-body")).status).toBe(201);
  before = await state.read();
});

const PATHS = ["connectors", "connectors/bad-body/credentials"];

async function expectBoth(options: CallOptions, status: number, code: string) {
  for (const path of PATHS) {
    const { body, text, ...answer } = await api.call("POST", path, options);
    expect([answer.status, body?.code], text).toEqual([status, code]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(text).not.toContain(SECRET);
  }
  expect(await state.read()).toEqual(before);
}

describe("refuses", () => {
  it("a body over the limit, whatever it says", async () => {
    const rawBody = JSON.stringify({
      ...registration(system, "bad-body-new"),
      padding: SECRET.repeat(LIMIT_BYTES / 16),
    });
    await expectBoth({ rawBody }, 413, "BODY_TOO_LARGE");
    await expectBoth({ rawBody: " ".repeat(LIMIT_BYTES + 1) }, 413, "BODY_TOO_LARGE");
  });

  it("a body at the limit for what is in it, not for its size", async () => {
    await expectBoth({ rawBody: "{}".padEnd(LIMIT_BYTES) }, 400, "INVALID_REQUEST");
  });

  it("a body without a length, which Azure does not hand on", async () => {
    const chunks = () => new Blob([JSON.stringify({ secret: SECRET })]).stream();
    for (const path of PATHS) {
      const { status, body } = await api.call("POST", path, { rawBody: chunks() });
      expect([status, body.code]).toEqual([400, "INVALID_REQUEST"]);
    }
    expect(await state.read()).toEqual(before);
  });

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json-patch+json",
    "text/json",
    "multipart/form-data",
  ])("the type %s", async (type) => {
    await expectBoth({ headers: { "content-type": type }, rawBody: "{}" }, 400, "INVALID_REQUEST");
  });

  it.each([
    "",
    "null",
    "[]",
    "7",
    `"${SECRET}"`,
    "{",
    `{"secrets":{"clientSecret":"${SECRET}"}`,
    `{'a':'${SECRET}'}`,
    `{"a":1}${SECRET}`,
    `${"[".repeat(30_000)}`,
    `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
    "\u0000",
    "NaN",
  ])("the text %#", async (rawBody) => {
    await expectBoth({ rawBody }, 400, "INVALID_REQUEST");
  });

  it("bytes that are not UTF-8", async () => {
    for (const path of PATHS) {
      const response = await fetch(`${system.apiUrl}/api/${path}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${await api.tokenOf("platform-automation")}`,
          "content-type": "application/json",
        },
        body: new Uint8Array([0x22, 0xff, 0xfe, 0x22]),
      });
      expect([response.status, JSON.parse(await response.text()).code]).toEqual([400, "INVALID_REQUEST"]);
    }
  });

  it.each(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"])(
    "the member %s, wherever it stands",
    async (member) => {
      const harm = `"${member}":{"isAdmin":true,"ttlSeconds":999999}`;
      const register = JSON.stringify(registration(system, "bad-body-new"));
      const issue = JSON.stringify(CREDENTIAL_REQUEST);
      const bodies: [path: string, rawBody: string][] = [
        ["connectors", `{${harm},${register.slice(1)}`],
        ["connectors", register.replace('"configuration":{', `"configuration":{${harm},`)],
        ["connectors", register.replace('"secrets":{', `"secrets":{${harm},`)],
        ["connectors", register.replace(/}$/, `,"labels":{${harm}}}`)],
        ["connectors/bad-body/credentials", `{${harm},${issue.slice(1)}`],
        ["connectors/bad-body/credentials", issue.replace(/}$/, `,"scope":{${harm}}}`)],
      ];
      for (const [path, rawBody] of bodies) {
        const { status, body, text } = await api.call("POST", path, { rawBody });
        expect([status, body.code], `${rawBody} ${text}`).toEqual([400, "INVALID_REQUEST"]);
      }
      expect(await state.read()).toEqual(before);
      // Nothing sticks to the objects of later requests.
      const { status, body } = await api.call<{ isAdmin?: unknown }>("GET", "connectors/bad-body");
      expect([status, body.isAdmin]).toEqual([200, undefined]);
    },
  );
});

describe("paths", () => {
  it.each([
    "connectors/..%2f..%2fadmin",
    "connectors/a%00b",
    "connectors/%F0%9F%94%91",
    "connectors/n~bad-body",
    `connectors/${"x".repeat(64)}`,
    "connectors/'%20or%20'1'%20eq%20'1",
  ])("%s names nothing", async (path) => {
    const { status } = await api.call("GET", path);
    expect([400, 404]).toContain(status);
    expect(await state.read()).toEqual(before);
  });

  it.each([
    ["PUT", "connectors/bad-body"],
    ["POST", "connectors/bad-body"],
    ["GET", "connectors/bad-body/credentials"],
    ["GET", "nothing"],
    ["POST", "health"],
  ])("%s %s is not there", async (method, path) => {
    expect((await api.call(method, path)).status).toBe(404);
  });
});
