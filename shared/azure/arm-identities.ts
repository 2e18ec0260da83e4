/** User-assigned managed identities as ARM lists them. A part of the connectors' AzureView; joined by arm-resources.ts. */
import { IDENTITY_TYPE } from "../connectors/arm-id.ts";
import type { AzureView } from "../connectors/ports.ts";
import { lazy } from "../lazy.ts";
import { type ArmSignIn, placeOf, READER, readResources } from "./arm-list.ts";
import { callAsConnector } from "./upstream.ts";

const armModule = lazy(() => import("@azure/arm-msi"));

/** What a sign-in sees of identities. */
export function openIdentities(arm: ArmSignIn): Pick<AzureView, "identities"> {
  const { credential, options } = arm;
  return {
    identities: (subscriptionId, resourceGroup) =>
      callAsConnector(`list the managed identities of subscription ${subscriptionId}`, READER, async (abortSignal) => {
        const { ManagedServiceIdentityClient, getContinuationToken } = await armModule();
        const { userAssignedIdentities } = new ManagedServiceIdentityClient(credential, subscriptionId, options);
        const list = () =>
          resourceGroup === null
            ? userAssignedIdentities.listBySubscription({ abortSignal })
            : userAssignedIdentities.listByResourceGroup(resourceGroup, { abortSignal });
        return (await readResources(arm, list, abortSignal, undefined, getContinuationToken)).map((identity) => {
          const { name, ...place } = placeOf(IDENTITY_TYPE, identity.id);
          const { location, clientId = "", principalId = "", tenantId = "" } = identity;
          return { ...place, identity: name, location, clientId, principalId, tenantId };
        });
      }),
  };
}
