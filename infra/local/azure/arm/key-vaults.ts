/** Key vaults as their resource provider shows them; managed HSMs, of which there are none. Registered by arm.ts. */
import type { z } from "zod";
import { placed } from "../../placed-resources.ts";
import type { Seed } from "../../seed.ts";
import type { keyVaultSchema } from "../../seed-resources.ts";
import { principalIdOf } from "../authorization.ts";
import { VAULT_API_VERSIONS } from "./api-versions.ts";
import type { ResourceKind } from "./provider-operations.ts";

/** Days that a deleted vault can be taken back: the service's default. */
const RETENTION_DAYS = 90;
const MADE = { at: "2026-01-12T09:30:41.118Z", by: "admin@zenmldemo.onmicrosoft.com" };

/** Source of the shape: azure-rest-api-specs, Microsoft.KeyVault, example listVaultBySubscription. */
export function keyVaults(seed: Seed): ResourceKind<z.infer<typeof keyVaultSchema>> {
  const kind = { namespace: "Microsoft.KeyVault", type: "vaults" };
  return {
    ...kind,
    apiVersions: VAULT_API_VERSIONS,
    members: placed(seed, `${kind.namespace}/${kind.type}`, (group) => group.keyVaults),
    body: ({ id, name, location, tenantId, resource }) => ({
      id,
      name,
      type: `${kind.namespace}/${kind.type}`,
      location,
      tags: {},
      systemData: {
        createdBy: MADE.by,
        createdByType: "User",
        createdAt: MADE.at,
        lastModifiedBy: MADE.by,
        lastModifiedByType: "User",
        lastModifiedAt: MADE.at,
      },
      properties: {
        sku: { family: "A", name: "standard" },
        tenantId,
        accessPolicies: (resource.accessPolicies ?? []).map(({ principal, secrets }) => ({
          tenantId,
          objectId: principalIdOf(seed, principal),
          permissions: { keys: [], secrets, certificates: [] },
        })),
        enabledForDeployment: false,
        enabledForDiskEncryption: false,
        enabledForTemplateDeployment: false,
        enableSoftDelete: true,
        softDeleteRetentionInDays: RETENTION_DAYS,
        enableRbacAuthorization: resource.accessPolicies === undefined,
        vaultUri: `https://${name.toLowerCase()}.vault.azure.net/`,
        provisioningState: "Succeeded",
        publicNetworkAccess: "Enabled",
      },
    }),
  };
}

/** `az keyvault list` asks for them too. */
export const MANAGED_HSMS: ResourceKind<{ readonly name: string }> = {
  namespace: "Microsoft.KeyVault",
  type: "managedHSMs",
  apiVersions: VAULT_API_VERSIONS,
  members: [],
  body: ({ id }) => ({ id }),
};
