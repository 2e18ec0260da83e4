/** AKS clusters as ARM lists them. A part of the connectors' AzureView; joined by arm-resources.ts. */
import { CLUSTER_TYPE } from "../connectors/arm-id.ts";
import type { AzureView } from "../connectors/ports.ts";
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
        return (await readResources(arm, list, abortSignal)).map((cluster) => {
          const { name, ...place } = placeOf(CLUSTER_TYPE, cluster.id);
          const { aadProfile = null, apiServerAccessProfile, powerState } = cluster;
          return {
            ...place,
            cluster: name,
            hasEntra: aadProfile !== null,
            hasAzureRbac: aadProfile?.enableAzureRbac === true,
            hasLocalAccounts: cluster.disableLocalAccounts !== true,
            isPrivate: apiServerAccessProfile?.enablePrivateCluster === true,
            isRunning: powerState?.code !== "Stopped",
            fqdn: cluster.fqdn?.toLowerCase() ?? null,
            privateFqdn: cluster.privateFqdn?.toLowerCase() ?? null,
            tenantId: aadProfile?.tenantID?.toLowerCase() ?? null,
          };
        });
      }),
  };
}
