/** A connector's sign-in by every method, at the local Entra and as a managed identity, with the SDK's own credentials. */
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { clientCertificateFile } from "../../infra/local/azure/entra/client-certificates.ts";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import { createTokenIssuer } from "../../shared/azure/arm-token.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { type AppIdentity, NO_APP_IDENTITY } from "../../shared/connectors/app-identity.ts";
import type { SignIn } from "../../shared/connectors/ports.ts";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { SUBSCRIPTION, TENANT } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { makePem } from "../support/pem.ts";
import { signInOf } from "../support/product-parts.ts";

const ARM = "https://management.azure.com";
const STORAGE = "https://storage.azure.com";
const PARTNER_TENANT = "b27e5d10-64c3-4f0e-9a71-3c8d5e6f7a90";
const CERTIFICATE_APP = "ce271f1c-a7e0-4b1d-8c2e-3f4a5b6c7d21";
const FEDERATED_APP = "fede7a7e-d1de-4a7e-9b3f-4a5b6c7d8e23";
const MULTITENANT_APP = "3717e4a7-7e4a-4c5d-9e6f-5b6c7d8e9f27";
/** The identity that is attached to the app, and one that is not. */
const APP_IDENTITY = "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f25";
const APP_PRINCIPAL = "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f26";
const OTHER_IDENTITY = "f17e0001-71d1-4e5e-8a01-7c8d9e0f1a2b";
const APP: AppIdentity = {
  appClientId: null,
  ownClientIds: [APP_IDENTITY],
  assertionClientId: APP_IDENTITY,
  hasManagedIdentities: true,
  allowsImplicit: true,
};

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const identitiesOf = (app: AppIdentity) =>
  createConnectorIdentities(app, { own: credentialOf(azure, "latchkey-service"), now: () => new Date() });
const viewOf = (signIn: SignIn, app = APP) => createOpenAzure(identitiesOf(app))(signIn);
const issue = (signIn: SignIn, audience: string, app = APP) =>
  createTokenIssuer(identitiesOf(app))({ signIn, audience });

type Ids = { readonly tenantId: string | null; readonly clientId: string | null };
function signInBy(authMethod: SignIn["authMethod"], ids: Ids, secret: SignIn["secret"] = null): SignIn {
  const base = signInOf(azure, "zenml-connector");
  return { ...base, authMethod, configuration: { ...base.configuration, ...ids }, secret };
}
const given = (kind: "clientSecret" | "certificate" | "token", value: string): SignIn["secret"] => ({
  kind,
  read: async () => value,
});
const pemOfSeed = () => readFileSync(clientCertificateFile(azure.stateDir, "zenml-certificate"), "utf8");
const byCertificate = (pem: string) =>
  signInBy("service-principal", { tenantId: TENANT, clientId: CERTIFICATE_APP }, given("certificate", pem));
const byToken = (token: string) => signInBy("access-token", { tenantId: null, clientId: null }, given("token", token));
const byIdentity = (clientId: string) => signInBy("managed-identity", { tenantId: null, clientId });
const byFederation = (clientId: string, tenantId = TENANT) => signInBy("workload-identity", { tenantId, clientId });
const implicit = () => signInBy("implicit", { tenantId: null, clientId: null });

describe("every method signs in as whom it names", () => {
  test.each<[string, () => Promise<SignIn>, { tenantId: string; objectId: string }]>([
    [
      "a certificate",
      async () => byCertificate(pemOfSeed()),
      { tenantId: TENANT, objectId: "ce271f1c-a7e0-4b1d-8c2e-3f4a5b6c7d22" },
    ],
    [
      "an access token",
      async () => byToken(await tokenOf(azure, "zenml-connector", `${ARM}/.default`)),
      { tenantId: TENANT, objectId: "4e7d2c1b-0a9f-4e8d-b7c6-a5f4e3d2c116" },
    ],
    ["a managed identity", async () => byIdentity(APP_IDENTITY), { tenantId: TENANT, objectId: APP_PRINCIPAL }],
    [
      "an application that trusts the app's identity",
      async () => byFederation(FEDERATED_APP),
      { tenantId: TENANT, objectId: "fede7a7e-d1de-4a7e-9b3f-4a5b6c7d8e24" },
    ],
    [
      "the same in another tenant",
      async () => byFederation(MULTITENANT_APP, PARTNER_TENANT),
      { tenantId: PARTNER_TENANT, objectId: "3717e4a7-7e4a-4c5d-9e6f-5b6c7d8e9f29" },
    ],
    [
      "a secret in another tenant",
      async () => signInOf(azure, "zenml-multitenant", { tenantId: PARTNER_TENANT }),
      { tenantId: PARTNER_TENANT, objectId: "3717e4a7-7e4a-4c5d-9e6f-5b6c7d8e9f29" },
    ],
    ["the app itself", async () => implicit(), { tenantId: TENANT, objectId: "9c8b7a65-4d3c-4b2a-8190-7f6e5d4c3b15" }],
  ])("%s", async (_what, signIn, who) => {
    expect(await viewOf(await signIn()).signIn()).toEqual({ ...who, kind: "ServicePrincipal" });
  });

  test("and then lists with it", async () => {
    for (const signIn of [byCertificate(pemOfSeed()), byIdentity(APP_IDENTITY), byFederation(FEDERATED_APP)]) {
      const found = await viewOf(signIn).subscriptions();
      expect(found.map(({ subscriptionId }) => subscriptionId)).toContain(SUBSCRIPTION);
    }
  });
});

describe("lent tokens", () => {
  test.each(["certificate", "managed identity", "federation"])(
    "%s: for the audience that was asked for",
    async (what) => {
      const signIn =
        what === "certificate"
          ? byCertificate(pemOfSeed())
          : what === "federation"
            ? byFederation(FEDERATED_APP)
            : byIdentity(APP_IDENTITY);
      const { token } = await issue(signIn, STORAGE);
      expect(decodeJwt(token).aud).toBe(STORAGE);
    },
  );

  test("a given token is lent as it is, with its own end, and never for another audience", async () => {
    const token = await tokenOf(azure, "zenml-connector", `${ARM}/.default`);
    expect(await issue(byToken(token), ARM)).toEqual({
      token,
      expiresAt: new Date((decodeJwt(token).exp ?? 0) * 1000),
      tenantId: TENANT,
    });
    for (const audience of [STORAGE, "https://vault.azure.net", "https://management.usgovcloudapi.net"]) {
      await expect(issue(byToken(token), audience)).rejects.toMatchObject({ code: "UNSUPPORTED_BY_METHOD" });
    }
  });
});

describe("a sign-in that cannot work says what to do", () => {
  test.each<[string, () => Promise<SignIn>, RegExp]>([
    [
      "a certificate that is not registered",
      async () => {
        const { key, certificate } = await makePem(new Date(Date.now() - 60_000), new Date(Date.now() + 3_600_000));
        return byCertificate(key + certificate);
      },
      /AADSTS700027/,
    ],
    [
      "a certificate without its key",
      async () => byCertificate(pemOfSeed().replace(/-----BEGIN PRIV[\s\S]*?KEY-----\n/, "")),
      /certificate/,
    ],
    ["a certificate that is none", async () => byCertificate("no PEM"), /certificate/],
    ["an identity that is not attached", async () => byIdentity(OTHER_IDENTITY), /[Aa]ttach/],
    ["an application without a federated credential", async () => byFederation(CERTIFICATE_APP), /AADSTS7002[15]/],
    [
      "an application that another tenant does not know",
      async () => byFederation(FEDERATED_APP, PARTNER_TENANT),
      /AADSTS700016/,
    ],
    [
      "a tenant that is none",
      async () => byFederation(FEDERATED_APP, "00000000-0000-4000-8000-000000000000"),
      /AADSTS90002/,
    ],
    ["a token that is none", async () => byToken("x"), /access token/],
    ["a token for another service", async () => byToken(await tokenOf(azure, "zenml-connector")), /access token/],
  ])("%s", async (_what, signIn, text) => {
    const one = await signIn();
    const thrown: unknown = await viewOf(one)
      .signIn()
      .catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "SIGN_IN_FAILED", message: expect.stringMatching(text) });
    const shown = inspect(thrown, { depth: null, showHidden: true });
    expect(shown).not.toContain("PRIVATE KEY");
    expect(shown).not.toMatch(/eyJ[\w-]+\./);
  });

  test("an access token that ARM does not take, though it reads like one", async () => {
    const token = await tokenOf(azure, "zenml-connector", `${ARM}/.default`);
    const claims = decodeJwt(token);
    const { privateKey } = await generateKeyPair("RS256");
    const { kid = "" } = decodeProtectedHeader(token);
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: "RS256", typ: "JWT", kid }).sign(privateKey);
    await expect(viewOf(byToken(forged)).signIn()).rejects.toMatchObject({
      code: "SIGN_IN_FAILED",
      message: expect.stringMatching(/new one/),
    });
    await expect(viewOf(byToken(token)).signIn()).resolves.toMatchObject({ tenantId: TENANT });
  });

  test("ARM that fails says nothing of an access token", async () => {
    const token = await tokenOf(azure, "zenml-connector", `${ARM}/.default`);
    await control.fault({ host: "management.azure.com", status: 503 });
    await expect(viewOf(byToken(token)).signIn()).rejects.toMatchObject({ name: "UpstreamError", retryable: true });
  });

  test("a token that has ended is CONNECTOR_EXPIRED", async () => {
    const token = await tokenOf(azure, "zenml-connector", `${ARM}/.default`);
    const later = createConnectorIdentities(APP, {
      own: credentialOf(azure, "latchkey-service"),
      now: () => new Date((decodeJwt(token).exp ?? 0) * 1000),
    });
    await expect(createOpenAzure(later)(byToken(token)).signIn()).rejects.toMatchObject({ code: "CONNECTOR_EXPIRED" });
  });

  test("a method that this installation does not offer is refused, and nobody is asked", async () => {
    await control.fault({ service: "entra", status: 503 });
    for (const signIn of [byIdentity(APP_IDENTITY), byFederation(FEDERATED_APP)]) {
      await expect(viewOf(signIn, NO_APP_IDENTITY).signIn()).rejects.toMatchObject({ code: "SIGN_IN_FAILED" });
    }
    await expect(viewOf(implicit(), NO_APP_IDENTITY).signIn()).rejects.toMatchObject({ code: "DENIED" });
    expect(await control.clear()).toBe(0);
  });

  test("the app's own identity that is not attached is ours to mend, not the connector's", async () => {
    const app = { ...APP, assertionClientId: OTHER_IDENTITY };
    await expect(viewOf(byFederation(FEDERATED_APP), app).signIn()).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: false,
      message: expect.stringContaining("LATCHKEY_APP_IDENTITY_CLIENT_ID"),
    });
  });

  test("Entra that fails is no refusal", async () => {
    await control.fault({ service: "entra", status: 503 });
    for (const signIn of [byCertificate(pemOfSeed()), byFederation(FEDERATED_APP)]) {
      await expect(viewOf(signIn).signIn()).rejects.toMatchObject({ name: "UpstreamError", retryable: true });
    }
  });
});

test("nobody is signed in to another tenant than the connector says, whatever a vault answers", async () => {
  const options = { tenantId: PARTNER_TENANT };
  for (const signIn of [
    byCertificate(pemOfSeed()),
    byFederation(MULTITENANT_APP),
    signInOf(azure, "zenml-multitenant"),
  ]) {
    const credential = identitiesOf(APP)(signIn);
    await expect(credential.getToken(`${STORAGE}/.default`, options)).rejects.toMatchObject({ code: "CROSS_TENANT" });
    expect(await credential.getToken(`${STORAGE}/.default`, { tenantId: TENANT.toUpperCase() })).not.toBeNull();
  }
});
