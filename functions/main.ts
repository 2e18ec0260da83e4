/** Composition root: environment → clients → routes. The only file that reads the environment. */
import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { app } from "@azure/functions";
import packageJson from "../package.json" with { type: "json" };
import { authorize } from "../shared/access/authorize.ts";
import type { Allowed } from "../shared/access/ports.ts";
import { createPolicySource } from "../shared/access/source.ts";
import { createAuditTrail } from "../shared/audit/chain.ts";
import { sealTrail } from "../shared/audit/seal.ts";
import { createOpenAzure } from "../shared/azure/arm-resources.ts";
import { createAudienceUri, createTokenIssuer } from "../shared/azure/arm-token.ts";
import { createBlobSas, createDelegationKeys } from "../shared/azure/blob-sas.ts";
import { createCallerVerifier } from "../shared/azure/caller-token.ts";
import { createOpenClusterApi } from "../shared/azure/cluster-api.ts";
import {
  createReadCluster,
  createReadClusterAdmin,
  createReadClusterServer,
  createReadClusterUser,
} from "../shared/azure/cluster-credentials.ts";
import { createCustomerSecrets } from "../shared/azure/customer-secrets.ts";
import { createRevokeDelegationKeys } from "../shared/azure/delegation-keys.ts";
import { createConnectorIdentities, ownIdentity } from "../shared/azure/identity.ts";
import { createCredentialMac, createSecretStore, createVault } from "../shared/azure/key-vault.ts";
import { createKnownServers } from "../shared/azure/known-servers.ts";
import { createOpenProbes } from "../shared/azure/probes.ts";
import { createRegistryTokenAdmin } from "../shared/azure/registry-token-admin.ts";
import { createRegistryTokens } from "../shared/azure/registry-tokens.ts";
import { AKS_SERVER_APP, accountUrl, cloudOf } from "../shared/cloud.ts";
import { readConfig } from "../shared/config.ts";
import { refuseAudience } from "../shared/connectors/app-identity.ts";
import { createKeepInventory } from "../shared/connectors/inventory-keep.ts";
import { createKnown } from "../shared/connectors/known.ts";
import { countLists, createListBudget } from "../shared/connectors/list-budget.ts";
import { exactResource, meansResource } from "../shared/connectors/resource-types.ts";
import {
  connectorName,
  openCluster,
  openContainer,
  openRegistry,
  openStorageAccount,
  openSubscription,
  openVaultSecret,
  refuseUnusableNow,
  reopenCluster,
  reopenRegistry,
} from "../shared/connectors/use.ts";
import { createDockerLogin } from "../shared/credentials/docker-login.ts";
import { type FindObstacleDeps, findObstacle } from "../shared/credentials/find-obstacle.ts";
import { grantProblems } from "../shared/credentials/grant-rules.ts";
import { credentialReaches } from "../shared/credentials/reach.ts";
import { createServiceAccountForm } from "../shared/credentials/service-account.ts";
import { createRateLimit } from "../shared/rate-limit.ts";
import { createPolicyStore } from "../shared/store/access-records.ts";
import { createAuditReader, createAuditStore, createMarkReader } from "../shared/store/audit-records.ts";
import { openSeals } from "../shared/store/audit-seals.ts";
import { openJsonBlobs } from "../shared/store/blobs.ts";
import { createConnectorStore, createVerificationStore } from "../shared/store/connector-records.ts";
import { createInventoryStore } from "../shared/store/inventory-records.ts";
import { createLeaseDue } from "../shared/store/lease-due.ts";
import { createLeaseStore, createLeasesThrough, createLivingSas } from "../shared/store/lease-records.ts";
import { createRegistrySlots } from "../shared/store/registry-slots.ts";
import { openTable } from "../shared/store/tables.ts";
import { leaseSweep } from "./lease-sweep.ts";
import { purgeParts } from "./purge-parts.ts";
import { durableBinding, registerPurge } from "./purge-steps.ts";
import { registerPurgeTimer } from "./purge-timer.ts";
import { type RefreshJob, registerRefreshTimer } from "./refresh-timer.ts";
import { registerRoutes } from "./route.ts";
import { appRoutes } from "./routes.ts";

/** Irrevocable leases that the status counts: a page of Table Storage. */
const MAX_COUNTED = 1_000;

const config = readConfig(process.env);
const now = () => new Date();
const cloud = cloudOf(config.cloud);
const identity = ownIdentity();

const tablesUrl = accountUrl(config.stateAccount, cloud.tableSuffix);
const table = (name: string, unavailable: "STATE_UNAVAILABLE" | "AUDIT_UNAVAILABLE") =>
  openTable({ url: tablesUrl, name, identity, unavailable });
const blobs = openJsonBlobs({ url: accountUrl(config.stateAccount, cloud.blobSuffix), identity });
const vault = createVault(accountUrl(config.keyVault, cloud.keyVaultSuffix), identity);

const auditTable = table("Audit", "AUDIT_UNAVAILABLE");
// A new chain for every process: nobody else writes under this name.
const trail = createAuditTrail({
  store: createAuditStore(auditTable),
  writerId: randomUUID(),
  now,
});
const identities = createConnectorIdentities(config.appIdentity, { own: identity, now });
const budget = createListBudget({ now });
const connectors = {
  store: createConnectorStore(table("Connectors", "STATE_UNAVAILABLE")),
  verifications: createVerificationStore(blobs),
  secrets: createSecretStore(vault),
  appendAudit: trail.append,
  openAzure: countLists(createOpenAzure(identities), budget),
  openProbes: createOpenProbes({ identities, now }),
  app: config.appIdentity,
  ownAccounts: config.ownAccounts,
  ownVaults: [config.keyVault],
  now,
  newId: randomUUID,
};

const inventories = createInventoryStore(blobs);
const inventory = { ...connectors, inventories, budget };

/** What issuing uses of connectors: kept for seconds. */
const used = { ...connectors, ...createKnown(connectors) };

const policyStore = createPolicyStore({ table: table("Access", "STATE_UNAVAILABLE"), now });
const access = {
  policy: createPolicySource({ store: policyStore, now }),
  means: meansResource,
  reaches: credentialReaches,
  deniedResources: config.deniedResources,
  ownResources: [accountUrl(config.keyVault, cloud.keyVaultSuffix)],
  now,
};
const registryTokens = createRegistryTokens({ identities, now });
const opening: FindObstacleDeps = {
  openContainer: (connector, resourceId) => openContainer(used, connector, resourceId),
  openVaultSecret: (connector, resourceId) => openVaultSecret(used, connector, resourceId),
  openRegistry: (connector, resourceId, asked) => openRegistry(used, connector, resourceId, asked),
  openCluster: (connector, resourceId) => openCluster(used, connector, resourceId),
  openSubscription: (connector, resourceId, asked) => openSubscription(used, connector, resourceId, asked),
  listRepositories: registryTokens.listRepositories,
  audienceUri: createAudienceUri(config.tokenAudiences, config.appIdentity),
  refuseClusterToken: (signIn) => refuseAudience(signIn, AKS_SERVER_APP, config.appIdentity),
  now,
};
const planning = { ...access, findObstacle: (allowed: Allowed) => findObstacle(opening, allowed) };

const leaseTable = table("Leases", "STATE_UNAVAILABLE");
const { maxActiveLeases: maxActive } = config.limits;
const leases = createLeaseStore({ table: leaseTable, maxActive, now, wait, random: Math.random });
const readClusterUser = createKnownServers(createReadClusterUser(identities), now);
const serviceAccounts = createServiceAccountForm({
  openCluster: opening.openCluster,
  reopenCluster: (connectorId, resourceId) => reopenCluster(connectors, connectorId, resourceId),
  readCluster: createReadCluster(identities),
  openClusterApi: createOpenClusterApi({ identities, readUser: readClusterUser }),
  now,
});
const dockerLogins = createDockerLogin({
  openRegistry: opening.openRegistry,
  reopenRegistry: (connectorId, resourceId) => reopenRegistry(connectors, connectorId, resourceId),
  listRepositories: registryTokens.listRepositories,
  openTokens: createRegistryTokenAdmin({
    identities,
    now,
    wait: (milliseconds, signal) => wait(milliseconds, undefined, { signal }),
  }),
  slots: createRegistrySlots({
    table: table("RegistryTokens", "STATE_UNAVAILABLE"),
    now,
    newId: randomUUID,
    wait,
    random: Math.random,
  }),
  stateAccount: config.stateAccount,
  now,
  wait,
});
const ends = {
  leases,
  leaseDue: createLeaseDue(table("LeaseDue", "STATE_UNAVAILABLE")),
  upstreamForms: new Map([
    ["service-account", serviceAccounts],
    ["docker-login", dockerLogins],
  ]),
  appendAudit: trail.append,
  now,
};
const computeMac = createCredentialMac({ vault, randomBytes, now });
const readAudit = createAuditReader(auditTable);
const delegationKeys = createDelegationKeys({ identities, now });

const purge = purgeParts({
  ...opening,
  table: (name) => table(name, "STATE_UNAVAILABLE"),
  blobsUrl: accountUrl(config.stateAccount, cloud.blobSuffix),
  identity,
  identities,
  readUser: createReadClusterUser(identities),
  appendAudit: trail.append,
  settings: config.purge,
  now,
  newId: randomUUID,
  randomBytes,
  random: Math.random,
  proxies: process.env,
  wait: (milliseconds, signal) => wait(milliseconds, undefined, { signal }),
});

const routes = appRoutes({
  connectors: {
    ...connectors,
    leasesThrough: createLeasesThrough({ table: leaseTable, now }),
    removeInventory: inventories.remove,
  },
  resources: {
    ...inventory,
    keepInventory: createKeepInventory(inventory),
    timeout: (milliseconds) => AbortSignal.timeout(milliseconds),
  },
  access: {
    ...planning,
    store: policyStore,
    appendAudit: trail.append,
    grantProblems: (grant) => grantProblems(grant, exactResource),
  },
  credentials: {
    ...opening,
    access: planning,
    authorize: (by, ask) => authorize(access, by, ask),
    connectorName: (nameOrId) => connectorName(used.store, nameOrId),
    readVaultSecret: createCustomerSecrets(identities),
    issueToken: createTokenIssuer(identities),
    readClusterServer: createReadClusterServer(readClusterUser),
    readClusterAdmin: createReadClusterAdmin(identities),
    ...registryTokens,
    issueBlobSas: createBlobSas({ identities, now, keys: delegationKeys }),
    ...ends,
    // Not of what is known of connectors, but of the table.
    refuseUnusable: (connectorId) => refuseUnusableNow(connectors, connectorId),
    computeMac,
    randomBytes,
  },
  breakGlass: {
    openStorageAccount: (connector, text) => openStorageAccount(connectors, connector, text),
    revokeDelegationKeys: createRevokeDelegationKeys({ identities, keys: delegationKeys }),
    listLivingSas: createLivingSas({ table: leaseTable, now }),
    leases,
    appendAudit: trail.append,
    now,
  },
  purge: purge.routes,
  audit: { readAudit, now },
  status: {
    version: packageJson.version,
    now,
    probes: {
      state: () => ends.leaseDue.listIrrevocable(null, 1),
      audit: () => readAudit({ from: now(), to: now(), principalId: null, resourceId: null }, null, 1),
      vault: () => computeMac("status"),
    },
    countIrrevocable: async () => (await ends.leaseDue.listIrrevocable(null, MAX_COUNTED)).length,
  },
});
registerRoutes(app, routes, {
  verifyCaller: createCallerVerifier({ cloud: config.cloud, callers: config.callers, fetch, now }),
  takeTurn: createRateLimit({ perSecond: config.limits.maxIssuesPerSecond, now }),
  now,
  newId: randomUUID,
  durable: durableBinding,
});
registerPurge(app, purge.steps);
registerPurgeTimer(app, purge.timer);

const seals = openSeals({ url: accountUrl(config.stateAccount, cloud.blobSuffix), identity });
const readMarks = createMarkReader(auditTable);
const refreshJobs: RefreshJob[] = [
  // First: what follows may take the time that a run has.
  { name: "seal", run: async () => void (await sealTrail({ seals, readMarks, now, randomBytes })) },
  leaseSweep(ends),
];
registerRefreshTimer(app, refreshJobs, { now, newId: randomUUID });
