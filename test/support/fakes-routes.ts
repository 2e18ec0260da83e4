/** Every route of the product over fakes in memory, as functions/main.ts joins them over Azure. Used by the unit tests. */

import { appRoutes } from "../../functions/routes.ts";
import { authorize } from "../../shared/access/authorize.ts";
import type { Allowed } from "../../shared/access/ports.ts";
import { createPolicySource } from "../../shared/access/source.ts";
import { createKeepInventory } from "../../shared/connectors/inventory-keep.ts";
import { createKnown } from "../../shared/connectors/known.ts";
import { exactResource, meansResource } from "../../shared/connectors/resource-types.ts";
import {
  connectorName,
  openCluster,
  openContainer,
  openRegistry,
  openStorageAccount,
  openSubscription,
  openVaultSecret,
  refuseUnusableNow,
} from "../../shared/connectors/use.ts";
import { type FindObstacleDeps, findObstacle } from "../../shared/credentials/find-obstacle.ts";
import { grantProblems } from "../../shared/credentials/grant-rules.ts";
import { credentialReaches } from "../../shared/credentials/reach.ts";
import { now, registerParts, TENANT } from "./fakes.ts";
import { containerId, grant, membership, policyStore } from "./fakes-access.ts";
import { inventoryParts } from "./fakes-inventory.ts";
import { leaseDueStore, leaseStore } from "./fakes-leases.ts";
import { UNUSED_MINTS } from "./fakes-mint.ts";
import { purgeRouteParts } from "./fakes-purge-routes.ts";

/** The SAS that every credential is made of. */
export const SAS = "sv=2026-04-06&sr=c&sp=rl&sig=signature";

/**
 * USER may have the container `data` through the connector `azure` for a day, until `policy` is changed.
 * @param deniedResources what the operator never lends
 */
export function productRoutes(
  view?: Parameters<typeof registerParts>[0],
  deniedResources: readonly string[] = [containerId("operators-own")],
) {
  const parts = registerParts(view);
  const leaseRecords = leaseStore();
  const leaseDue = leaseDueStore();
  const policy = policyStore();
  policy.set("membership", "users", membership());
  policy.set("grant", "lend", grant({ maxTtlSeconds: 86_400 }));
  const access = {
    // A new source for every call: tests change policy while the clock stands still.
    policy: () => createPolicySource({ store: policy, now })(),
    means: meansResource,
    reaches: credentialReaches,
    deniedResources,
    ownResources: [],
    now,
  };
  const opening: FindObstacleDeps = {
    openContainer: (connector, resourceId) => openContainer(parts.deps, connector, resourceId),
    openVaultSecret: (connector, resourceId) => openVaultSecret(parts.deps, connector, resourceId),
    openSubscription: (connector, resourceId, asked) =>
      openSubscription({ ...parts.deps, ...createKnown(parts.deps) }, connector, resourceId, asked),
    openRegistry: (connector, resourceId, asked) => openRegistry(parts.deps, connector, resourceId, asked),
    openCluster: (connector, resourceId) => openCluster(parts.deps, connector, resourceId),
    listRepositories: async () => [],
    audienceUri: (name) => name,
    refuseClusterToken: () => undefined,
    now,
  };
  const planning = { ...access, findObstacle: (allowed: Allowed) => findObstacle(opening, allowed) };
  const { appendAudit } = parts.deps;
  const inventory = inventoryParts(parts.deps);
  const purge = purgeRouteParts();
  // No two leases are one.
  let drawn = 0;
  const routes = appRoutes({
    connectors: { ...parts.deps, leasesThrough: async () => "none", removeInventory: inventory.inventories.remove },
    resources: {
      ...inventory,
      keepInventory: createKeepInventory(inventory),
      timeout: () => new AbortController().signal,
    },
    access: {
      ...planning,
      store: policy,
      appendAudit,
      grantProblems: (checked) => grantProblems(checked, exactResource),
    },
    credentials: {
      ...UNUSED_MINTS,
      ...opening,
      access: planning,
      authorize: (by, ask) => authorize(access, by, ask),
      connectorName: (nameOrId) => connectorName(parts.store, nameOrId),
      readVaultSecret: async () => null,
      issueToken: async () => ({ token: "token", expiresAt: new Date(now().getTime() + 3_600_000), tenantId: TENANT }),
      async issueBlobSas({ account, container }) {
        const accountUrl = `https://${account}.blob.core.windows.net`;
        return { sas: { accountUrl, containerUrl: `${accountUrl}/${container}`, sasToken: SAS }, keyAskedAt: now() };
      },
      leases: leaseRecords,
      leaseDue,
      upstreamForms: new Map(),
      refuseUnusable: (connectorId) => refuseUnusableNow(parts.deps, connectorId),
      appendAudit,
      computeMac: async () => "v1:00",
      now,
      randomBytes: (count) => new Uint8Array(count).fill(++drawn),
    },
    breakGlass: {
      openStorageAccount: (connector, text) => openStorageAccount(parts.deps, connector, text),
      revokeDelegationKeys: async () => {},
      listLivingSas: async () => [],
      leases: leaseRecords,
      appendAudit,
      now,
    },
    purge: { ...purge.deps, appendAudit },
    audit: { readAudit: async () => ({ items: [], next: null }), now },
    status: { version: "1.2.3", now, probes: {}, countIrrevocable: async () => 0 },
  });
  return { ...parts, leases: leaseRecords.rows, leaseRecords, leaseDue, policy, purge, routes };
}
