/** Sign-in with the official identity library, loaded at first use: the app's own identity, and connectors'. */
import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import { cloudOf } from "../cloud.ts";
import type { SignIn } from "../connectors/ports.ts";
import { lazy } from "../lazy.ts";
import { IDENTITY_OPTIONS } from "./client-options.ts";

/** Connectors whose sign-in is kept in memory with its tokens; the least recently used goes first. */
const MAX_KEPT_SIGN_INS = 500;

/**
 * The app's own identity: on Azure its managed identity, elsewhere what the environment holds.
 * `AZURE_TOKEN_CREDENTIALS` pins one kind.
 */
export function ownIdentity(): TokenCredential {
  return lateCredential(async () => {
    const { DefaultAzureCredential } = await import("@azure/identity");
    return new DefaultAzureCredential(IDENTITY_OPTIONS);
  });
}

/** Gives the credential of a sign-in; equal keys share one, and with it its cached tokens. */
export type ConnectorIdentities = (signIn: SignIn) => TokenCredential;

/** Keeps credentials in memory of this process only. */
export function createConnectorIdentities(): ConnectorIdentities {
  const kept = new Map<string, TokenCredential>();
  return (signIn) => {
    const known = signIn.key === null ? undefined : kept.get(signIn.key);
    const credential =
      known ?? forgetting(servicePrincipal(signIn), () => signIn.key !== null && kept.delete(signIn.key));
    if (signIn.key !== null) {
      kept.delete(signIn.key);
      kept.set(signIn.key, credential);
      const [oldest] = kept.keys();
      if (kept.size > MAX_KEPT_SIGN_INS && oldest !== undefined) kept.delete(oldest);
    }
    return credential;
  };
}

function servicePrincipal(signIn: SignIn): TokenCredential {
  return lateCredential(async () => {
    const [{ ClientSecretCredential }, secret] = await Promise.all([import("@azure/identity"), signIn.secret?.read()]);
    const { tenantId, clientId } = signIn.configuration;
    if (tenantId === null || clientId === null || secret === undefined) throw new Error("Not a service principal.");
    return new ClientSecretCredential(tenantId, clientId, secret, {
      ...IDENTITY_OPTIONS,
      authorityHost: cloudOf(signIn.cloud).authorityHost,
    });
  });
}

/** The library repeats a failure of Entra for a minute without asking again: a sign-in that failed starts anew. */
function forgetting(credential: TokenCredential, forget: () => void): TokenCredential {
  return {
    async getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken | null> {
      try {
        return await credential.getToken(scopes, options);
      } catch (error) {
        forget();
        throw error;
      }
    },
  };
}

/** A credential that is made when its first token is asked for. */
function lateCredential(make: () => Promise<TokenCredential>): TokenCredential {
  const made = lazy(make);
  return {
    async getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken | null> {
      return (await made()).getToken(scopes, options);
    },
  };
}
