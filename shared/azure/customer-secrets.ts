/** Secrets of customers' vaults, read with a connector's sign-in. Implements ReadVaultSecret; values are never kept. */
import type { HttpClient, PipelinePolicy } from "@azure/core-rest-pipeline";
import type { TokenCredential } from "@azure/identity";
import type { SecretClient } from "@azure/keyvault-secrets";
import type { SignIn } from "../connectors/ports.ts";
import { vaultSecretUrl, vaultUrl } from "../connectors/vault-secret.ts";
import type { ReadVaultSecret } from "../credentials/ports.ts";
import { UpstreamError } from "../errors.ts";
import { clientOptions } from "./client-options.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector, failureOf } from "./upstream.ts";

/** Inner codes of a vault's 403, with what to do. Source: Key Vault's REST error codes. */
const REMEDIES: Readonly<Record<string, string>> = {
  SecretDisabled: "This version is disabled. Have its owner enable it, or name another version.",
  ForbiddenByPolicy:
    "The vault goes by access policies, where role assignments do nothing. Give the connector's identity the secret permission Get there, or turn the vault to Azure RBAC.",
  ForbiddenByFirewall: "The vault's firewall keeps this service out. Let its network in.",
  ForbiddenByConnection: "The vault takes private connections only. Give this service one.",
};

/** Clients kept in memory of this process, about 10 kB each; the least recently used goes first. */
const MAX_KEPT_CLIENTS = 500;

/** @param more a client for tests, which answers in the vault's place */
export function createCustomerSecrets(
  identities: ConnectorIdentities,
  more: { readonly httpClient?: HttpClient } = {},
): ReadVaultSecret {
  /** A vault tells its tenant by refusing a first request: a client that is kept is not refused again. */
  const kept = new Map<string, SecretClient>();
  const clientOf = async (signIn: SignIn, url: string): Promise<SecretClient> => {
    const key = JSON.stringify([signIn.key, url]);
    const { SecretClient } = await import("@azure/keyvault-secrets");
    const client =
      kept.get(key) ?? new SecretClient(url, credentialOf(identities, signIn), optionsFor(signIn.cloud, url, more));
    if (signIn.key === null) return client;
    kept.delete(key);
    kept.set(key, client);
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT_CLIENTS && oldest !== undefined) kept.delete(oldest);
    return client;
  };
  return ({ signIn, secret, version }) =>
    callAsConnector(
      `read the secret ${secret.name} of the vault ${secret.vault}`,
      `Grant the connector's identity the role Key Vault Secrets User at the secret ${vaultSecretUrl(secret)}.`,
      async (abortSignal) => {
        const client = await clientOf(signIn, vaultUrl(secret));
        try {
          const found = await client.getSecret(secret.name, { ...(version !== null && { version }), abortSignal });
          const { notBefore, expiresOn, contentType } = found.properties;
          if (found.value === undefined || found.properties.version === undefined) {
            throw refused("The vault gave no value, or named no version.");
          }
          return {
            value: found.value,
            version: found.properties.version,
            contentType: contentType ?? null,
            notBefore: notBefore ?? null,
            expiresAt: expiresOn ?? null,
          };
        } catch (error) {
          const { status } = failureOf(error);
          if (status === 404) return null;
          const remedy = status === 403 ? REMEDIES[innerCodeOf(error) ?? ""] : undefined;
          if (remedy !== undefined) throw refused(remedy, error);
          throw error;
        }
      },
    );
}

/** Asks each time which sign-in is meant: one that failed is made anew. */
function credentialOf(identities: ConnectorIdentities, signIn: SignIn): TokenCredential {
  return { getToken: (scopes, options) => identities(signIn).getToken(scopes, options) };
}

function optionsFor(cloud: SignIn["cloud"], url: string, more: { readonly httpClient?: HttpClient }) {
  const options = clientOptions(cloud);
  return {
    ...options,
    ...more,
    additionalPolicies: [
      ...options.additionalPolicies,
      { policy: stayOnHost(new URL(url).host), position: "perRetry" as const },
    ],
    // A vault that sends its callers elsewhere would send their token along.
    redirectOptions: { maxRetries: 0 },
  };
}

/** Nothing goes to another host, whatever the library makes of an answer. */
function stayOnHost(host: string): PipelinePolicy {
  return {
    name: "stayOnHost",
    async sendRequest(request, next) {
      if (new URL(request.url).host !== host) throw refused("The vault named another host.");
      const response = await next(request);
      if (response.status >= 300 && response.status < 400) throw refused("The vault sent its caller elsewhere.");
      return response;
    },
  };
}

function refused(what: string, error?: unknown): UpstreamError {
  return new UpstreamError("UPSTREAM_REFUSED", `The secret was not read. ${what}`, {
    retryable: false,
    failure: error === undefined ? null : failureOf(error),
  });
}

/** Key Vault's finer reason: `error.innererror.code` of the body. */
export function innerCodeOf(error: unknown): string | null {
  const body = memberOf(memberOf(error, "response"), "bodyAsText");
  if (typeof body !== "string") return null;
  try {
    const code = memberOf(memberOf(memberOf(JSON.parse(body), "error"), "innererror"), "code");
    return typeof code === "string" ? code : null;
  } catch {
    return null;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
