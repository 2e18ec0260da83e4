/** What is read of an access token: whose it is, and whether that is a person. */
import { expect, test } from "vitest";
import { readClaims } from "../../../shared/token-claims.ts";
import { OBJECT, TENANT } from "../../support/fakes.ts";

const tokenWith = (claims: object) =>
  `e30.${Buffer.from(JSON.stringify({ exp: 1, aud: "a", tid: TENANT, oid: OBJECT, ...claims })).toString("base64url")}.s`;

test.each([
  [{ idtyp: "app" }, "ServicePrincipal"],
  [{ idtyp: "app", scp: "user_impersonation" }, "ServicePrincipal"],
  [{}, "ServicePrincipal"],
  [{ scp: 1, upn: null }, "ServicePrincipal"],
  [{ scp: "user_impersonation" }, "User"],
  [{ idtyp: "user", upn: "somebody@example.com" }, "User"],
])("%j is of a %s", (claims, kind) => {
  expect(readClaims(tokenWith(claims))).toMatchObject({ tenantId: TENANT, objectId: OBJECT, kind });
});

test.each(["", "x", "a.b.c", `e30.${Buffer.from("{}").toString("base64url")}.s`])("%j is none", (text) => {
  expect(readClaims(text)).toBeNull();
});
