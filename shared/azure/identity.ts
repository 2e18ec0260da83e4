/** Sign-in with the official identity library, loaded at first use: the app's own identity, and connectors'. */
import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import { cloudOf } from "../cloud.ts";
import { type AppIdentity, NO_APP_IDENTITY, refuseUnavailableMethod } from "../connectors/app-identity.ts";
import type { AuthMethod } from "../connectors/auth-methods.ts";
import { checkCertificate } from "../connectors/certificate.ts";
import type { SignIn } from "../connectors/ports.ts";
import { InputError } from "../errors.ts";
import { lazy } from "../lazy.ts";
import { IDENTITY_OPTIONS } from "./client-options.ts";
import { givenToken } from "./given-token.ts";
import { ownAssertion } from "./own-assertion.ts";
import { explainSignIn } from "./sign-in-error.ts";

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

/** What credentials are made with. `own`: the app's own identity, for implicit sign-ins. */
export type IdentityDeps = { readonly own: TokenCredential; readonly now: () => Date };

/**
 * Keeps credentials in memory of this process only.
 * @param app what the app itself can sign in as; nothing unless given
 */
export function createConnectorIdentities(
  app: AppIdentity = NO_APP_IDENTITY,
  deps: IdentityDeps = { own: ownIdentity(), now: () => new Date() },
): ConnectorIdentities {
  const kept = new Map<string, TokenCredential>();
  return (signIn) => {
    const known = signIn.key === null ? undefined : kept.get(signIn.key);
    const forget = () => signIn.key !== null && kept.delete(signIn.key);
    const credential =
      known ?? guarded(signIn, app, lateCredential(MAKERS[signIn.authMethod](signIn, app, deps)), forget);
    if (signIn.key !== null) {
      kept.delete(signIn.key);
      kept.set(signIn.key, credential);
      const [oldest] = kept.keys();
      if (kept.size > MAX_KEPT_SIGN_INS && oldest !== undefined) kept.delete(oldest);
    }
    return credential;
  };
}

type Make = (signIn: SignIn, app: AppIdentity, deps: IdentityDeps) => () => Promise<TokenCredential>;
const MAKERS: Readonly<Record<AuthMethod, Make>> = {
  implicit: (_signIn, _app, deps) => async () => deps.own,
  "service-principal": (signIn) => () => servicePrincipal(signIn),
  "access-token": (signIn, _app, deps) => async () =>
    givenToken(await readSecret(signIn), { cloud: signIn.cloud, now: deps.now }),
  "managed-identity": (signIn) => () => managedIdentity(needed(signIn.configuration.clientId)),
  "workload-identity": (signIn, app) => () => workloadIdentity(signIn, needed(app.assertionClientId)),
};

async function servicePrincipal(signIn: SignIn): Promise<TokenCredential> {
  const [{ ClientCertificateCredential, ClientSecretCredential }, secret] = await Promise.all([
    import("@azure/identity"),
    readSecret(signIn),
  ]);
  const { tenantId, clientId } = application(signIn);
  if (signIn.secret?.kind !== "certificate") {
    return new ClientSecretCredential(tenantId, clientId, secret, optionsOf(signIn));
  }
  // The library would fail without asking Entra, in ways that look like an outage.
  const certificate = checkCertificate(secret);
  if (!certificate.ok) {
    throw new InputError(
      "SIGN_IN_FAILED",
      `The connector's certificate cannot be used. Update the connector with ${certificate.expected}.`,
    );
  }
  return new ClientCertificateCredential(tenantId, clientId, { certificate: secret }, optionsOf(signIn));
}

async function managedIdentity(clientId: string): Promise<TokenCredential> {
  const { ManagedIdentityCredential } = await import("@azure/identity");
  return new ManagedIdentityCredential({ clientId, ...IDENTITY_OPTIONS });
}

async function workloadIdentity(signIn: SignIn, assertionClientId: string): Promise<TokenCredential> {
  const [{ ClientAssertionCredential }, assertor] = await Promise.all([
    import("@azure/identity"),
    managedIdentity(assertionClientId),
  ]);
  const { tenantId, clientId } = application(signIn);
  const assertion = ownAssertion(assertor, cloudOf(signIn.cloud).exchangeAudience);
  return new ClientAssertionCredential(tenantId, clientId, assertion, optionsOf(signIn));
}

function optionsOf({ cloud }: SignIn) {
  return { ...IDENTITY_OPTIONS, authorityHost: cloudOf(cloud).authorityHost };
}

function application({ configuration: { tenantId, clientId } }: SignIn) {
  return { tenantId: needed(tenantId), clientId: needed(clientId) };
}

async function readSecret({ secret }: SignIn): Promise<string> {
  return needed(secret === null ? null : await secret.read());
}

/** A registration without it is refused: whoever meets this has found a defect. */
function needed(value: string | null): string {
  if (value === null) throw new Error("The sign-in lacks what its method needs.");
  return value;
}

/**
 * Every token of a connector passes here. What the sign-in lacks is told by its method, and one that failed starts
 * anew: the library repeats a failure of Entra for a minute without asking again.
 */
function guarded(signIn: SignIn, app: AppIdentity, credential: TokenCredential, forget: () => void): TokenCredential {
  return {
    async getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken | null> {
      try {
        refuseUnavailableMethod(signIn, app);
        return await credential.getToken(scopes, inOwnTenant(signIn, options));
      } catch (error) {
        forget();
        throw explainSignIn(error, signIn);
      }
    },
  };
}

/** A vault or account names its tenant when it refuses; nobody is signed in to another than the connector says. */
function inOwnTenant({ configuration }: SignIn, options: GetTokenOptions | undefined): GetTokenOptions | undefined {
  if (options?.tenantId === undefined || configuration.tenantId === null) return options;
  const { tenantId, ...others } = options;
  if (tenantId.toLowerCase() === configuration.tenantId) return others;
  throw new InputError(
    "CROSS_TENANT",
    "The resource belongs to another tenant than the one that the connector signs in to. Use a connector for that tenant.",
  );
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
