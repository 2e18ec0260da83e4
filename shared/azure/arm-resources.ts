/** Azure's resources as one sign-in sees them through ARM. Implements AzureView of the connectors. */
import { cloudOf } from "../cloud.ts";
import type { AzureView, OpenAzure, SignIn } from "../connectors/ports.ts";
import { InputError, UpstreamError } from "../errors.ts";
import { readClaims } from "../token-claims.ts";
import { openClusters } from "./arm-clusters.ts";
import { openIdentities } from "./arm-identities.ts";
import { type ArmSignIn, READER, readAll } from "./arm-list.ts";
import { openPermissions } from "./arm-permissions.ts";
import { openRegistries } from "./arm-registries.ts";
import { openStorage } from "./arm-storage.ts";
import { openVaults } from "./arm-vaults.ts";
import { readable } from "./broken-answers.ts";
import { armOptions } from "./client-options.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector, failureOf } from "./upstream.ts";

/** @param identities gives the credential of a sign-in */
export function createOpenAzure(identities: ConnectorIdentities): OpenAzure {
  return (signIn) => {
    const cloud = cloudOf(signIn.cloud);
    const arm: ArmSignIn = { credential: identities(signIn), options: armOptions(signIn.cloud) };
    return {
      ...openSignIn(arm, signIn),
      ...openStorage(arm),
      ...openRegistries(arm, cloud.registrySuffix),
      ...openClusters(arm),
      ...openVaults(arm),
      ...openIdentities(arm),
      ...openPermissions(arm),
    };
  };
}

function openSignIn(
  arm: ArmSignIn,
  { authMethod }: Pick<SignIn, "authMethod">,
): Pick<AzureView, "signIn" | "subscriptions"> {
  const { credential, options } = arm;
  const open = async () => {
    const { SubscriptionClient } = await import("@azure/arm-resources-subscriptions");
    return new SubscriptionClient(credential, options).subscriptions;
  };
  /** What was handed in nobody has answered for: whether it is genuine and still counts only ARM can tell. */
  const proveGiven = async (abortSignal: AbortSignal) => {
    const subscriptions = await open();
    try {
      await readable(subscriptions.list({ abortSignal }).byPage().next());
    } catch (error) {
      const { status } = failureOf(error);
      if (status === 401) throw refusedToken();
      // Whose token it is was known when it was told that this one may not.
      if (status !== 403) throw error;
    }
  };
  return {
    signIn: () =>
      callAsConnector("sign in", "Check the connector's configuration.", async (abortSignal) => {
        const token = await credential.getToken(options.credentials.scopes, { abortSignal });
        const claims = token === null ? null : readClaims(token.token);
        if (claims === null) throw unusableToken();
        if (authMethod === "access-token") await proveGiven(abortSignal);
        return { tenantId: claims.tenantId, objectId: claims.objectId, kind: claims.kind };
      }),

    subscriptions: () =>
      callAsConnector("list the subscriptions", READER, async (abortSignal) => {
        const subscriptions = await open();
        const found = await readAll(arm, () => subscriptions.list({ abortSignal }), abortSignal);
        return found.flatMap(({ subscriptionId, displayName = "" }) =>
          subscriptionId === undefined ? [] : [{ subscriptionId: subscriptionId.toLowerCase(), displayName }],
        );
      }),
  };
}

function refusedToken(): InputError {
  return new InputError(
    "SIGN_IN_FAILED",
    "Azure Resource Manager does not take the connector's access token: it is not genuine, or was revoked. Update the connector with a new one.",
  );
}

function unusableToken(): UpstreamError {
  return new UpstreamError("UPSTREAM_REFUSED", "Microsoft Entra gave no token that says whose it is.", {
    retryable: false,
  });
}
