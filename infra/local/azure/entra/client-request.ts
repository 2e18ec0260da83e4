/** A request at a token endpoint: its parameters, and whether the client is who it says. Used by token-endpoint.ts. */
import type { Seed } from "../../seed.ts";
import type { ClientProof } from "./claims.ts";
import { type AssertionDeps, checkClientAssertion } from "./client-assertion.ts";
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

/** The one type of assertion that the local Entra takes. */
const JWT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/**
 * Checks the client's secret or signed assertion.
 * @throws SignInError when it is wrong, missing or out of place
 */
export async function authenticateClient(
  deps: AssertionDeps & { readonly seed: Seed },
  client: Client,
  request: ClientRequest,
  grantType: string,
): Promise<ClientProof> {
  const { form } = request;
  const secret = form.get("client_secret");
  const assertion = form.get("client_assertion");
  if (grantType !== "client_credentials" && client.isPublic) {
    if (secret || assertion) throw publicClientWithSecret();
    return "0";
  }
  if (assertion) {
    const type = requireParameter(request, "client_assertion_type");
    if (type !== JWT_ASSERTION) throw new NotEmulated(" with that client_assertion_type");
    await checkClientAssertion(deps, deps.seed.tenant, client, assertion);
    return "2";
  }
  if (!secret) throw grantType === "client_credentials" ? clientCredentialMissing() : confidentialClientWithoutSecret();
  if (client.secret === undefined || !sameSecret(secret, client.secret)) throw secretWrong(client.clientId);
  return "1";
}
