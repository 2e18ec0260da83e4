/** Reads seed.yaml: the tenant of the local Azure. Names are resolved to ids here, so that services see ids only. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { clusterSchema, keyVaultSchema, registrySchema, storageAccountSchema } from "./seed-resources.ts";

const guid = z.guid();
/** What an application or an identity trusts in the place of a secret: tokens of that issuer for that subject. */
const federatedCredential = z.strictObject({
  name: z.string().min(3).max(120),
  issuer: z.url(),
  /** Compared as it stands. */
  subject: z.string().min(1),
  audiences: z.array(z.string()).length(1),
});
/** A user-assigned managed identity. */
const identity = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][\w-]{2,127}$/),
  clientId: guid,
  principalId: guid,
  /** Whether the Functions app may ask for its tokens. */
  attachedToApp: z.boolean().default(false),
  federatedCredentials: z.array(federatedCredential).default([]),
});
const tenant = z.strictObject({ id: guid, name: z.string(), domain: z.string() });
const numericId = z.string().regex(/^[1-9][0-9]*$/);
const githubJob = z.strictObject({
  name: z.string(),
  repository: z.string().regex(/^[^/]+\/[^/]+$/),
  repositoryId: numericId,
  repositoryOwnerId: numericId,
  workflow: z.string(),
  workflowFile: z.string(),
  ref: z.string(),
  environment: z.string().optional(),
  planId: guid,
  jobId: guid,
  requestToken: z.string(),
});
const schema = z.strictObject({
  tenant,
  /** Tenants beside ours, with neither users nor applications of their own. */
  otherTenants: z.array(tenant).default([]),
  applications: z.array(
    z.strictObject({
      name: z.string(),
      clientId: guid,
      objectId: guid,
      secret: z.string().optional(),
      /** It signs in with a certificate too, which is made at the first start. */
      certificate: z.boolean().default(false),
      federatedCredentials: z.array(federatedCredential).default([]),
      /** Names of other tenants in which it has a service principal too, with that one's object id. */
      tenants: z.array(z.strictObject({ tenant: z.string(), objectId: guid })).default([]),
      identifierUris: z.array(z.string()).default([]),
      accessTokenVersion: z.union([z.literal(1), z.literal(2)]).default(1),
      groupClaims: z.boolean().default(false),
      appRoles: z
        .array(z.strictObject({ id: guid, value: z.string(), memberTypes: z.array(z.enum(["User", "Application"])) }))
        .default([]),
    }),
  ),
  groups: z.array(z.strictObject({ id: guid, name: z.string() })),
  users: z.array(
    z.strictObject({
      name: z.string(),
      objectId: guid,
      password: z.string(),
      groups: z.array(z.string()),
      groupsOverage: z.boolean().default(false),
    }),
  ),
  appRoleAssignments: z.array(z.strictObject({ principal: z.string(), role: z.string() })),
  subscriptions: z.array(
    z.strictObject({
      id: guid,
      name: z.string(),
      /** Name of the tenant that it belongs to; the first one if left out. */
      tenant: z.string().optional(),
      resourceGroups: z.array(
        z.strictObject({
          name: z.string(),
          location: z.string(),
          storageAccounts: z.array(storageAccountSchema).default([]),
          registries: z.array(registrySchema).default([]),
          clusters: z.array(clusterSchema).default([]),
          keyVaults: z.array(keyVaultSchema).default([]),
          identities: z.array(identity).default([]),
        }),
      ),
    }),
  ),
  githubJobs: z.array(githubJob),
  roleAssignments: z.array(z.strictObject({ principal: z.string(), role: z.string(), scope: z.string() })),
});

/** The tenant as the file has it, every default filled in. */
export type Seed = z.infer<typeof schema>;
/** A tenant of the seed. */
export type SeedTenant = Seed["tenant"];
/** See federatedCredential. */
export type FederatedCredential = z.infer<typeof federatedCredential>;
/** A user-assigned managed identity of the seed. */
export type SeedIdentity = z.infer<typeof identity>;

/** @throws ZodError when the file does not fit its schema: the local system must not start half-made. */
export function loadSeed(file: URL | string = new URL("./seed.yaml", import.meta.url)): Seed {
  return schema.parse(parse(readFileSync(file, "utf8")));
}

/** All tenants, ours first. */
export function tenantsOf(seed: Seed): readonly SeedTenant[] {
  return [seed.tenant, ...seed.otherTenants];
}

/**
 * The tenant that a subscription belongs to.
 * @throws Error when the seed has none of that name
 */
export function tenantOf(seed: Seed, subscription: Pick<Seed["subscriptions"][number], "tenant">): SeedTenant {
  if (subscription.tenant === undefined) return seed.tenant;
  const found = tenantsOf(seed).find(({ name }) => name === subscription.tenant);
  if (found === undefined) throw new Error(`seed: tenant "${subscription.tenant}" is unknown`);
  return found;
}

/** Every managed identity of the seed with its ARM id, resource group, subscription and tenant. */
export function identitiesOf(seed: Seed) {
  return seed.subscriptions.flatMap((subscription) =>
    subscription.resourceGroups.flatMap((group) =>
      group.identities.map((one) => ({
        identity: one,
        group,
        subscription,
        tenant: tenantOf(seed, subscription),
        id: `/subscriptions/${subscription.id}/resourceGroups/${group.name}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${one.name}`,
      })),
    ),
  );
}

/** Every storage account of the seed with its ARM id, resource group and subscription. */
export function storageAccountsOf(seed: Seed) {
  return seed.subscriptions.flatMap((subscription) =>
    subscription.resourceGroups.flatMap((group) =>
      group.storageAccounts.map((account) => ({
        account,
        group,
        subscription,
        id: `/subscriptions/${subscription.id}/resourceGroups/${group.name}/providers/Microsoft.Storage/storageAccounts/${account.name}`,
      })),
    ),
  );
}

/** Every key vault of the seed with its ARM id, resource group and subscription. */
export function keyVaultsOf(seed: Seed) {
  return seed.subscriptions.flatMap((subscription) =>
    subscription.resourceGroups.flatMap((group) =>
      group.keyVaults.map((vault) => ({
        vault,
        group,
        subscription,
        id: `/subscriptions/${subscription.id}/resourceGroups/${group.name}/providers/Microsoft.KeyVault/vaults/${vault.name}`,
      })),
    ),
  );
}
