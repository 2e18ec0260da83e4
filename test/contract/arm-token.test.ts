/** Access tokens of a connector's identity: for whom they are, when they end, and that each is new. */
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createAudienceUri, createTokenIssuer } from "../../shared/azure/arm-token.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { NO_APP_IDENTITY } from "../../shared/connectors/app-identity.ts";
import { type Control, createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { signInOf } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const issuer = createTokenIssuer(createConnectorIdentities());
const issue = (audience: string, signIn = signInOf(azure, "zenml-connector")) => issuer({ signIn, audience });

test.each(["arm", "storage", "key-vault"])("%s: for this audience alone, ending when it says itself", async (name) => {
  const audience = createAudienceUri([], NO_APP_IDENTITY)(name, signInOf(azure, "zenml-connector"));
  const { token, expiresAt } = await issue(audience);
  const claims = decodeJwt(token);
  expect(claims.aud).toBe(audience);
  expect(expiresAt).toEqual(new Date((claims.exp ?? 0) * 1000));
});

test("each is a new one, also of the same sign-in", async () => {
  const signIn = signInOf(azure, "zenml-connector");
  const audience = createAudienceUri([], NO_APP_IDENTITY)("arm", signInOf(azure, "zenml-connector"));
  const [first, second] = [await issue(audience, signIn), await issue(audience, signIn)];
  expect(first.token === second.token).toBe(false);
});

test("only audiences that are known or listed are served", () => {
  const signIn = signInOf(azure, "zenml-connector");
  const uriOf = createAudienceUri(["api://listed"], NO_APP_IDENTITY);
  expect(uriOf("api://listed", signIn)).toBe("api://listed");
  for (const name of ["api://other", "constructor", "__proto__", "https://management.azure.com", "ARM", ""]) {
    expect(() => uriOf(name, signIn)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  }
});

test("a sign-in that Entra refuses is SIGN_IN_FAILED; Entra down is not", async () => {
  const wrong = {
    ...signInOf(azure, "zenml-connector"),
    secret: { kind: "clientSecret" as const, read: async () => "wrong" },
  };
  await expect(issue("https://management.azure.com", wrong)).rejects.toMatchObject({ code: "SIGN_IN_FAILED" });
  await control.fault({ service: "entra", status: 503 });
  await expect(issue("https://management.azure.com")).rejects.toMatchObject({ name: "UpstreamError", retryable: true });
});
