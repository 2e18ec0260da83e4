/** What each access to each type of resource needs in Azure, and which built-in role gives it. A table; used by the check-*.ts. */
import type { CheckedAccess } from "./check.ts";

/** A built-in role; its id is the same in every tenant and cloud. */
export type Role = { readonly name: string; readonly id: string };

// Source: MicrosoftDocs/azure-docs, articles/role-based-access-control/built-in-roles.md and its parts.
/** Roles that are recommended: the least that gives the access. None gives keys or administration. */
export const ROLES = {
  blobReader: { name: "Storage Blob Data Reader", id: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1" },
  blobContributor: { name: "Storage Blob Data Contributor", id: "ba92f5b4-2d11-453d-a403-e96b0029c9fe" },
  blobDelegator: { name: "Storage Blob Delegator", id: "db58b8e5-c6ad-4a2a-8342-4190687cbf4a" },
  acrPull: { name: "AcrPull", id: "7f951dda-4ed3-4680-a7ca-43fe172d538d" },
  acrPush: { name: "AcrPush", id: "8311e382-0749-4cb8-b61a-304f252e45ec" },
  acrDelete: { name: "AcrDelete", id: "c2f4ef07-c644-48eb-af81-4b1b4947fb11" },
  repositoryReader: { name: "Container Registry Repository Reader", id: "b93aa761-3e63-49ed-ac28-beffa264f7ac" },
  repositoryWriter: { name: "Container Registry Repository Writer", id: "2a1e307c-b015-4ebd-883e-5b7698a07328" },
  repositoryContributor: {
    name: "Container Registry Repository Contributor",
    id: "2efddaa5-3f1f-4df3-97df-af3f13818f4c",
  },
  clusterUser: { name: "Azure Kubernetes Service Cluster User Role", id: "4abbcc35-e782-43d8-92c5-2d3f1bd2253f" },
  clusterAdmin: { name: "Azure Kubernetes Service Cluster Admin Role", id: "0ab0b1a8-8aac-4efd-b8c2-3ee1fb270be8" },
  secretsUser: { name: "Key Vault Secrets User", id: "4633458b-17de-408a-b874-0445c86b69e6" },
} as const satisfies Readonly<Record<string, Role>>;

/** What an access needs. */
export type AccessNeed = {
  /** `control` actions are in what Azure says of the identity's permissions, `data` actions need not be. */
  readonly plane: "control" | "data";
  /** All of them. */
  readonly actions: readonly string[];
  /** Where: the resource, or what holds it. */
  readonly at: "resource" | "account";
  /** The least role that gives it. */
  readonly role: Role;
  /** The harmless call that proves it; null: there is none, permissions alone speak. */
  readonly probe: "list-blobs" | "delegation-key" | "secret-names" | null;
};

const BLOB = "Microsoft.Storage/storageAccounts/blobServices";
const REGISTRY = "Microsoft.ContainerRegistry/registries";
const REPOSITORY = `${REGISTRY}/repositories`;
const CLUSTER = "Microsoft.ContainerService/managedClusters";
const SECRETS = "Microsoft.KeyVault/vaults/secrets";

/** By kind of resource. A registry goes by one of two modes; a vault on access policies is in no role's hands. */
export const ACCESS_NEEDS = {
  "blob-container": {
    // List Blobs is behind the same data action as reading one.
    list: data([`${BLOB}/containers/blobs/read`], ROLES.blobReader, "list-blobs"),
    read: data([`${BLOB}/containers/blobs/read`], ROLES.blobReader, "list-blobs"),
    write: data([`${BLOB}/containers/blobs/write`], ROLES.blobContributor, null),
    delete: data([`${BLOB}/containers/blobs/delete`], ROLES.blobContributor, null),
    sign: {
      plane: "control",
      actions: [`${BLOB}/generateUserDelegationKey/action`],
      at: "account",
      role: ROLES.blobDelegator,
      probe: "delegation-key",
    },
  },
  "docker-registry legacy": {
    read: control([`${REGISTRY}/pull/read`], ROLES.acrPull),
    write: control([`${REGISTRY}/push/write`], ROLES.acrPush),
    delete: control([`${REGISTRY}/artifacts/delete`], ROLES.acrDelete),
  },
  "docker-registry abac": {
    read: data([`${REPOSITORY}/content/read`, `${REPOSITORY}/metadata/read`], ROLES.repositoryReader, null),
    write: data([`${REPOSITORY}/content/write`, `${REPOSITORY}/metadata/write`], ROLES.repositoryWriter, null),
    delete: data([`${REPOSITORY}/content/delete`, `${REPOSITORY}/metadata/delete`], ROLES.repositoryContributor, null),
  },
  "kubernetes-cluster": {
    use: control([`${CLUSTER}/listClusterUserCredential/action`], ROLES.clusterUser),
    admin: control([`${CLUSTER}/listClusterAdminCredential/action`], ROLES.clusterAdmin),
  },
  "key-vault-secret": {
    list: data([`${SECRETS}/readMetadata/action`], ROLES.secretsUser, "secret-names"),
    // No call proves it but reading a value, which no look does.
    read: data([`${SECRETS}/getSecret/action`], ROLES.secretsUser, null),
  },
} as const satisfies Readonly<Record<string, Partial<Record<CheckedAccess, AccessNeed>>>>;

/**
 * What the form service-account does in a cluster where Azure roles decide. A subresource is not looked at there, so its
 * TokenRequest is a write. No built-in role gives these alone: RBAC Writer, the least that has them, also reads every Secret.
 * Source: kubeguard/guard, authz/providers/azure/rbac/checkaccessreqhelper.go.
 */
export const CLUSTER_LENDING_ACTIONS: readonly string[] = [
  `${CLUSTER}/serviceaccounts/write`,
  `${CLUSTER}/secrets/read`,
  `${CLUSTER}/secrets/write`,
  `${CLUSTER}/secrets/delete`,
];

/** Owning the resource in ARM's eyes, which says nothing of what is inside. */
export const OWNING_ACTION = {
  account: "Microsoft.Storage/storageAccounts/write",
  /** Counts in legacy mode alone. */
  pull: `${REGISTRY}/pull/read`,
} as const;

function data(actions: readonly string[], role: Role, probe: AccessNeed["probe"]): AccessNeed {
  return { plane: "data", actions, at: "resource", role, probe };
}

function control(actions: readonly string[], role: Role): AccessNeed {
  return { plane: "control", actions, at: "resource", role, probe: null };
}
