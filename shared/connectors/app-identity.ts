/** What the app itself can sign in as, and what connectors may not do with that. Pure; told by functions/main.ts. */
import { type CloudName, cloudOf } from "../cloud.ts";
import { DeniedError, InputError } from "../errors.ts";
import type { SignIn } from "./ports.ts";

/** The app's identities, from its settings and its platform. */
export type AppIdentity = {
  /** Client id, in lower case, as which the app reaches its own state and secrets; null = none is set. */
  readonly appClientId: string | null;
  /** All client ids under which the app itself signs in, in lower case: also the one of assertions. */
  readonly ownClientIds: readonly string[];
  /** Client id of the user-assigned identity whose tokens app registrations trust; null = none is set. */
  readonly assertionClientId: string | null;
  /** Whether the platform gives this process tokens of managed identities. */
  readonly hasManagedIdentities: boolean;
  /** Whether connectors may sign in as the app itself. */
  readonly allowsImplicit: boolean;
};

/** An app that has nothing to lend of its own. */
export const NO_APP_IDENTITY: AppIdentity = {
  appClientId: null,
  ownClientIds: [],
  assertionClientId: null,
  hasManagedIdentities: false,
  allowsImplicit: false,
};

/**
 * Refuses a sign-in that this installation does not offer: a method that lacks what it needs, and, unless the operator
 * allows it, the app's own identity, by whichever method.
 * @throws DeniedError DENIED, InputError SIGN_IN_FAILED
 */
export function refuseUnavailableMethod(
  { authMethod: method, configuration }: Pick<SignIn, "authMethod" | "configuration">,
  app: AppIdentity,
): void {
  // The identity of assertions is not meant: apart from the app's own it reaches what is granted to it, no state.
  const isApp =
    method === "implicit" || (app.appClientId !== null && configuration.clientId?.toLowerCase() === app.appClientId);
  if (isApp && !app.allowsImplicit) {
    throw new DeniedError(
      "DENIED",
      "Connectors may not sign in as this service itself. Use an identity of its own for the connector, or have the operator set LATCHKEY_ENABLE_IMPLICIT_AUTH=true.",
    );
  }
  if (method !== "managed-identity" && method !== "workload-identity") return;
  if (!app.hasManagedIdentities) {
    throw new InputError(
      "SIGN_IN_FAILED",
      "This service runs where there are no managed identities (IDENTITY_ENDPOINT and IDENTITY_HEADER are not set). Have the operator attach the identity to the app, or use another auth method.",
    );
  }
  if (method === "workload-identity" && app.assertionClientId === null) {
    throw new InputError(
      "SIGN_IN_FAILED",
      "This service has no identity of its own for federated credentials. Have the operator set LATCHKEY_APP_IDENTITY_CLIENT_ID to the client id of a user-assigned identity that is attached to the app.",
    );
  }
}

/**
 * Refuses audiences whose tokens a connector may not give. Tokens of the app itself are for ARM alone: for storage and
 * vaults they would open the app's own state and every connector's secret, and others would sign in as its connectors.
 * @param audience a URI, not a name
 * @throws DeniedError DENIED, InputError UNSUPPORTED_BY_METHOD
 */
export function refuseAudience(
  signIn: Pick<SignIn, "cloud" | "authMethod" | "configuration">,
  audience: string,
  app: AppIdentity,
): void {
  if (isArmAudience(audience, signIn.cloud)) return;
  if (signIn.authMethod === "access-token") throw tokenIsForArm();
  if (isAppItself(signIn, app)) {
    throw new DeniedError(
      "DENIED",
      "The connector signs in as this service itself. Such tokens are given for arm alone: others would open the service's own state and secrets. Use a connector with an identity of its own.",
    );
  }
}

/** Whether a sign-in is the app's own, whatever its method. */
export function isAppItself(
  { authMethod, configuration }: Pick<SignIn, "authMethod" | "configuration">,
  { ownClientIds }: AppIdentity,
): boolean {
  return authMethod === "implicit" || ownClientIds.includes(configuration.clientId?.toLowerCase() ?? "");
}

/** Whether an audience, with or without a slash at its end, is ARM's: its URL, or the older one that `az` asks for. */
export function isArmAudience(audience: string, cloud: CloudName): boolean {
  const { audiences, oldArmAudience } = cloudOf(cloud);
  const bare = audience.replace(/\/$/, "");
  return bare === audiences.arm || bare === oldArmAudience;
}

/** A stored access token serves one audience. */
export function tokenIsForArm(): InputError {
  return new InputError(
    "UNSUPPORTED_BY_METHOD",
    "The connector has an access token for Azure Resource Manager, which no other service takes. Use a connector that signs in by another method.",
  );
}
