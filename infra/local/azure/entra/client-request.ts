/** A request at a token endpoint: its parameters, and whether the client is who it says. Used by token-endpoint.ts. */
import type { Seed } from "../../seed.ts";
import { type Client, findClient, sameSecret, type TenantName } from "./directory.ts";
import {
  clientCredentialMissing,
  clientNotFound,
  confidentialClientWithoutSecret,
  noTenantInRequest,
  parameterMissing,
  publicClientWithSecret,
  secretWrong,
} from "./errors.ts";

/** The form that was posted, and the tenant of the path (never `unknown`: that is refused before). */
export type ClientRequest = {
  readonly tenant: Exclude<TenantName, "unknown">;
  readonly form: URLSearchParams;
};

/** Something that Entra can and the local one cannot: answered with 501. The message follows method and path. */
export class NotEmulated extends Error {
  override readonly name = "NotEmulated";
}

/** @throws SignInError AADSTS900144 when the parameter is not there or empty */
export function requireParameter(request: ClientRequest, name: string): string {
  const value = request.form.get(name);
  if (!value) throw parameterMissing(name);
  return value;
}

/** The client that asks. @throws SignInError when it names none, or one that is not in the tenant */
export function clientOf(seed: Seed, request: ClientRequest): Client {
  const clientId = request.form.get("client_id");
  if (!clientId) throw parameterMissing("client_id");
  const client = findClient(seed, clientId);
  if (client === undefined) throw clientNotFound(clientId, seed.tenant.name);
  return client;
}

/** Applications have no home tenant to fall back on, so `common` and `organizations` are for users alone. */
export function sharedEndpointAllowed(request: ClientRequest, forUsers: boolean): void {
  if (request.tenant === "shared" && !forUsers) throw noTenantInRequest();
}

/**
 * Checks the client's secret.
 * @returns true if it proved itself, false for a public client in a user's sign-in
 * @throws SignInError when a secret is wrong, missing or out of place
 */
export function authenticateClient(client: Client, request: ClientRequest, grantType: string): boolean {
  if (request.form.has("client_assertion")) throw new NotEmulated(" with client_assertion");
  const secret = request.form.get("client_secret");
  if (grantType === "client_credentials") {
    if (!secret) throw clientCredentialMissing();
    if (client.secret === undefined || !sameSecret(secret, client.secret)) throw secretWrong(client.clientId);
    return true;
  }
  if (client.secret === undefined) {
    if (secret) throw publicClientWithSecret();
    return false;
  }
  if (!secret) throw confidentialClientWithoutSecret();
  if (!sameSecret(secret, client.secret)) throw secretWrong(client.clientId);
  return true;
}
