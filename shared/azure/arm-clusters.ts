/** AKS clusters as ARM lists them. A part of the connectors' AzureView; joined by arm-resources.ts. */
import type { ManagedCluster } from "@azure/arm-containerservice";
import { CLUSTER_TYPE } from "../connectors/arm-id.ts";
import type { AzureView, Cluster } from "../connectors/ports.ts";
import { lazy } from "../lazy.ts";
import { type ArmSignIn, placeOf, READER, readResources } from "./arm-list.ts";
import { callAsConnector } from "./upstream.ts";

const armModule = lazy(() => import("@azure/arm-containerservice"));

/** What a sign-in sees of clusters. */
export function openClusters(arm: ArmSignIn): Pick<AzureView, "clusters"> {
  const { credential, options } = arm;
  return {
    clusters: (subscriptionId, resourceGroup) =>
      callAsConnector(`list the clusters of subscription ${subscriptionId}`, READER, async (abortSignal) => {
        const { ContainerServiceClient } = await armModule();
        const { managedClusters } = new ContainerServiceClient(credential, subscriptionId, options);
        const list = () =>
          resourceGroup === null
            ? managedClusters.list({ abortSignal })
            : managedClusters.listByResourceGroup(resourceGroup, { abortSignal });
        return (await readResources(arm, list, abortSignal)).map(clusterOf);
      }),
  };
}

/** A cluster as ARM describes it. @throws BrokenAnswerError for one without a name */
export function clusterOf({
  id,
  aadProfile: entra,
  apiServerAccessProfile,
  powerState,
  disableLocalAccounts,
  fqdn,
  privateFqdn,
}: ManagedCluster): Cluster {
  const { name, ...place } = placeOf(CLUSTER_TYPE, id);
  // ARM leaves it out or says null.
  const aadProfile = entra ?? null;
  return {
    ...place,
    cluster: name,
    hasEntra: aadProfile !== null,
    hasAzureRbac: aadProfile?.enableAzureRbac === true,
    hasLocalAccounts: disableLocalAccounts !== true,
    isPrivate: apiServerAccessProfile?.enablePrivateCluster === true,
    isRunning: powerState?.code !== "Stopped",
    fqdn: fqdn?.toLowerCase() ?? null,
    privateFqdn: privateFqdn?.toLowerCase() ?? null,
    tenantId: aadProfile?.tenantID?.toLowerCase() ?? null,
  };
}
