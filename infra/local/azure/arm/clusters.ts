/** AKS clusters as their resource provider shows them. Registered by arm.ts. */
import type { z } from "zod";
import { type Placed, placed } from "../../placed-resources.ts";
import type { Seed } from "../../seed.ts";
import type { clusterSchema } from "../../seed-resources.ts";
import { clusterGuid, clusterHost } from "../kubernetes/cluster-identity.ts";
import { CLUSTER_API_VERSIONS } from "./api-versions.ts";
import type { ResourceKind } from "./provider-operations.ts";

const KUBERNETES = { asked: "1.33", running: "1.33.3" };

type Cluster = z.infer<typeof clusterSchema>;

/** Source of the shape: azure-rest-api-specs, Microsoft.ContainerService, example ManagedClustersList. */
export function clusters(seed: Seed): ResourceKind<Cluster> {
  const kind = { namespace: "Microsoft.ContainerService", type: "managedClusters" };
  return {
    ...kind,
    apiVersions: CLUSTER_API_VERSIONS,
    members: placed(seed, `${kind.namespace}/${kind.type}`, (group) => group.clusters),
    body: (member) => ({
      // As this provider writes them.
      id: member.id.replace("/resourceGroups/", "/resourcegroups/"),
      name: member.name,
      type: "Microsoft.ContainerService/ManagedClusters",
      location: member.location,
      tags: {},
      sku: { name: "Base", tier: "Free" },
      identity: { type: "SystemAssigned", principalId: clusterGuid(member.id, "principal"), tenantId: member.tenantId },
      properties: properties(member),
    }),
  };
}

function properties(member: Placed<Cluster>) {
  const { name, group, location, tenantId, resource } = member;
  const { dnsPrefix, fqdn, privateFqdn, portalFqdn } = clusterHost(member.id, resource, location);
  return {
    provisioningState: "Succeeded",
    powerState: { code: resource.running ? "Running" : "Stopped" },
    kubernetesVersion: KUBERNETES.asked,
    currentKubernetesVersion: KUBERNETES.running,
    dnsPrefix,
    fqdn,
    ...(privateFqdn === null ? {} : { privateFQDN: privateFqdn }),
    azurePortalFQDN: portalFqdn,
    agentPoolProfiles: [
      {
        name: "nodepool1",
        count: 1,
        vmSize: "Standard_D4s_v5",
        osType: "Linux",
        mode: "System",
        type: "VirtualMachineScaleSets",
        provisioningState: "Succeeded",
        powerState: { code: resource.running ? "Running" : "Stopped" },
        orchestratorVersion: KUBERNETES.asked,
        currentOrchestratorVersion: KUBERNETES.running,
      },
    ],
    servicePrincipalProfile: { clientId: "msi" },
    nodeResourceGroup: `MC_${group.name}_${name}_${location}`,
    enableRBAC: true,
    supportPlan: "KubernetesOfficial",
    networkProfile: {
      networkPlugin: "azure",
      networkPluginMode: "overlay",
      networkDataplane: "azure",
      loadBalancerSku: "standard",
      podCidr: "10.244.0.0/16",
      serviceCidr: "10.0.0.0/16",
      dnsServiceIP: "10.0.0.10",
      outboundType: "loadBalancer",
      ipFamilies: ["IPv4"],
    },
    ...(resource.entra === "none"
      ? {}
      : {
          aadProfile: {
            managed: true,
            adminGroupObjectIDs: null,
            adminUsers: null,
            enableAzureRBAC: resource.entra === "azure-rbac",
            tenantID: tenantId,
          },
        }),
    ...(resource.private
      ? {
          apiServerAccessProfile: {
            enablePrivateCluster: true,
            privateDNSZone: "system",
            enablePrivateClusterPublicFQDN: true,
          },
        }
      : {}),
    disableLocalAccounts: !resource.localAccounts,
    oidcIssuerProfile: { enabled: false },
    securityProfile: {},
    storageProfile: {
      diskCSIDriver: { enabled: true },
      fileCSIDriver: { enabled: true },
      snapshotController: { enabled: true },
    },
    workloadAutoScalerProfile: {},
  };
}
