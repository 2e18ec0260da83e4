/** Tokens without a secret: managed identities of the app, and applications that trust them, with the SDK's own credentials. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ClientAssertionCredential, ClientCertificateCredential, ManagedIdentityCredential } from "@azure/identity";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const TENANT = "a79ff333-8f45-4a74-a42e-68871c17b7fb";
const ARM = "https://management.azure.com/.default";
const IDENTITY = "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f25";
const IDENTITY_PRINCIPAL = "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f26";
const FEDERATED = "fede7a7e-d1de-4a7e-9b3f-4a5b6c7d8e23";
const CERTIFIED = "ce271f1c-a7e0-4b1d-8c2e-3f4a5b6c7d21";

let azure: LocalAzure;
beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

test("a managed identity", async () => {
  const { token } = await new ManagedIdentityCredential({ clientId: IDENTITY }).getToken(ARM);
  expect(decodeJwt(token)).toMatchObject({ oid: IDENTITY_PRINCIPAL, appidacr: "2" });
});

test("an application that trusts it", async () => {
  const identity = new ManagedIdentityCredential({ clientId: IDENTITY });
  const credential = new ClientAssertionCredential(
    TENANT,
    FEDERATED,
    async () => (await identity.getToken("api://AzureADTokenExchange/.default")).token,
  );
  const { token } = await credential.getToken(ARM);
  expect(decodeJwt(token)).toMatchObject({ appid: FEDERATED, appidacr: "2" });
});

test("certificate", async () => {
  const certificate = readFileSync(join(azure.stateDir, "certificates/zenml-certificate.pem"), "utf8");
  const { token } = await new ClientCertificateCredential(TENANT, CERTIFIED, { certificate }).getToken(ARM);
  expect(decodeJwt(token)).toMatchObject({ appid: CERTIFIED, appidacr: "2" });
});
