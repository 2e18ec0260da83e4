import { decodeJwt, decodeProtectedHeader } from "jose";
import { describe, expect, test } from "vitest";
import { NotEmulated } from "../../../../../infra/local/azure/entra/client-request.ts";
import { tokenV1, tokenV2 } from "../../../../../infra/local/azure/entra/token-endpoint.ts";
import { admin, automation, claimsIn, deps, NOW_SECONDS, refusalOf, request } from "./entra-parts.ts";

const TENANT = "a79ff333-8f45-4a74-a42e-68871c17b7fb";
const ARM = "https://management.azure.com/.default";
const LATCHKEY = "api://latchkey/.default";
const LATCHKEY_ID = "6f2c1f5e-41a7-4b8e-9c35-0d1b6a7e9f10";
const ADMIN_ID = "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e030";

describe("an application's token", () => {
  test("for Azure has the v1 shape, back-dated by five minutes, good for an hour", async () => {
    const answer = await tokenV2(deps, request({ ...automation, scope: ARM }));
    expect(Object.keys(answer)).toEqual(["token_type", "expires_in", "ext_expires_in", "access_token"]);
    expect(answer).toMatchObject({ token_type: "Bearer", expires_in: 3599, ext_expires_in: 3599 });
    expect(decodeProtectedHeader(answer.access_token)).toEqual({
      typ: "JWT",
      alg: "RS256",
      x5t: deps.key.kid,
      kid: deps.key.kid,
    });
    expect(claimsIn(answer)).toEqual({
      aud: "https://management.azure.com",
      iss: `https://sts.windows.net/${TENANT}/`,
      iat: NOW_SECONDS - 300,
      nbf: NOW_SECONDS - 300,
      exp: NOW_SECONDS + 3600,
      aio: expect.any(String),
      appid: automation.client_id,
      appidacr: "1",
      idp: `https://sts.windows.net/${TENANT}/`,
      idtyp: "app",
      oid: "c0ffee01-6d2f-4e30-9b4c-5d6e7f809118",
      rh: expect.stringMatching(/^1\..+\.$/),
      sub: "c0ffee01-6d2f-4e30-9b4c-5d6e7f809118",
      tid: TENANT,
      uti: expect.stringMatching(/^[\w-]{22}$/),
      ver: "1.0",
    });
  });

  test.each([
    ["https://management.core.windows.net//.default", "https://management.core.windows.net/"],
    ["https://management.azure.com//.default", "https://management.azure.com/"],
    ["797f4846-ba00-4fd7-ba43-dac1f8f63013/.default", "797f4846-ba00-4fd7-ba43-dac1f8f63013"],
    ["https://storage.azure.com/.default", "https://storage.azure.com"],
    ["https://vault.azure.net/.default openid profile offline_access", "https://vault.azure.net"],
    ["https://demozenmlartifacts.blob.core.windows.net/.default", "https://demozenmlartifacts.blob.core.windows.net"],
  ])("scope %s gives audience %s", async (scope, audience) => {
    expect(claimsIn(await tokenV2(deps, request({ ...automation, scope }))).aud).toBe(audience);
  });

  test("for an application with version 2 has the v2 shape, its client id as audience, and roles", async () => {
    const answer = await tokenV2(deps, request({ ...automation, scope: LATCHKEY }));
    expect(decodeProtectedHeader(answer.access_token)).toEqual({ typ: "JWT", alg: "RS256", kid: deps.key.kid });
    expect(claimsIn(answer)).toEqual({
      aud: LATCHKEY_ID,
      iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      iat: NOW_SECONDS - 300,
      nbf: NOW_SECONDS - 300,
      exp: NOW_SECONDS + 3600,
      aio: expect.any(String),
      azp: automation.client_id,
      azpacr: "1",
      idtyp: "app",
      oid: "c0ffee01-6d2f-4e30-9b4c-5d6e7f809118",
      rh: expect.any(String),
      roles: ["Latchkey.Admin", "Latchkey.User"],
      sub: "c0ffee01-6d2f-4e30-9b4c-5d6e7f809118",
      tid: TENANT,
      uti: expect.any(String),
      ver: "2.0",
    });
  });

  test("is given without a role, and then has no `roles`", async () => {
    const stranger = { client_id: "5ca1ab1e-0000-4000-8000-000000000019", client_secret: "local-stranger-secret" };
    const answer = await tokenV2(deps, request({ ...automation, ...stranger, scope: LATCHKEY }));
    expect(claimsIn(answer)).not.toHaveProperty("roles");
  });

  test.each(["cp1", "CP1"])(
    "lives a day when the client declares by %s that it understands revocation",
    async (name) => {
      const claims = JSON.stringify({ access_token: { xms_cc: { values: [name] } } });
      const answer = await tokenV2(deps, request({ ...automation, scope: ARM, claims }));
      expect(answer.expires_in).toBe(86_399);
      expect(claimsIn(answer)).toMatchObject({ exp: NOW_SECONDS + 86_400, xms_cc: ["cp1"] });
    },
  );

  test("comes from v1 with numbers as strings", async () => {
    const answer = await tokenV1(deps, request({ ...automation, resource: "https://vault.azure.net" }));
    expect(answer).toEqual({
      token_type: "Bearer",
      expires_in: "3599",
      ext_expires_in: "3599",
      expires_on: String(NOW_SECONDS + 3600),
      not_before: String(NOW_SECONDS - 300),
      resource: "https://vault.azure.net",
      access_token: expect.any(String),
    });
    expect(claimsIn(answer)).toMatchObject({ aud: "https://vault.azure.net", ver: "1.0" });
  });
});

describe("a user's token", () => {
  test("with more groups than a token can hold it says where to ask, to an application alone", async () => {
    const veteran = {
      ...admin,
      username: "veteran@zenmldemo.onmicrosoft.com",
      password: "local-veteran-password",
    };
    const claims = claimsIn(await tokenV2(deps, request({ ...veteran, scope: "api://latchkey/.default" })));
    expect(claims).toMatchObject({
      _claim_names: { groups: "src1" },
      _claim_sources: {
        src1: {
          endpoint: `https://graph.windows.net/${deps.seed.tenant.id}/users/1f2e3d4c-5b6a-4978-8695-a4b3c2d1e033/getMemberObjects`,
        },
      },
    });
    expect(claims).not.toHaveProperty("groups");
    const arm = claimsIn(await tokenV2(deps, request({ ...veteran, scope: "https://management.azure.com/.default" })));
    expect(arm).toHaveProperty("groups");
    expect(arm).not.toHaveProperty("_claim_names");
  });

  test("for Latchkey carries groups, roles, scope and the kind of principal", async () => {
    const answer = await tokenV2(deps, request({ ...admin, scope: LATCHKEY }));
    expect(answer).toMatchObject({ scope: "api://latchkey/user_impersonation api://latchkey/.default" });
    expect(claimsIn(answer)).toMatchObject({
      aud: LATCHKEY_ID,
      azp: admin.client_id,
      azpacr: "0",
      groups: ["6a7b8c9d-1e2f-4a3b-8c4d-5e6f7a8b9c20"],
      idtyp: "user",
      name: "admin",
      oid: ADMIN_ID,
      preferred_username: admin.username,
      roles: ["Latchkey.Admin", "Latchkey.User"],
      scp: "user_impersonation",
      ver: "2.0",
    });
    expect(claimsIn(answer).sub).not.toBe(ADMIN_ID);
  });

  test("lives between 60 and 90 minutes", async () => {
    const answer = await tokenV2(deps, request({ ...admin, scope: ARM }));
    expect(answer.expires_in).toBeGreaterThanOrEqual(3599);
    expect(answer.expires_in).toBeLessThan(5400);
    expect(claimsIn(answer).exp).toBe(NOW_SECONDS + answer.expires_in + 1);
  });

  test("for Azure names the user as v1 does", async () => {
    const claims = claimsIn(await tokenV2(deps, request({ ...admin, scope: ARM })));
    expect(claims).toMatchObject({ acr: "1", amr: ["pwd"], appidacr: "0", upn: admin.username, idtyp: "user" });
    expect(claims).not.toHaveProperty("idp");
  });

  test("has another `sub` for another resource, and the same one again", async () => {
    const subjectOf = async (scope: string) => claimsIn(await tokenV2(deps, request({ ...admin, scope }))).sub;
    expect(await subjectOf(ARM)).toBe(await subjectOf(ARM));
    expect(await subjectOf(ARM)).not.toBe(await subjectOf(LATCHKEY));
  });

  test("has the roles that are assigned to a group of the user", async () => {
    const appRoleAssignments = [{ principal: "platform-engineers", role: "Latchkey.Approver" }];
    const answer = await tokenV2(
      { ...deps, seed: { ...deps.seed, appRoleAssignments } },
      request({ ...admin, scope: LATCHKEY }),
    );
    expect(claimsIn(answer).roles).toEqual(["Latchkey.Approver"]);
  });

  test("comes with what MSAL asks for: ID token, refresh token, account", async () => {
    const form = { ...admin, scope: `${ARM} openid profile offline_access`, client_info: "1" };
    const answer = await tokenV2(deps, request(form));
    if (!("id_token" in answer && "client_info" in answer)) throw new Error("members are missing");
    expect(decodeJwt(String(answer.id_token))).toMatchObject({ aud: admin.client_id, oid: ADMIN_ID, ver: "2.0" });
    expect(JSON.parse(Buffer.from(String(answer.client_info), "base64url").toString())).toEqual({
      uid: ADMIN_ID,
      utid: TENANT,
    });
  });

  test("can be refreshed for another resource, by the same client only", async () => {
    const first = await tokenV2(deps, request({ ...admin, scope: `${ARM} offline_access` }));
    if (!("refresh_token" in first)) throw new Error("no refresh token");
    const refresh = {
      grant_type: "refresh_token",
      client_id: admin.client_id,
      refresh_token: String(first.refresh_token),
      scope: "https://vault.azure.net/.default",
    };
    expect(claimsIn(await tokenV2(deps, request(refresh)))).toMatchObject({
      aud: "https://vault.azure.net",
      oid: ADMIN_ID,
    });
    const azureCli = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
    expect(await refusalOf(tokenV2(deps, request({ ...refresh, client_id: azureCli })))).toEqual([
      400,
      "invalid_grant",
      9002313,
    ]);
    const in91Days = () => new Date((NOW_SECONDS + 91 * 86_400) * 1000);
    expect(await refusalOf(tokenV2({ ...deps, now: in91Days }, request(refresh)))).toEqual([
      400,
      "invalid_grant",
      700082,
    ]);
  });
});

describe("a refusal", () => {
  const confidential = { client_id: automation.client_id };
  test.each<[string, Record<string, string>, [number, string, number]]>([
    ["nothing at all", {}, [400, "invalid_request", 900144]],
    ["no client", { grant_type: "client_credentials" }, [400, "invalid_request", 900144]],
    ["no scope", automation, [400, "invalid_request", 900144]],
    ["no password", { ...admin, password: "", scope: ARM }, [400, "invalid_request", 900144]],
    ["unknown grant", { ...automation, grant_type: "magic" }, [400, "unsupported_grant_type", 70003]],
    ["unknown client", { ...automation, scope: ARM, client_id: TENANT }, [400, "unauthorized_client", 700016]],
    ["wrong secret", { ...automation, scope: ARM, client_secret: "guess" }, [401, "invalid_client", 7000215]],
    ["empty secret", { ...automation, scope: ARM, client_secret: "" }, [401, "invalid_client", 7000216]],
    ["secret of nobody", { ...automation, scope: ARM, client_id: admin.client_id }, [401, "invalid_client", 7000215]],
    ["user, client without secret", { ...admin, ...confidential, scope: ARM }, [401, "invalid_client", 7000218]],
    ["public client with secret", { ...admin, client_secret: "x", scope: ARM }, [401, "invalid_client", 700025]],
    ["scope not .default", { ...automation, scope: "api://latchkey/x" }, [400, "invalid_scope", 1002012]],
    ["scope without resource", { ...automation, scope: ".default" }, [400, "invalid_scope", 1002012]],
    ["scope of a user without resource", { ...admin, scope: "openid" }, [400, "invalid_scope", 70011]],
    ["two resources", { ...automation, scope: `${ARM} ${LATCHKEY}` }, [400, "invalid_scope", 1002012]],
    ["two resources of a user", { ...admin, scope: `${ARM} ${LATCHKEY}` }, [400, "invalid_scope", 70011]],
    ["permission nobody granted", { ...admin, scope: "api://latchkey/x" }, [400, "invalid_grant", 65001]],
    ["unknown resource", { ...automation, scope: "api://nothing/.default" }, [400, "invalid_resource", 500011]],
    [
      "unknown account",
      { ...automation, scope: "https://nosuch.blob.core.windows.net/.default" },
      [400, "invalid_resource", 500011],
    ],
    ["wrong password", { ...admin, scope: ARM, password: "guess" }, [400, "invalid_grant", 50126]],
    ["unknown user", { ...admin, scope: ARM, username: "x@zenmldemo.onmicrosoft.com" }, [400, "invalid_grant", 50034]],
    [
      "made-up refresh token",
      { grant_type: "refresh_token", client_id: admin.client_id, refresh_token: "x", scope: ARM },
      [400, "invalid_grant", 9002313],
    ],
  ])("v2, %s", async (_what, form, expected) => {
    expect(await refusalOf(tokenV2(deps, request(form)))).toEqual(expected);
  });

  test.each<[string, Record<string, string>, [number, string, number]]>([
    ["no grant type", { resource: "https://vault.azure.net" }, [400, "invalid_request", 900144]],
    ["wrong secret", { ...automation, client_secret: "guess" }, [401, "invalid_client", 7000215]],
    ["no resource: the old directory API is not here", automation, [400, "invalid_resource", 500011]],
    ["unknown grant", { ...automation, grant_type: "magic" }, [400, "unsupported_grant_type", 70003]],
  ])("v1, %s", async (_what, form, expected) => {
    expect(await refusalOf(tokenV1(deps, request(form)))).toEqual(expected);
  });

  test("of the secret comes first: with a wrong one nobody learns which resources there are", async () => {
    const form = { ...automation, client_secret: "guess", scope: "api://nothing/.default" };
    expect(await refusalOf(tokenV2(deps, request(form)))).toEqual([401, "invalid_client", 7000215]);
  });

  test("an application has no tenant at `common`, a user of ours has", async () => {
    const tenant = "shared" as const;
    const app = tokenV2(deps, request({ ...automation, scope: ARM }, { tenant }));
    expect(await refusalOf(app)).toEqual([400, "invalid_request", 50059]);
    const other = tokenV2(deps, request({ ...admin, scope: ARM, username: "x@example.org" }, { tenant }));
    expect(await refusalOf(other)).toEqual([400, "invalid_request", 50059]);
    expect(claimsIn(await tokenV2(deps, request({ ...admin, scope: ARM }, { tenant }))).tid).toBe(TENANT);
  });

  test.each([
    ["a grant of Entra that is not here", () => tokenV2(deps, request({ ...admin, grant_type: "authorization_code" }))],
    [
      "an assertion that is no JWT",
      () =>
        tokenV2(
          deps,
          request({
            ...automation,
            scope: ARM,
            client_assertion: "x",
            client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
          }),
        ),
    ],
    ["a user at v1", () => tokenV1(deps, request(admin))],
  ])("%s is not emulated rather than wrong", async (_what, answer) => {
    await expect(answer()).rejects.toBeInstanceOf(NotEmulated);
  });
});
