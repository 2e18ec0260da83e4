/** Azure's resources as one sign-in sees them through ARM. Implements AzureView of the connectors. */
import { cloudOf } from "../cloud.ts";
import type { AzureView, OpenAzure } from "../connectors/ports.ts";
import { UpstreamError } from "../errors.ts";
import { readClaims } from "../token-claims.ts";
import { openClusters } from "./arm-clusters.ts";
import { openIdentities } from "./arm-identities.ts";
import { type ArmSignIn, READER, readAll } from "./arm-list.ts";
import { openPermissions } from "./arm-permissions.ts";
import { openRegistries } from "./arm-registries.ts";
import { openStorage } from "./arm-storage.ts";
import { openVaults } from "./arm-vaults.ts";
import { armOptions } from "./client-options.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector } from "./upstream.ts";

/** @param identities gives the credential of a sign-in */
export function createOpenAzure(identities: ConnectorIdentities): OpenAzure {
  return (signIn) => {
    const cloud = cloudOf(signIn.cloud);
    const arm: ArmSignIn = { credential: identities(signIn), options: armOptions(signIn.cloud) };
    return {
      ...openSignIn(arm),
      ...openStorage(arm),
      ...openRegistries(arm, cloud.registrySuffix),
      ...openClusters(arm),
      ...openVaults(arm),
      ...openIdentities(arm),
      ...openPermissions(arm),
    };
  };
}

function openSignIn(arm: ArmSignIn): Pick<AzureView, "signIn" | "subscriptions"> {
  const { credential, options } = arm;
  return {
    signIn: () =>
      callAsConnector("sign in", "Check the connector's configuration.", async (abortSignal) => {
        const token = await credential.getToken(options.credentials.scopes, { abortSignal });
        const claims = token === null ? null : readClaims(token.token);
        if (claims === null) throw unusableToken();
        return { tenantId: claims.tenantId, objectId: claims.objectId };
      }),

    subscriptions: () =>
      callAsConnector("list the subscriptions", READER, async (abortSignal) => {
        const { SubscriptionClient } = await import("@azure/arm-resources-subscriptions");
        const { subscriptions } = new SubscriptionClient(credential, options);
        const found = await readAll(arm, () => subscriptions.list({ abortSignal }), abortSignal);
        return found.flatMap(({ subscriptionId, displayName = "" }) =>
          subscriptionId === undefined ? [] : [{ subscriptionId: subscriptionId.toLowerCase(), displayName }],
        );
      }),
  };
}

function unusableToken(): UpstreamError {
  return new UpstreamError("UPSTREAM_REFUSED", "Microsoft Entra gave no token that says whose it is.", {
    retryable: false,
  });
}
