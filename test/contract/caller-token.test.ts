/** Callers with tokens of the local Entra: apps, users, and tokens for another service. */
import { UsernamePasswordCredential } from "@azure/identity";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createCallerVerifier, type VerifyCaller } from "../../shared/azure/caller-token.ts";
import { tokenOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { TENANT } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const API = "6f2c1f5e-41a7-4b8e-9c35-0d1b6a7e9f10";
const SCOPE = "api://latchkey/.default";
const CLI = "3d0e7c52-9d0f-4a55-8a35-0d8d6c3c2b12";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

function newVerifier(changes: { v1Audiences?: string[]; tenantIds?: string[] } = {}): VerifyCaller {
  const defaults = { tenantIds: [TENANT], apiClientId: API, v1Audiences: ["api://latchkey"], oidcIssuers: [] };
  const callers = { ...defaults, ...changes };
  return createCallerVerifier({ cloud: "public", callers, fetch, now: () => new Date() });
}
const userToken = async (name: string, password: string) =>
  (await new UsernamePasswordCredential(TENANT, CLI, `${name}@zenmldemo.onmicrosoft.com`, password).getToken(SCOPE))
    .token;

describe("takes", () => {
  test("an app with its roles", async () => {
    const token = await tokenOf(azure, "platform-automation", SCOPE);
    expect(await newVerifier()(`Bearer ${token}`)).toEqual({
      kind: "app",
      issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      tenantId: TENANT,
      subject: "c0ffee01-6d2f-4e30-9b4c-5d6e7f809118",
      id: `app:${TENANT}/c0ffee01-6d2f-4e30-9b4c-5d6e7f809118`,
      groups: [],
      roles: ["Latchkey.Admin", "Latchkey.User"],
    });
  });

  test.each([
    ["admin", "local-admin-password", "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e030", ["Latchkey.Admin", "Latchkey.User"]],
    ["scientist", "local-scientist-password", "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e031", ["Latchkey.User"]],
  ])("the user %s by object id", async (name, password, subject, roles) => {
    const token = await userToken(name, password);
    expect(await newVerifier()(`Bearer ${token}`)).toMatchObject({ kind: "user", subject, roles });
  });

  test("a user in more groups than a token can hold as one whose groups are unknown", async () => {
    const verify = newVerifier();
    const veteran = await verify(`Bearer ${await userToken("veteran", "local-veteran-password")}`);
    expect(veteran).toMatchObject({ kind: "user", groups: "overage" });
    const scientist = await verify(`Bearer ${await userToken("scientist", "local-scientist-password")}`);
    expect(scientist.groups).toEqual(["6a7b8c9d-1e2f-4a3b-8c4d-5e6f7a8b9c21"]);
  });

  test("an app without a role as a caller without one", async () => {
    expect(await newVerifier()(`Bearer ${await tokenOf(azure, "stranger", SCOPE)}`)).toMatchObject({ roles: [] });
  });
});

describe("refuses", () => {
  test.each([
    ["https://management.azure.com/.default"],
    ["https://vault.azure.net/.default"],
    ["https://storage.azure.com/.default"],
  ])("a token for %s", async (scope) => {
    const token = await tokenOf(azure, "platform-automation", scope);
    await expect(newVerifier()(`Bearer ${token}`)).rejects.toMatchObject({ code: "TOKEN_WRONG_AUDIENCE" });
  });

  test("a tenant that is not pinned", async () => {
    const token = await tokenOf(azure, "platform-automation", SCOPE);
    const elsewhere = newVerifier({ tenantIds: ["11111111-2222-4333-8444-555555555555"] });
    await expect(elsewhere(`Bearer ${token}`)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  });

  test("a token whose signature was changed", async () => {
    const [head, body, signature = ""] = (await tokenOf(azure, "platform-automation", SCOPE)).split(".");
    const changed = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    await expect(newVerifier()(`Bearer ${head}.${body}.${changed}`)).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  });
});

describe("faults", () => {
  test.each([{ status: 503 }, { drop: true }, { status: 429, retryAfterSeconds: 1 }])(
    "keys that cannot be read (%j): UPSTREAM_TIMEOUT, and the next call tries again",
    async (fault) => {
      const verify = newVerifier();
      const authorization = `Bearer ${await tokenOf(azure, "platform-automation", SCOPE)}`;
      await control.fault({ service: "entra", path: "/keys", ...fault });
      await expect(verify(authorization)).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT", retryable: true });
      expect(await control.clear()).toBeGreaterThan(0);
      expect(await verify(authorization)).toMatchObject({ kind: "app" });
    },
  );

  test("keys that do not come end in UPSTREAM_TIMEOUT by themselves", async () => {
    const authorization = `Bearer ${await tokenOf(azure, "platform-automation", SCOPE)}`;
    await control.fault({ service: "entra", path: "/keys", latencyMs: 60_000 });
    await expect(newVerifier()(authorization)).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT" });
  });
});
