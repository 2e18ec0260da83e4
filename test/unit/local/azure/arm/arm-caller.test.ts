import { expect, test } from "vitest";
import { identifyCaller } from "../../../../../infra/local/azure/arm/arm-caller.ts";
import type { AccessTokenClaims, AccessTokens, TokenRefusal } from "../../../../../infra/local/azure/ports.ts";

const tenantId = "a79ff333-8f45-4a74-a42e-68871c17b7fb";
const now = () => new Date("2026-11-22T00:05:09Z");
const refusing = (reason: TokenRefusal): AccessTokens => ({ verify: async () => ({ ok: false, reason }) });
const jwt = (claims: object) =>
  `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;

const claims: AccessTokenClaims = {
  aud: "https://management.azure.com/",
  iss: `https://sts.windows.net/${tenantId}/`,
  tid: tenantId,
  oid: "object",
  exp: 0,
};
const taking = (found: AccessTokenClaims): AccessTokens => ({ verify: async () => ({ ok: true, claims: found }) });

test("identifyCaller: every refusal has the code of ARM", async () => {
  const codes: [TokenRefusal, string][] = [
    ["malformed", "InvalidAuthenticationToken"],
    ["signature", "InvalidAuthenticationToken"],
    ["notYetValid", "InvalidAuthenticationToken"],
    ["expired", "ExpiredAuthenticationToken"],
    ["issuer", "InvalidAuthenticationTokenTenant"],
    ["audience", "InvalidAuthenticationTokenAudience"],
  ];
  for (const [reason, code] of codes) {
    const caller = identifyCaller(`Bearer ${jwt(claims)}`, { tokens: refusing(reason), tenantId, now });
    await expect(caller, reason).rejects.toMatchObject({ status: 401, code });
  }
});

test("identifyCaller: an expired token is told both times", async () => {
  const token = jwt({ ...claims, exp: Date.parse("2026-11-21T13:04:05Z") / 1000 });
  await expect(identifyCaller(`Bearer ${token}`, { tokens: refusing("expired"), tenantId, now })).rejects.toMatchObject(
    {
      message:
        "The access token expiry UTC time '11/21/2026 1:04:05 PM' is earlier than current UTC time '11/22/2026 12:05:09 AM'.",
    },
  );
});

test("identifyCaller: no claim of a refused token can break out of the challenge header", async () => {
  const token = jwt({ ...claims, aud: 'x", evil="1\r\nset-cookie: a=b é' });
  const error = await identifyCaller(`Bearer ${token}`, { tokens: refusing("audience"), tenantId, now }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ challenge: expect.not.stringMatching(/evil="|[\r\né]/) });
});

test("identifyCaller: calls an app by its application id and a user by the sign-in name", async () => {
  const app = { ...claims, appid: "app-id" };
  const asApp = await identifyCaller(`Bearer ${jwt(app)}`, { tokens: taking(app), tenantId, now });
  expect(asApp).toMatchObject({ client: "app-id", objectId: "object", principal: { objectId: "object", groups: [] } });
  const user = { ...claims, appid: "app-id", groups: ["g"], upn: "admin@zenmldemo.onmicrosoft.com" };
  const asUser = await identifyCaller(`Bearer ${jwt(user)}`, { tokens: taking(user), tenantId, now });
  expect(asUser).toMatchObject({ client: "admin@zenmldemo.onmicrosoft.com", principal: { groups: ["g"] } });
});
