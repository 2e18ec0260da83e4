/** Which api-versions the emulated operations take; used by arm.ts before anything else is looked at. */

/**
 * Subscriptions, tenants and resource groups: the stable versions of Microsoft.Resources that have what is emulated.
 * Source: azure-rest-api-specs, specification/resources, subscriptions.json and resources.json.
 */
export const RESOURCES_API_VERSIONS: readonly string[] = [
  "2019-06-01",
  "2019-07-01",
  "2019-08-01",
  "2019-10-01",
  "2019-11-01",
  "2020-01-01",
  "2020-06-01",
  "2020-10-01",
  "2021-01-01",
  "2021-04-01",
  "2022-09-01",
  "2022-12-01",
  "2023-07-01",
  "2024-03-01",
  "2024-07-01",
  "2024-11-01",
  "2025-03-01",
  "2025-04-01",
];

/**
 * Storage accounts and their containers: the stable versions of Microsoft.Storage since clients of 2021.
 * Source: azure-rest-api-specs, specification/storage/resource-manager.
 */
export const STORAGE_API_VERSIONS: readonly string[] = [
  "2021-09-01",
  "2022-05-01",
  "2022-09-01",
  "2023-01-01",
  "2023-04-01",
  "2023-05-01",
  "2024-01-01",
  "2025-01-01",
  "2025-06-01",
  "2025-08-01",
  "2026-04-01",
  "2026-06-01",
  "2026-09-01",
];

/** Container registries: what the SDKs, az 2.45 and the bicep types of the last years ask for. Source: azure-rest-api-specs. */
export const REGISTRY_API_VERSIONS: readonly string[] = [
  "2019-05-01",
  "2021-09-01",
  "2022-02-01-preview",
  "2022-12-01",
  "2023-07-01",
  "2025-04-01",
  "2025-11-01",
];

/** Scope maps and tokens: az 2.45 asks for the first, the SDKs for the last. Source: as above. */
export const REGISTRY_TOKEN_API_VERSIONS: readonly string[] = [
  "2020-11-01-preview",
  "2021-06-01-preview",
  "2021-08-01-preview",
  "2021-12-01-preview",
  "2022-02-01-preview",
  "2022-12-01",
  "2023-01-01-preview",
  "2023-06-01-preview",
  "2023-07-01",
  "2023-08-01-preview",
  "2023-11-01-preview",
  "2024-11-01-preview",
  "2025-04-01",
  "2025-11-01",
];

/** Clusters: those of az 2.45 (2022-11-01), azmcp 2.0 (2023-10-01), and all that arm-containerservice 25 knows. */
export const CLUSTER_API_VERSIONS: readonly string[] = [
  "2022-11-01",
  "2023-10-01",
  "2024-10-01",
  "2025-10-01",
  "2026-01-01",
  "2026-02-01",
  "2026-03-01",
  "2026-04-01",
  "2026-05-01",
  "2026-06-01",
];

/** Managed identities: az 2.45 asks for the preview. Source: azure-rest-api-specs, specification/msi. */
export const IDENTITY_API_VERSIONS: readonly string[] = [
  "2018-11-30",
  "2022-01-31-preview",
  "2023-01-31",
  "2024-11-30",
];

/** Key vaults and managed HSMs. Source: azure-rest-api-specs, specification/keyvault/resource-manager. */
export const VAULT_API_VERSIONS: readonly string[] = [
  "2019-09-01",
  "2021-10-01",
  "2022-07-01",
  "2023-02-01",
  "2023-07-01",
  "2024-11-01",
  "2025-05-01",
  "2026-02-01",
];

/** The list of resources of every type: `az keyvault list` and its SDK still ask for the first. */
export const GENERIC_RESOURCES_API_VERSIONS: readonly string[] = ["2015-11-01", ...RESOURCES_API_VERSIONS];

/** Permissions of the caller. Source: azure-rest-api-specs, specification/authorization. */
export const PERMISSIONS_API_VERSIONS: readonly string[] = ["2015-07-01", "2018-07-01", "2022-04-01"];

/** Azure Resource Graph. Source: azure-rest-api-specs, specification/resourcegraph. */
export const GRAPH_API_VERSIONS: readonly string[] = ["2021-03-01", "2022-10-01", "2024-04-01"];
