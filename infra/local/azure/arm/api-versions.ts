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
