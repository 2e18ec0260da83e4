/** What a text names, over all resource types. Pure. Used by register and use, and for policy by functions/main.ts. */
import type { ConnectorConfiguration } from "./auth-methods.ts";
import { clusterArmId, meansCluster, readClusterName } from "./cluster.ts";
import { meansRegistry, readRegistryName, registryArmId } from "./registry.ts";
import { blobContainerArmId, meansBlobContainer, readBlobContainerName } from "./resource-name.ts";
import { RESOURCE_TYPES, type ResourceType } from "./resource-type.ts";
import { meansSubscription, readSubscriptionName, subscriptionArmId } from "./subscription.ts";
import { meansVaultSecret, readVaultSecretName, vaultSecretUrl } from "./vault-secret.ts";

/** A resource for certain. */
export type ExactResource = { readonly resourceType: ResourceType; readonly resourceId: string };

/** The type and canonical id of a text that is a full id; null for aliases, which need a connector to mean anything. */
export function exactResource(text: string): ExactResource | null {
  const container = readBlobContainerName(text);
  if (container?.kind === "id") return { resourceType: "blob-container", resourceId: blobContainerArmId(container.id) };
  const secret = readVaultSecretName(text);
  if (secret !== null && secret.version === null) {
    return { resourceType: "key-vault-secret", resourceId: vaultSecretUrl(secret.id) };
  }
  const cluster = readClusterName(text);
  if (cluster?.kind === "id") return { resourceType: "kubernetes-cluster", resourceId: clusterArmId(cluster.id) };
  const registry = readRegistryName(text);
  if (registry?.kind === "id") return { resourceType: "docker-registry", resourceId: registryArmId(registry.id) };
  const subscription = readSubscriptionName(text);
  if (subscription?.kind === "id") {
    return { resourceType: "azure-generic", resourceId: subscriptionArmId(subscription) };
  }
  return null;
}

const MEANS: Readonly<Record<ResourceType, (text: string, canonicalId: string) => boolean>> = {
  "blob-container": meansBlobContainer,
  "kubernetes-cluster": meansCluster,
  "docker-registry": meansRegistry,
  "key-vault-secret": meansVaultSecret,
  "azure-generic": meansSubscription,
};

/** Whether what a caller wrote means the resource of this type with this canonical id. */
export function meansResource(resourceType: string, text: string, canonicalId: string): boolean {
  const type = RESOURCE_TYPES.find((candidate) => candidate === resourceType);
  return type !== undefined && MEANS[type](text, canonicalId);
}

/**
 * Resource types that a connector serves: those it is limited to, else all that its other limits leave. A vault is in no
 * known place, and a token keeps to no group or account.
 */
export function resourceTypesOf(connector: {
  readonly resourceTypes: readonly ResourceType[];
  readonly resourceId: string | null;
  readonly configuration: ConnectorConfiguration;
}): readonly ResourceType[] {
  const { resourceTypes, resourceId, configuration } = connector;
  if (resourceTypes.length > 0) return resourceTypes;
  const only = resourceId === null ? null : exactResource(resourceId);
  if (only !== null) return [only.resourceType];
  const { subscriptionId, resourceGroup, storageAccount } = configuration;
  if (storageAccount !== null) return ["blob-container"];
  const inGroup: readonly ResourceType[] = ["blob-container", "kubernetes-cluster", "docker-registry"];
  if (resourceGroup !== null) return inGroup;
  return subscriptionId === null ? RESOURCE_TYPES : ["azure-generic", ...inGroup];
}
