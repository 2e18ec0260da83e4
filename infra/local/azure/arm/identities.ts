/** User-assigned managed identities as their resource provider shows them. Registered by arm.ts. */

import { placed } from "../../placed-resources.ts";
import type { Seed, SeedIdentity } from "../../seed.ts";
import { IDENTITY_API_VERSIONS } from "./api-versions.ts";
import type { ResourceKind } from "./provider-operations.ts";

/** The first version that knows `isolationScope`. */
const ISOLATION_SCOPE_SINCE = "2024-11-30";

/** Source of the shape: azure-rest-api-specs, Microsoft.ManagedIdentity, example of the list by subscription. */
export function userAssignedIdentities(seed: Seed): ResourceKind<SeedIdentity> {
  const kind = { namespace: "Microsoft.ManagedIdentity", type: "userAssignedIdentities" };
  return {
    ...kind,
    apiVersions: IDENTITY_API_VERSIONS,
    members: placed(seed, `${kind.namespace}/${kind.type}`, (group) => group.identities),
    body: ({ id, name, location, tenantId, resource }, apiVersion) => ({
      // As this provider writes it.
      id: id.replace("/resourceGroups/", "/resourcegroups/"),
      name,
      type: `${kind.namespace}/${kind.type}`,
      location,
      tags: {},
      properties: {
        ...(apiVersion >= ISOLATION_SCOPE_SINCE ? { isolationScope: "None" } : {}),
        tenantId,
        principalId: resource.principalId,
        clientId: resource.clientId,
      },
    }),
  };
}
