/** Storage accounts as the storage resource provider shows them. Registered by arm.ts. */
import { type Seed, storageAccountsOf } from "../../seed.ts";
import type { DelegationKeyRegister } from "../ports.ts";
import { STORAGE_API_VERSIONS } from "./api-versions.ts";
import { resourceGroupNotFound, resourceNotFound } from "./arm-errors.ts";
import type { ArmOperation, ArmRequest } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";
import { groupOf, subscriptionId, subscriptionOf } from "./subscriptions.ts";

type Account = ReturnType<typeof storageAccountsOf>[number];

/** Action behind a read of a storage account. */
const READ_ACCOUNT = "Microsoft.Storage/storageAccounts/read";
/** Action behind the end of all user delegation keys of an account. */
const REVOKE_KEYS = "Microsoft.Storage/storageAccounts/revokeUserDelegationKeys/action";
/** When the accounts of the seed tenant were made: the seed file has no date, and a fixed one keeps answers equal. */
const CREATED = "2026-01-12T09:30:41.1183706Z";
/** DNS zone of static websites in West Europe (`zNN` is fixed by region). */
const WEB_ZONE = "z6";

/** Path of one account below `/subscriptions/:subscription`. */
export const ACCOUNT_PATH =
  "/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.Storage/storageAccounts/:account";

/** Source of the shapes: azure-rest-api-specs storage 2026-09-01 and azure-cli recordings of `storage account show`. */
export function storageAccountOperations(deps: {
  readonly seed: Seed;
  readonly rights: ArmRights;
  readonly delegationKeys: DelegationKeyRegister;
}): ArmOperation[] {
  const { seed, rights } = deps;
  const provider = { method: "GET", apiVersions: STORAGE_API_VERSIONS, type: "storageAccounts" } as const;
  return [
    {
      ...provider,
      path: "/subscriptions/:subscription/providers/Microsoft.Storage/storageAccounts",
      answer: (request) => {
        const subscription = subscriptionOf(seed, request);
        const accounts = storageAccountsOf(seed).filter((entry) => entry.subscription.id === subscription.id);
        const value = rights.trim(request.caller, READ_ACCOUNT, subscriptionId(subscription), accounts);
        return { status: 200, body: { value: value.map(accountBody) } };
      },
    },
    {
      ...provider,
      path: ACCOUNT_PATH.replace("/:account", ""),
      answer: (request) => {
        const subscription = subscriptionOf(seed, request);
        const group = groupOf(subscription, request);
        const asked = group?.name ?? request.param("group");
        const scope = `${subscriptionId(subscription)}/resourceGroups/${asked}`;
        const accounts = storageAccountsOf(seed).filter((entry) => entry.group === group);
        const value = rights.trim(request.caller, READ_ACCOUNT, scope, accounts);
        if (!group) throw resourceGroupNotFound(asked);
        return { status: 200, body: { value: value.map(accountBody) } };
      },
    },
    {
      ...provider,
      path: ACCOUNT_PATH,
      answer: (request) => {
        const account = readableAccount(seed, request, (scope) => rights.demand(request.caller, READ_ACCOUNT, scope));
        return { status: 200, body: accountBody(account) };
      },
    },
    {
      ...provider,
      method: "POST",
      path: `${ACCOUNT_PATH}/revokeUserDelegationKeys`,
      answer: (request) => {
        const demand = (scope: string) => rights.demand(request.caller, REVOKE_KEYS, scope);
        deps.delegationKeys.revokeAll(readableAccount(seed, request, demand).account.name);
        return { status: 200 };
      },
    },
  ];
}

/**
 * The account of the path, after the rights check for its scope.
 * @throws ArmError what `demand` throws, then 404 ResourceGroupNotFound or ResourceNotFound
 */
export function readableAccount(seed: Seed, request: ArmRequest, demand: (scope: string) => void): Account {
  const subscription = subscriptionOf(seed, request);
  const group = groupOf(subscription, request);
  const groupName = group?.name ?? request.param("group");
  const asked = request.param("account").toLowerCase();
  const account = storageAccountsOf(seed).find((entry) => entry.group === group && entry.account.name === asked);
  const resource = `Microsoft.Storage/storageAccounts/${account?.account.name ?? request.param("account")}`;
  demand(`${subscriptionId(subscription)}/resourceGroups/${groupName}/providers/${resource}`);
  if (!group) throw resourceGroupNotFound(groupName);
  if (!account) throw resourceNotFound(resource, groupName);
  return account;
}

function accountBody({ account, group, id }: Account) {
  const service = { keyType: "Account", enabled: true, lastEnabledTime: CREATED };
  const endpoint = (name: string) => `https://${account.name}.${name}.core.windows.net/`;
  return {
    sku: { name: "Standard_LRS", tier: "Standard" },
    kind: "StorageV2",
    id,
    name: account.name,
    type: "Microsoft.Storage/storageAccounts",
    location: group.location,
    tags: {},
    properties: {
      dnsEndpointType: "Standard",
      defaultToOAuthAuthentication: true,
      publicNetworkAccess: "Enabled",
      keyCreationTime: { key1: CREATED, key2: CREATED },
      allowCrossTenantReplication: false,
      privateEndpointConnections: [],
      isNfsV3Enabled: false,
      isLocalUserEnabled: false,
      isSftpEnabled: false,
      minimumTlsVersion: "TLS1_2",
      allowBlobPublicAccess: false,
      allowSharedKeyAccess: account.sharedKeyAccess,
      isHnsEnabled: false,
      networkAcls: {
        ipv6Rules: [],
        bypass: "AzureServices",
        virtualNetworkRules: [],
        ipRules: [],
        defaultAction: "Allow",
      },
      supportsHttpsTrafficOnly: true,
      encryption: {
        requireInfrastructureEncryption: false,
        services: { file: service, blob: service },
        keySource: "Microsoft.Storage",
      },
      accessTier: "Hot",
      provisioningState: "Succeeded",
      creationTime: CREATED,
      primaryEndpoints: {
        dfs: endpoint("dfs"),
        web: endpoint(`${WEB_ZONE}.web`),
        blob: endpoint("blob"),
        queue: endpoint("queue"),
        table: endpoint("table"),
        file: endpoint("file"),
      },
      primaryLocation: group.location,
      statusOfPrimary: "available",
    },
  };
}
