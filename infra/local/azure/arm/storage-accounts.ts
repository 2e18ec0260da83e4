/** Storage accounts as the storage resource provider shows them. Registered by arm.ts. */
import type { z } from "zod";
import { type Placed, placed } from "../../placed-resources.ts";
import type { storageAccountSchema } from "../../seed-resources.ts";
import type { DelegationKeyRegister } from "../ports.ts";
import { STORAGE_API_VERSIONS } from "./api-versions.ts";
import { STORAGE_SERVER } from "./arm-errors.ts";
import type { ArmOperation, ArmRequest } from "./arm-operation.ts";
import { memberOf, type ResourceDeps, type ResourceKind, resourceOperations } from "./provider-operations.ts";

type Account = z.infer<typeof storageAccountSchema>;

/** Action behind the end of all user delegation keys of an account. */
const REVOKE_KEYS = "Microsoft.Storage/storageAccounts/revokeUserDelegationKeys/action";
/** When the accounts of the seed tenant were made: the seed file has no date, and a fixed one keeps answers equal. */
const CREATED = "2026-01-12T09:30:41.1183706Z";
/** DNS zone of static websites in West Europe (`zNN` is fixed by region). */
const WEB_ZONE = "z6";

/** Path of one account. */
export const ACCOUNT_PATH =
  "/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.Storage/storageAccounts/:account";
/** The provider, by a type of its resources. */
export const storageProvider = (type: string) => ({ type, server: STORAGE_SERVER, contentType: "application/json" });

/**
 * Source of the shapes: azure-rest-api-specs storage 2026-09-01 and azure-cli recordings of `storage account show`.
 * Each page of a list is a call that the provider counts.
 */
export function storageAccounts({ seed, limits }: Pick<ResourceDeps, "seed" | "limits">): ResourceKind<Account> {
  return {
    namespace: "Microsoft.Storage",
    provider: storageProvider("storageAccounts"),
    type: "storageAccounts",
    apiVersions: STORAGE_API_VERSIONS,
    members: placed(seed, "Microsoft.Storage/storageAccounts", (group) => group.storageAccounts),
    body: accountBody,
    onList: (subscription, members) =>
      limits.takeStorageList(
        subscription,
        members.map(({ location }) => location),
      ),
  };
}

/** All of the storage provider but containers. */
export function storageAccountOperations(
  deps: ResourceDeps & { readonly delegationKeys: DelegationKeyRegister },
): ArmOperation[] {
  const { rights } = deps;
  return [
    ...resourceOperations(deps, storageAccounts(deps)),
    {
      method: "POST",
      apiVersions: STORAGE_API_VERSIONS,
      provider: storageProvider("storageAccounts"),
      path: `${ACCOUNT_PATH}/revokeUserDelegationKeys`,
      answer: (request) => {
        const demand = (scope: string) => rights.demand(request.caller, REVOKE_KEYS, scope);
        deps.delegationKeys.revokeAll(readableAccount(deps, request, demand).name);
        return { status: 200 };
      },
    },
  ];
}

/**
 * The account of the path, after the rights check for its scope.
 * @throws ArmError what `demand` throws, then 404 ResourceGroupNotFound or ResourceNotFound
 */
export function readableAccount(
  deps: Pick<ResourceDeps, "seed" | "limits">,
  request: ArmRequest,
  demand: (scope: string) => void,
): Placed<Account> {
  return memberOf(deps.seed, storageAccounts(deps), request, "account", demand);
}

function accountBody({ resource: account, location, id }: Placed<Account>) {
  const service = { keyType: "Account", enabled: true, lastEnabledTime: CREATED };
  const endpoint = (name: string) => `https://${account.name}.${name}.core.windows.net/`;
  return {
    sku: { name: "Standard_LRS", tier: "Standard" },
    kind: "StorageV2",
    id,
    name: account.name,
    type: "Microsoft.Storage/storageAccounts",
    location,
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
      isHnsEnabled: account.hierarchicalNamespace,
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
      primaryLocation: location,
      statusOfPrimary: "available",
    },
  };
}
