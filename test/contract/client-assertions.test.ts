/** Applications without a secret at the local Entra: by certificate and by a managed identity, with the SDK's credentials. */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from "@azure/identity";
import { decodeJwt, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientCertificate } from "../support/client-certificate.ts";
import { jobToken } from "../support/github-jobs.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const TENANT = "a79ff333-8f45-4a74-a42e-68871c17b7fb";
const PARTNER = "b27e5d10-64c3-4f0e-9a71-3c8d5e6f7a90";
const SCOPE = "https://management.azure.com/.default";
const CERTIFIED = "ce271f1c-a7e0-4b1d-8c2e-3f4a5b6c7d21";
const FEDERATED = "fede7a7e-d1de-4a7e-9b3f-4a5b6c7d8e23";
const MULTITENANT = "3717e4a7-7e4a-4c5d-9e6f-5b6c7d8e9f27";
const SECRET = "local-zenml-multitenant-secret";
const CONNECTOR = "8926254a-8c3f-430a-a2fd-bdab234d491e";

let azure: LocalAzure;
beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

const refused = (number: string, status: number) => ({
  name: "AuthenticationRequiredError",
  message: expect.stringContaining(`AADSTS${number}:`),
  cause: expect.objectContaining({ status, errorNo: Number(number) }),
});

describe("ClientCertificateCredential", () => {
  test.each([false, true])("signs in, sending the chain: %s", async (sendCertificateChain) => {
    const certificate = clientCertificate(azure, "zenml-certificate");
    const credential = new ClientCertificateCredential(TENANT, CERTIFIED, { certificate }, { sendCertificateChain });
    expect(decodeJwt((await credential.getToken(SCOPE)).token)).toMatchObject({
      appid: CERTIFIED,
      appidacr: "2",
      oid: "ce271f1c-a7e0-4b1d-8c2e-3f4a5b6c7d22",
    });
  });

  test("is refused for an application on which the certificate is not registered", async () => {
    const certificate = clientCertificate(azure, "zenml-certificate");
    const credential = new ClientCertificateCredential(TENANT, CONNECTOR, { certificate });
    await expect(credential.getToken(SCOPE)).rejects.toMatchObject(refused("700027", 401));
  });
});

test("az and other clients sign with RS256 and name the certificate by SHA-1", async () => {
  const pem = clientCertificate(azure, "zenml-certificate");
  const der = new X509Certificate(pem.slice(pem.indexOf("-----BEGIN CERT"))).raw;
  const url = `https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token`;
  const assertion = await new SignJWT({ aud: url, iss: CERTIFIED, sub: CERTIFIED })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", x5t: createHash("sha1").update(der).digest("base64url") })
    .setExpirationTime("10m")
    .sign(createPrivateKey(pem));
  const form = {
    grant_type: "client_credentials",
    client_id: CERTIFIED,
    client_assertion: assertion,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    scope: SCOPE,
  };
  const send = (more: Record<string, string>) =>
    fetch(url, { method: "POST", body: new URLSearchParams({ ...form, ...more }) });
  expect((await send({})).status).toBe(200);
  const broken = await send({ client_assertion: `${assertion.slice(0, -4)}AAAA` });
  expect(broken.status).toBe(401);
  expect(await broken.json()).toMatchObject({ error: "invalid_client", error_codes: [700027] });
  expect((await send({ client_assertion_type: "" })).status).toBe(400);
});

describe("ClientAssertionCredential", () => {
  const identity = () => new ManagedIdentityCredential({ clientId: "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f25" });
  const exchange = async () => (await identity().getToken("api://AzureADTokenExchange/.default")).token;

  test("signs in with a token of the app's own identity", async () => {
    const credential = new ClientAssertionCredential(TENANT, FEDERATED, exchange);
    const claims = decodeJwt((await credential.getToken(SCOPE)).token);
    expect(claims).toMatchObject({ appid: FEDERATED, appidacr: "2", oid: "fede7a7e-d1de-4a7e-9b3f-4a5b6c7d8e24" });
    expect(claims).not.toHaveProperty("xms_mirid");
  });

  test("signs in with the token of a job at GitHub", async () => {
    const job = () => jobToken(azure, "train", "api://AzureADTokenExchange");
    const credential = new ClientAssertionCredential(TENANT, FEDERATED, job);
    expect(decodeJwt((await credential.getToken(SCOPE)).token)).toMatchObject({ appid: FEDERATED });
  });

  test.each<[string, string, string, () => Promise<string>]>([
    ["an application that trusts nobody", CONNECTOR, "70025", exchange],
    [
      "a token of the identity for something else",
      FEDERATED,
      "700211",
      async () => (await identity().getToken(SCOPE)).token,
    ],
    [
      "an application's token for the exchange",
      FEDERATED,
      "700213",
      async () =>
        (await new ClientSecretCredential(TENANT, MULTITENANT, SECRET).getToken("api://AzureADTokenExchange/.default"))
          .token,
    ],
    [
      "the job of somebody else's repository",
      FEDERATED,
      "700213",
      () => jobToken(azure, "train-impostor", "api://AzureADTokenExchange"),
    ],
    ["a job's token for Latchkey", FEDERATED, "700212", () => jobToken(azure, "train", "api://latchkey")],
  ])("is refused: %s", async (_what, client, number, assertion) => {
    const credential = new ClientAssertionCredential(TENANT, client, assertion);
    await expect(credential.getToken(SCOPE)).rejects.toMatchObject(refused(number, 401));
  });
});

describe("another tenant", () => {
  test.each([
    ["by its secret", () => new ClientSecretCredential(PARTNER, MULTITENANT, SECRET)],
    [
      "by the app's own identity",
      () =>
        new ClientAssertionCredential(PARTNER, MULTITENANT, async () => {
          const identity = new ManagedIdentityCredential({ clientId: "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f25" });
          return (await identity.getToken("api://AzureADTokenExchange/.default")).token;
        }),
    ],
  ])("signs in an application that is known there, %s, under another object id", async (_how, credential) => {
    expect(decodeJwt((await credential().getToken(SCOPE)).token)).toMatchObject({
      appid: MULTITENANT,
      iss: `https://sts.windows.net/${PARTNER}/`,
      oid: "3717e4a7-7e4a-4c5d-9e6f-5b6c7d8e9f29",
      tid: PARTNER,
    });
  });

  test("does not know the others", async () => {
    const certificate = clientCertificate(azure, "zenml-certificate");
    const credential = new ClientCertificateCredential(PARTNER, CERTIFIED, { certificate });
    await expect(credential.getToken(SCOPE)).rejects.toMatchObject(refused("700016", 400));
  });

  test("has its own discovery, by id and by domain", async () => {
    const described = async (name: string) =>
      (await fetch(`https://login.microsoftonline.com/${name}/v2.0/.well-known/openid-configuration`)).json();
    expect(await described("zenmlpartner.onmicrosoft.com")).toMatchObject({
      issuer: `https://login.microsoftonline.com/${PARTNER}/v2.0`,
    });
    expect(await described(PARTNER)).toEqual(await described("zenmlpartner.onmicrosoft.com"));
  });

  test("gives tokens that stores of the first tenant do not take", async () => {
    const credential = new ClientSecretCredential(PARTNER, MULTITENANT, SECRET);
    const ask = async (scope: string, url: string) => {
      const { token } = await credential.getToken(scope);
      const answer = await fetch(url, { headers: { authorization: `Bearer ${token}`, "x-ms-version": "2021-12-02" } });
      return answer.status;
    };
    const vault = "https://examplevault.vault.azure.net/secrets/example-secret?api-version=7.4";
    expect(await ask("https://vault.azure.net/.default", vault)).toBe(401);
    const blobs = "https://demozenmlartifacts.blob.core.windows.net/?comp=list";
    expect(await ask("https://storage.azure.com/.default", blobs)).toBe(401);
  });
});
