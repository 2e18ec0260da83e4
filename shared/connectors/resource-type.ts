/** The types of resources that connectors serve. Pure names; what each means is in resource-types.ts. */

/** In the order in which people are shown them. */
export const RESOURCE_TYPES = [
  "azure-generic",
  "blob-container",
  "kubernetes-cluster",
  "docker-registry",
  "key-vault-secret",
] as const;
/** One resource type. */
export type ResourceType = (typeof RESOURCE_TYPES)[number];

/** Those that credentials are lent for. */
export const LENT_TYPES = ["blob-container", "key-vault-secret", "azure-generic"] as const satisfies ResourceType[];
/** See LENT_TYPES. */
export type LentType = (typeof LENT_TYPES)[number];
