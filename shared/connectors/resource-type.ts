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
