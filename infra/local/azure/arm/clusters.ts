/** AKS clusters as their resource provider shows them. Registered by arm.ts. */
import { createHash } from "node:crypto";
import type { z } from "zod";
import { type Placed, placed } from "../../placed-resources.ts";
import type { Seed } from "../../seed.ts";
import type { clusterSchema } from "../../seed-resources.ts";
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
      identity: { type: "SystemAssigned", principalId: guidOf(member, "principal"), tenantId: member.tenantId },
      properties: properties(member),
    }),
  };
}

function properties(member: Placed<Cluster>) {
  const { name, group, location, tenantId, resource } = member;
  const isPrivate = resource.private;
  const dnsPrefix = `${name}-dns`.toLowerCase().replace(/[^a-z0-9-]/g, "");
  const label = `${dnsPrefix}-${guidOf(member, "host").slice(0, 8)}`;
  const host = `${label}.hcp.${location}.azmk8s.io`;
  const zone = `${guidOf(member, "zone")}.privatelink.${location}.azmk8s.io`;
  return {
    provisioningState: "Succeeded",
    powerState: { code: resource.running ? "Running" : "Stopped" },
    kubernetesVersion: KUBERNETES.asked,
    currentKubernetesVersion: KUBERNETES.running,
    dnsPrefix,
    fqdn: host,
    ...(isPrivate ? { privateFQDN: `${label}.${zone}` } : {}),
    azurePortalFQDN: host.replace(".hcp.", ".portal.hcp."),
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
    ...(isPrivate
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

/** Ids of what the seed does not name, equal at every start. */
function guidOf({ id }: Placed<Cluster>, what: string): string {
  const hex = createHash("sha256").update(`${id}#${what}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
