/** How resources of each type are listed within a connector's limits, and how one is found by any of its names. One table by type. */
import { CLUSTER_TYPE, REGISTRY_TYPE, VAULT_TYPE } from "./arm-id.ts";
import { clusterArmId, clusterDisplayName, isClusterNamed, parseClusterName } from "./cluster.ts";
import { listAtPlaces, type PlacedType, resolveAtPlaces } from "./find-at-places.ts";
import type {
  Found,
  FoundCluster,
  FoundContainer,
  FoundRegistry,
  FoundSubscription,
  FoundVault,
  Listing,
  Reach,
} from "./found.ts";
import { listBlobContainers, resolveBlobContainer } from "./inventory.ts";
import type { AzureView, Subscription } from "./ports.ts";
import { isRegistryNamed, parseRegistryName, registryArmId, registryDisplayName } from "./registry.ts";
import { type BlobContainerId, blobContainerArmId, blobContainerDisplayName, sameText } from "./resource-name.ts";
import type { ResourceType } from "./resource-type.ts";
import { listSubscriptions, resolveSubscription, subscriptionArmId } from "./subscription.ts";
import { vaultArmId } from "./vault.ts";
import {
  parseVaultSecretName,
  readVaultSecretName,
  refuseUnreachableSecret,
  type VaultSecretId,
  vaultSecretUrl,
} from "./vault-secret.ts";
import { listedOf } from "./verify-sample.ts";

/** Registries, place by place. */
export const REGISTRIES: PlacedType<FoundRegistry> = {
  armType: REGISTRY_TYPE,
  noun: "container registry",
  list: async (view, { subscriptionId, resourceGroup }) =>
    (await view.registries(subscriptionId, resourceGroup)).map((details) => ({
      resourceType: "docker-registry",
      resourceId: registryArmId(details),
      displayName: registryDisplayName(details),
      details,
    })),
};

/** Clusters, place by place. */
export const CLUSTERS: PlacedType<FoundCluster> = {
  armType: CLUSTER_TYPE,
  noun: "AKS cluster",
  list: async (view, { subscriptionId, resourceGroup }) =>
    (await view.clusters(subscriptionId, resourceGroup)).map((details) => ({
      resourceType: "kubernetes-cluster",
      resourceId: clusterArmId(details),
      displayName: clusterDisplayName(details),
      details,
    })),
};

/** Vaults, place by place. */
export const VAULTS: PlacedType<FoundVault> = {
  armType: VAULT_TYPE,
  noun: "key vault",
  list: async (view, { subscriptionId, resourceGroup }) =>
    (await view.vaults(subscriptionId, resourceGroup)).map((details) => ({
      resourceType: "key-vault-secret",
      resourceId: vaultArmId(details),
      displayName: details.vault,
      details,
    })),
};

/** The one registry that a name means inside a connector. @throws as `resolve` of RESOURCES */
export async function resolveRegistry(view: AzureView, reach: Reach, text: string): Promise<FoundRegistry> {
  const name = parseRegistryName(text);
  return resolveAtPlaces(REGISTRIES, view, reach, {
    id: name.kind === "id" ? { ...name.id, armId: registryArmId(name.id) } : null,
    resourceGroup: null,
    // Hosts are; a bare name is not, since Azure can add a hash to the host.
    isUnique: name.kind === "host",
    isNameOf: ({ details }) => isRegistryNamed(details, name),
  });
}

/** The one cluster that a name means inside a connector. @throws as `resolve` of RESOURCES */
export async function resolveCluster(view: AzureView, reach: Reach, text: string): Promise<FoundCluster> {
  const name = parseClusterName(text);
  return resolveAtPlaces(CLUSTERS, view, reach, {
    id: name.kind === "id" ? { ...name.id, armId: clusterArmId(name.id) } : null,
    resourceGroup: name.kind === "id" ? null : name.resourceGroup,
    isUnique: false,
    isNameOf: ({ details }) => isClusterNamed(details, name),
  });
}

/** What each resource type does. */
type ByType = {
  /**
   * Everything within the limits, in order of its id; of storage the containers of some accounts.
   * @throws what AzureView throws when nothing at all can be looked at; the rest is `unread`
   */
  list(view: AzureView, reach: Reach): Promise<Listing>;
  /**
   * The one resource that a name means inside a connector.
   * @throws InputError INVALID_REQUEST, DeniedError DENIED (outside the limits), NotFoundError RESOURCE_NOT_FOUND,
   * ConflictError AMBIGUOUS_RESOURCE with candidates, UpstreamError UPSTREAM_REFUSED (what could not be read may hold
   * another of the name), and what AzureView throws
   */
  resolve(view: AzureView, reach: Reach, text: string): Promise<Found>;
};

/** Every type; see ByType. */
export const RESOURCES: Readonly<Record<ResourceType, ByType>> = {
  "azure-generic": {
    list: async (view, reach) => ({
      found: (await listSubscriptions(view, reach)).map(foundSubscription).toSorted(byId),
      unread: [],
    }),
    resolve: async (view, reach, text) => foundSubscription(await resolveSubscription(view, reach, text)),
  },
  "blob-container": {
    async list(view, reach) {
      const { containers, unread, unlisted } = await listBlobContainers(view, reach, null, listedOf);
      return {
        found: containers.map(foundContainer),
        unread,
        unlisted,
      };
    },
    resolve: async (view, reach, text) => foundContainer(await resolveBlobContainer(view, reach, text)),
  },
  "docker-registry": {
    list: (view, reach) => listAtPlaces(REGISTRIES, view, reach),
    resolve: resolveRegistry,
  },
  "kubernetes-cluster": {
    list: (view, reach) => listAtPlaces(CLUSTERS, view, reach),
    resolve: resolveCluster,
  },
  "key-vault-secret": {
    async list(view, reach) {
      const only = reach.resourceId === null ? null : readVaultSecretName(reach.resourceId);
      if (only !== null) return { found: [foundSecret(only.id)], unread: [] };
      const { found, unread } = await listAtPlaces(VAULTS, view, reach);
      const isOwn = ({ details }: FoundVault) => reach.ownVaults.some((own) => sameText(own, details?.vault ?? ""));
      return { found: found.filter((vault) => !isOwn(vault)), unread };
    },
    /** Whether it exists only its vault knows. */
    async resolve(_view, reach, text) {
      const { id } = parseVaultSecretName(text);
      refuseUnreachableSecret(id, reach, reach.ownVaults);
      return foundSecret(id);
    },
  },
};

function byId(left: Found, right: Found): number {
  return left.resourceId < right.resourceId ? -1 : 1;
}

function foundSubscription(details: Subscription): FoundSubscription {
  const { displayName } = details;
  return { resourceType: "azure-generic", resourceId: subscriptionArmId(details), displayName, details };
}

function foundContainer(details: BlobContainerId): FoundContainer {
  const displayName = blobContainerDisplayName(details);
  return { resourceType: "blob-container", resourceId: blobContainerArmId(details), displayName, details };
}

function foundSecret(id: VaultSecretId): FoundVault {
  const displayName = `${id.vault}/${id.name}`;
  return { resourceType: "key-vault-secret", resourceId: vaultSecretUrl(id), displayName, details: null };
}
