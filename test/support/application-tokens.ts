/** Sign-in of the seed's applications at the local Entra, for contract tests. */
import { ClientSecretCredential } from "@azure/identity";
import type { LocalAzure } from "./local-azure.ts";

/** API version of raw requests: the one that the pinned SDK sends. */
export const STORAGE_VERSION = "2026-04-06";

/** Credential of an application of the seed. @throws Error when it has no secret */
export function credentialOf(azure: LocalAzure, name: string): ClientSecretCredential {
  const application = azure.seed.applications.find((candidate) => candidate.name === name);
  if (application?.secret === undefined) throw new Error(`no application ${name} with a secret`);
  return new ClientSecretCredential(azure.seed.tenant.id, application.clientId, application.secret);
}

/** An access token as text. */
export async function tokenOf(
  azure: LocalAzure,
  name: string,
  scope = "https://storage.azure.com/.default",
): Promise<string> {
  return (await credentialOf(azure, name).getToken(scope)).token;
}

/** Headers of a raw request to Azure Storage. */
export async function storageBearer(azure: LocalAzure, name: string): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await tokenOf(azure, name)}`, "x-ms-version": STORAGE_VERSION };
}
