/** Who may call: good tokens of apps and users, and every kind of token that must be refused. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { createForger, type Forger } from "../support/forged-tokens.ts";
import { ROUTE_CALLS } from "../support/routes.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type State, type StateAccount } from "../support/state-account.ts";

const system = sharedSystem();
const api = createApi(system);
const NOW = Math.floor(Date.now() / 1000);
let state: StateAccount;
let forge: Forger;
let before: State;

beforeAll(async () => {
  state = openStateAccount(system);
  forge = await createForger(system, await api.tokenOf("platform-automation"));
  expect((await api.register("callers-connector")).status).toBe(201);
  expect((await api.issue("callers-connector")).status).toBe(201);
  before = await state.read();
});

/** Sends the token to every route: none may let it through, and none may say more than the other. */
async function refusals(token: string | null, headers: Record<string, string> = {}) {
  const answers = await Promise.all(
    ROUTE_CALLS.map(({ method, path, body }) => api.call(method, path, { token, headers, body })),
  );
  for (const { headers: sent, body, status } of answers) {
    expect(sent.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({ status, type: `urn:latchkey:error:${body.code.toLowerCase()}` });
    expect(body.correlationId).toBe(sent.get("x-correlation-id"));
    expect(body.detail).toMatch(/\b(Get|Send|Ask)\b/);
  }
  const kinds = answers.map(({ status, body, headers: sent }) =>
    [status, body.code, sent.get("www-authenticate") ?? "-"].join(" "),
  );
  expect(new Set(kinds).size, kinds.join()).toBe(1);
  expect(await state.read()).toEqual(before);
  return kinds[0];
}

const WRONG_AUDIENCE = '401 TOKEN_WRONG_AUDIENCE Bearer error="invalid_token"';
const INVALID = '401 TOKEN_INVALID Bearer error="invalid_token"';

it("lets anybody ask for health, and nothing else", async () => {
  const health = await api.call("GET", "health", { token: null });
  expect([health.status, health.body]).toEqual([200, { status: "ok" }]);
});

it("takes an administrator, person or pipeline", async () => {
  for (const name of ["admin", "platform-automation"]) {
    const token = await api.tokenOf(name);
    expect((await api.call("GET", "connectors/callers-connector", { token })).status).toBe(200);
  }
});

it("takes a token of version 1 for the configured App ID URI", async () => {
  const token = await forge.withClaims({
    ver: "1.0",
    iss: `https://sts.windows.net/${system.seed.tenant.id}/`,
    aud: "api://latchkey",
  });
  expect((await api.call("GET", "connectors/callers-connector", { token })).status).toBe(200);
});

describe("refuses with 401", () => {
  it("no token", async () => {
    expect(await refusals(null)).toBe("401 TOKEN_MISSING Bearer");
    expect(await refusals(null, { authorization: "" })).toBe("401 TOKEN_MISSING Bearer");
  });

  it.each(["Basic dXNlcjpwYXNz", "Bearer", "Bearer not-a-token", "Bearer a.b.c", `Bearer ${"a".repeat(20_000)}.b.c`])(
    "what is no bearer token (%#)",
    async (authorization) => {
      expect(await refusals(null, { authorization })).toBe(INVALID);
    },
  );

  it("an expired token", async () => {
    const token = await forge.withClaims({ exp: NOW - 3600, nbf: NOW - 7200 });
    expect(await refusals(token)).toBe('401 TOKEN_EXPIRED Bearer error="invalid_token"');
  });

  it("a token for another service", async () => {
    expect(await refusals(await forge.withClaims({ aud: "https://storage.azure.com" }))).toBe(WRONG_AUDIENCE);
    // Azure's own services get tokens of version 1, from the issuer that we trust for that version.
    expect(await refusals(await api.tokenOf("platform-automation", "https://management.azure.com/.default"))).toBe(
      WRONG_AUDIENCE,
    );
  });

  it("a token without a signature, and one signed with a key that is public", async () => {
    expect(await refusals(forge.unsigned())).toBe(INVALID);
    expect(await refusals(await forge.withPublicKeyAsSecret())).toBe(INVALID);
  });

  it("a token that is signed with another key", async () => {
    expect(await refusals(await forge.withOwnKey())).toBe(INVALID);
    expect(await refusals(await forge.withOwnKey("a-key-of-my-own"))).toBe(INVALID);
  });

  it("a token with a changed payload", async () => {
    const [header, , signature] = (await api.tokenOf("stranger")).split(".");
    const [, payload] = (await api.tokenOf("platform-automation")).split(".");
    expect(await refusals(`${header}.${payload}.${signature}`)).toBe(INVALID);
  });

  const other = "11111111-2222-4333-8444-555555555555";
  it.each([
    ["is of another tenant", { tid: other, iss: `https://login.microsoftonline.com/${other}/v2.0` }, INVALID],
    ["says another tenant than its issuer", { tid: other }, INVALID],
    ["comes from an issuer of somebody's own", { iss: "https://login.microsoftonline.com.evil.example/v2.0" }, INVALID],
    ["is of version 1 from the issuer of version 2", { ver: "1.0" }, INVALID],
    ["is not valid yet", { nbf: NOW + 3600 }, INVALID],
    ["never expires", { exp: undefined }, INVALID],
    ["has no audience", { aud: undefined }, WRONG_AUDIENCE],
    ["has no object id", { oid: undefined }, INVALID],
    ["does not say whether a user or an app calls", { idtyp: undefined, sub: "somebody" }, INVALID],
    ["contradicts itself about that", { idtyp: "app", scp: "user_impersonation" }, INVALID],
  ])("a token that %s", async (_what, claims, wanted) => {
    expect(await refusals(await forge.withClaims(claims))).toBe(wanted);
  });
});

describe("refuses with 403", () => {
  it("who is signed in without any role; which role opens what is in roles.test.ts", async () => {
    expect(await refusals(await api.tokenOf("stranger"))).toBe("403 ROLE_REQUIRED -");
  });

  it.each([
    ["of another application", ["Other.Admin"], "403 ROLE_REQUIRED -"],
    ["in another case", ["latchkey.admin"], "403 ROLE_REQUIRED -"],
    ["that is not a list", "Latchkey.Admin", INVALID],
  ])("a role %s", async (_what, roles, wanted) => {
    expect(await refusals(await forge.withClaims({ roles }))).toBe(wanted);
  });

  it("the master key of the Functions host, which is no identity", async () => {
    const { master }: { master: string } = JSON.parse(readFileSync(join(system.stateDir, "host", "keys.json"), "utf8"));
    expect(await refusals(null, { "x-functions-key": master })).toBe("401 TOKEN_MISSING Bearer");
  });
});

it("says who calls by the token, not by a header", async () => {
  const headers = {
    "x-ms-client-principal": Buffer.from(JSON.stringify({ roles: ["Latchkey.Admin"] })).toString("base64"),
    "x-ms-client-principal-id": "admin",
    "x-forwarded-for": "127.0.0.1",
  };
  expect(await refusals(null, headers)).toBe("401 TOKEN_MISSING Bearer");
});

it("asks Entra for its keys a few times at most, however many unknown key ids come", async () => {
  const requests = async () => {
    const answer = await fetch(`${system.controlUrl}/requests?service=entra`);
    const { items }: { items: { path: string }[] } = JSON.parse(await answer.text());
    return items.filter(({ path }) => path.includes("/discovery/")).length;
  };
  const asked = await requests();
  const tokens = await Promise.all(Array.from({ length: 20 }, (_, index) => forge.withOwnKey(`unknown-${index}`)));
  const answers = await Promise.all(tokens.map((token) => api.call("GET", "connectors", { token })));
  expect(new Set(answers.map(({ body }) => body.code))).toEqual(new Set(["TOKEN_INVALID"]));
  expect((await requests()) - asked).toBeLessThanOrEqual(1);
});
