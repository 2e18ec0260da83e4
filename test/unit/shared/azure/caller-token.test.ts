import { describe, expect, test } from "vitest";
import { TENANT } from "../../../support/fakes.ts";
import {
  API,
  APP_OID,
  appClaims,
  type ClaimChanges,
  keySet,
  NOW_SECONDS,
  OTHER_TENANT,
  sign,
  signingKey,
  USER_OID,
  userClaims,
  v1Claims,
  verifierOf,
} from "../../../support/fakes-tokens.ts";

const key = await signingKey("key-1");
const { verify, verifyHeader, requests } = verifierOf(() => keySet(key));
const ARM = "https://management.azure.com";

describe("takes", () => {
  test("an app's v2 token: by tenant and object id, with the roles that are known", async () => {
    expect(await verify(await sign(key, appClaims()))).toEqual({
      kind: "app",
      issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      tenantId: TENANT,
      subject: APP_OID,
      id: `app:${TENANT}/${APP_OID}`,
      groups: [],
      roles: ["Latchkey.Admin"],
    });
  });

  test("a user's token: object id, not the subject of the pair", async () => {
    const caller = await verify(await sign(key, userClaims()));
    expect(caller).toMatchObject({ kind: "user", subject: USER_OID, roles: ["Latchkey.User"] });
  });

  test("a v1 token for the App ID URI", async () => {
    expect(await verify(await sign(key, v1Claims()))).toMatchObject({
      kind: "app",
      issuer: `https://sts.windows.net/${TENANT}/`,
    });
  });

  test.each<[string, ClaimChanges]>([
    ["no roles at all", { roles: undefined }],
    ["an expiry that is a minute old, for clocks differ", { exp: NOW_SECONDS - 59 }],
    ["a start in a minute", { nbf: NOW_SECONDS + 59 }],
    ["no idtyp, where object id and subject are one", { idtyp: undefined }],
    ["capitals in ids", { tid: TENANT.toUpperCase(), oid: APP_OID.toUpperCase() }],
  ])("%s", async (_what, changes) => {
    expect(await verify(await sign(key, appClaims(changes)))).toMatchObject({ tenantId: TENANT, subject: APP_OID });
  });

  test.each(["Bearer", "bearer", "BEARER"])("the scheme written %s", async (scheme) => {
    expect(await verifyHeader(`${scheme} ${await sign(key, appClaims())}`)).toMatchObject({ kind: "app" });
  });

  test("a user without idtyp by the scope", async () => {
    expect(await verify(await sign(key, userClaims({ idtyp: undefined })))).toMatchObject({ kind: "user" });
  });
});

describe("refuses claims", () => {
  test.each<[string, ClaimChanges, string]>([
    ["expired", { exp: NOW_SECONDS - 61 }, "TOKEN_EXPIRED"],
    ["not yet valid", { nbf: NOW_SECONDS + 61 }, "TOKEN_INVALID"],
    ["without exp", { exp: undefined }, "TOKEN_INVALID"],
    ["without nbf", { nbf: undefined }, "TOKEN_INVALID"],
    ["with an exp that is text", { exp: "tomorrow" }, "TOKEN_INVALID"],
    ["for ARM", { aud: ARM }, "TOKEN_WRONG_AUDIENCE"],
    ["for the App ID URI at v2", { aud: "api://latchkey" }, "TOKEN_WRONG_AUDIENCE"],
    ["for an API whose id begins alike", { aud: `${API}0` }, "TOKEN_WRONG_AUDIENCE"],
    ["for nobody", { aud: undefined }, "TOKEN_WRONG_AUDIENCE"],
    ["for several, us among them", { aud: [API, ARM] }, "TOKEN_INVALID"],
    ["for us alone, but as a list", { aud: [API] }, "TOKEN_INVALID"],
    ["for several others", { aud: [ARM, "x"] }, "TOKEN_WRONG_AUDIENCE"],
    ["of another tenant's issuer", { iss: `https://login.microsoftonline.com/${OTHER_TENANT}/v2.0` }, "TOKEN_INVALID"],
    ["of no tenant's issuer", { iss: "https://login.microsoftonline.com/common/v2.0" }, "TOKEN_INVALID"],
    ["of an issuer that begins alike", { iss: `https://login.microsoftonline.com/${TENANT}/v2.0/` }, "TOKEN_INVALID"],
    ["of an issuer elsewhere", { iss: `https://login.example.org/${TENANT}/v2.0` }, "TOKEN_INVALID"],
    ["of a list of issuers", { iss: [`https://login.microsoftonline.com/${TENANT}/v2.0`] }, "TOKEN_INVALID"],
    ["without issuer", { iss: undefined }, "TOKEN_INVALID"],
    ["with another tenant in tid", { tid: OTHER_TENANT }, "TOKEN_INVALID"],
    ["without tid", { tid: undefined }, "TOKEN_INVALID"],
    ["with version 1 at the v2 issuer", { ver: "1.0" }, "TOKEN_INVALID"],
    ["of an unknown version", { ver: "3.0" }, "TOKEN_INVALID"],
    ["without version", { ver: undefined }, "TOKEN_INVALID"],
    ["without object id", { oid: undefined }, "TOKEN_INVALID"],
    ["with an object id that is none", { oid: "admin@example.org" }, "TOKEN_INVALID"],
    ["without subject", { sub: undefined }, "TOKEN_INVALID"],
    ["with roles as text", { roles: "Latchkey.Admin" }, "TOKEN_INVALID"],
    ["of an app with a user's scope", { scp: "user_impersonation" }, "TOKEN_INVALID"],
    ["of a user without scope", { idtyp: "user" }, "TOKEN_INVALID"],
    ["of another kind", { idtyp: "device" }, "TOKEN_INVALID"],
    ["of nobody knows which kind", { idtyp: undefined, sub: "pairwise" }, "TOKEN_INVALID"],
  ])("%s", async (_what, changes, code) => {
    await expect(verify(await sign(key, appClaims(changes)))).rejects.toMatchObject({ name: "DeniedError", code });
  });

  test.each<[string, ClaimChanges, string]>([
    ["version 2", { ver: "2.0" }, "TOKEN_INVALID"],
    ["the client id as audience", { aud: API }, "TOKEN_WRONG_AUDIENCE"],
    ["ARM as audience", { aud: ARM }, "TOKEN_WRONG_AUDIENCE"],
    ["another tenant in tid", { tid: OTHER_TENANT }, "TOKEN_INVALID"],
  ])("a v1 token with %s", async (_what, changes, code) => {
    await expect(verify(await sign(key, v1Claims(changes)))).rejects.toMatchObject({ code });
  });

  test("every v1 token, where no v1 audience is set", async () => {
    const none = verifierOf(() => keySet(key), []);
    await expect(none.verify(await sign(key, v1Claims()))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    expect(none.requests).toEqual([]);
  });
});

test("keys come from the tenant's own address, redirects refused", () => {
  expect(new Set(requests.map(({ url }) => url))).toEqual(
    new Set(["v2.0/keys", "keys"].map((path) => `https://login.microsoftonline.com/${TENANT}/discovery/${path}`)),
  );
  expect(requests.every(({ redirect }) => redirect === "error")).toBe(true);
});
