/**
 * The built-in roles of registries and clusters, as Microsoft publishes them. A part of built-in-roles.ts.
 * Source: MicrosoftDocs/azure-docs, articles/role-based-access-control/built-in-roles/containers.md
 */
import { type RoleDefinition, role } from "./role-definition.ts";

const ACR = "Microsoft.ContainerRegistry/registries";
const AKS = "Microsoft.ContainerService/managedClusters";

const READ = ["metadata/read", "content/read"];
const WRITE = ["metadata/write", "content/write"];
const DELETE = ["metadata/delete", "content/delete"];
const inRepositories = (operations: readonly string[]) => operations.map((one) => `${ACR}/repositories/${one}`);

/** What every role over the inside of a cluster may read outside it. */
const KUBERNETES_READS = [
  "Microsoft.Authorization/*/read",
  "Microsoft.Resources/subscriptions/operationresults/read",
  "Microsoft.Resources/subscriptions/read",
  "Microsoft.Resources/subscriptions/resourceGroups/read",
];
/**
 * What the smallest built-in role over tokens and scope maps may do. It may create and delete registries too, and it
 * may not read usages.
 */
const REGISTRY_ADMINISTRATOR = [
  "operationStatuses/read",
  "read",
  "write",
  "delete",
  "listCredentials/action",
  "regenerateCredential/action",
  "generateCredentials/action",
  "replications/read",
  "replications/write",
  "replications/delete",
  "replications/operationStatuses/read",
  "privateEndpointConnectionsApproval/action",
  "privateEndpointConnections/read",
  "privateEndpointConnections/write",
  "privateEndpointConnections/delete",
  "privateEndpointConnections/operationStatuses/read",
  "tokens/read",
  "tokens/write",
  "tokens/delete",
  "tokens/operationStatuses/read",
  "scopeMaps/read",
  "scopeMaps/write",
  "scopeMaps/delete",
  "scopeMaps/operationStatuses/read",
  "providers/Microsoft.Insights/diagnosticSettings/read",
  "providers/Microsoft.Insights/diagnosticSettings/write",
  "providers/Microsoft.Insights/logDefinitions/read",
  "providers/Microsoft.Insights/metricDefinitions/read",
  "connectedRegistries/read",
  "connectedRegistries/write",
  "connectedRegistries/delete",
  "connectedRegistries/deactivate/action",
  "webhooks/read",
  "webhooks/write",
  "webhooks/delete",
  "webhooks/getCallbackConfig/action",
  "webhooks/ping/action",
  "webhooks/listEvents/action",
  "webhooks/operationStatuses/read",
].map((operation) => `${ACR}/${operation}`);
/** What that role may do outside registries. */
const BESIDE_REGISTRIES = [
  "Microsoft.Resources/subscriptions/resourceGroups/read",
  "Microsoft.Resources/deployments/*",
  "Microsoft.Authorization/*/read",
  "Microsoft.Insights/AlertRules/Write",
  "Microsoft.Insights/AlertRules/Delete",
  "Microsoft.Insights/AlertRules/Read",
  "Microsoft.Insights/AlertRules/Activated/Action",
  "Microsoft.Insights/AlertRules/Resolved/Action",
  "Microsoft.Insights/AlertRules/Throttled/Action",
  "Microsoft.Insights/AlertRules/Incidents/Read",
  "Microsoft.ContainerRegistry/locations/operationResults/read",
  "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
  "Microsoft.Network/virtualNetworks/subnets/read",
  "Microsoft.Network/virtualNetworks/subnets/write",
  "Microsoft.Network/virtualNetworks/read",
  "Microsoft.Network/privateEndpoints/privateLinkServiceProxies/write",
];
const inCluster = (operations: readonly string[]) => operations.map((one) => `${AKS}/${one}`);
/** What a reader may read inside a cluster. */
const KUBERNETES_READER = [
  "apps/controllerrevisions",
  "apps/daemonsets",
  "apps/deployments",
  "apps/replicasets",
  "apps/statefulsets",
  "autoscaling/horizontalpodautoscalers",
  "batch/cronjobs",
  "batch/jobs",
  "configmaps",
  "discovery.k8s.io/endpointslices",
  "endpoints",
  "events.k8s.io/events",
  "events",
  "extensions/daemonsets",
  "extensions/deployments",
  "extensions/ingresses",
  "extensions/networkpolicies",
  "extensions/replicasets",
  "limitranges",
  "metrics.k8s.io/pods",
  "metrics.k8s.io/nodes",
  "namespaces",
  "networking.k8s.io/ingresses",
  "networking.k8s.io/networkpolicies",
  "persistentvolumeclaims",
  "pods",
  "policy/poddisruptionbudgets",
  "replicationcontrollers",
  "resourcequotas",
  "serviceaccounts",
  "services",
].map((kind) => `${kind}/read`);
const KUBERNETES_WRITER = [
  "apps/controllerrevisions/read",
  "apps/daemonsets/*",
  "apps/deployments/*",
  "apps/replicasets/*",
  "apps/statefulsets/*",
  "autoscaling/horizontalpodautoscalers/*",
  "batch/cronjobs/*",
  "coordination.k8s.io/leases/read",
  "coordination.k8s.io/leases/write",
  "coordination.k8s.io/leases/delete",
  "discovery.k8s.io/endpointslices/read",
  "batch/jobs/*",
  "configmaps/*",
  "endpoints/*",
  "events.k8s.io/events/read",
  "events/*",
  "extensions/daemonsets/*",
  "extensions/deployments/*",
  "extensions/ingresses/*",
  "extensions/networkpolicies/*",
  "extensions/replicasets/*",
  "limitranges/read",
  "metrics.k8s.io/pods/read",
  "metrics.k8s.io/nodes/read",
  "namespaces/read",
  "networking.k8s.io/ingresses/*",
  "networking.k8s.io/networkpolicies/*",
  "persistentvolumeclaims/*",
  "pods/*",
  "policy/poddisruptionbudgets/*",
  "replicationcontrollers/*",
  "resourcequotas/read",
  "secrets/*",
  "serviceaccounts/*",
  "services/*",
];

/** Every such role that the seed file may name. */
export const CONTAINER_ROLES: readonly RoleDefinition[] = [
  role("7f951dda-4ed3-4680-a7ca-43fe172d538d", "AcrPull", { actions: [`${ACR}/pull/read`] }),
  role("8311e382-0749-4cb8-b61a-304f252e45ec", "AcrPush", { actions: [`${ACR}/pull/read`, `${ACR}/push/write`] }),
  role("c2f4ef07-c644-48eb-af81-4b1b4947fb11", "AcrDelete", { actions: [`${ACR}/artifacts/delete`] }),
  role("b93aa761-3e63-49ed-ac28-beffa264f7ac", "Container Registry Repository Reader", {
    dataActions: inRepositories(READ),
  }),
  role("2a1e307c-b015-4ebd-883e-5b7698a07328", "Container Registry Repository Writer", {
    dataActions: inRepositories([...READ, ...WRITE]),
  }),
  role("2efddaa5-3f1f-4df3-97df-af3f13818f4c", "Container Registry Repository Contributor", {
    dataActions: inRepositories([...READ, ...WRITE, ...DELETE]),
  }),
  role("bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7", "Container Registry Repository Catalog Lister", {
    dataActions: [`${ACR}/catalog/read`],
  }),
  role(
    "3bc748fc-213d-45c1-8d91-9da5725539b9",
    "Container Registry Contributor and Data Access Configuration Administrator",
    { actions: [...REGISTRY_ADMINISTRATOR, ...BESIDE_REGISTRIES] },
  ),
  role("4abbcc35-e782-43d8-92c5-2d3f1bd2253f", "Azure Kubernetes Service Cluster User Role", {
    actions: inCluster(["listClusterUserCredential/action", "read"]),
  }),
  role("0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8", "Azure Kubernetes Service Cluster Admin Role", {
    actions: inCluster([
      "listClusterAdminCredential/action",
      "accessProfiles/listCredential/action",
      "read",
      "runcommand/action",
    ]),
  }),
  role("7f6c6a51-bcf8-42ba-9220-52d62157d7db", "Azure Kubernetes Service RBAC Reader", {
    actions: KUBERNETES_READS,
    dataActions: inCluster(KUBERNETES_READER),
  }),
  role("a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb", "Azure Kubernetes Service RBAC Writer", {
    actions: KUBERNETES_READS,
    dataActions: inCluster(KUBERNETES_WRITER),
  }),
  role("3498e952-d568-435e-9b2c-8d77e338d7f7", "Azure Kubernetes Service RBAC Admin", {
    actions: [...KUBERNETES_READS, `${AKS}/listClusterUserCredential/action`],
    dataActions: [`${AKS}/*`],
    notDataActions: inCluster([
      "resourcequotas/write",
      "resourcequotas/delete",
      "namespaces/write",
      "namespaces/delete",
    ]),
  }),
  role("b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b", "Azure Kubernetes Service RBAC Cluster Admin", {
    actions: [...KUBERNETES_READS, `${AKS}/listClusterUserCredential/action`],
    dataActions: [`${AKS}/*`],
  }),
];
