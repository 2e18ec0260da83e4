/** Azure's resources as one sign-in sees them through ARM. Implements AzureView of the connectors. */
import type { StorageManagementClient } from "@azure/arm-storage";
import { cloudOf } from "../cloud.ts";
import type {
  AzureView,
  OpenAzure,
  SignIn,
  StorageAccount,
  StorageAccountDetails,
  Subscription,
} from "../connectors/ports.ts";
import type { BlobContainerId } from "../connectors/resource-name.ts";
import { UpstreamError } from "../errors.ts";
import { lazy } from "../lazy.ts";
import { CLIENT_OPTIONS } from "./client-options.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { readClaims } from "./token-claims.ts";
import { callAsConnector, failureOf } from "./upstream.ts";

const READER = "Grant the connector's identity the role Reader there.";
/** Kind of the accounts for Azure Files, whose blob service refuses to be listed. */
const NO_BLOBS = "FileStorage";
const ACCOUNT_ID =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Storage\/storageAccounts\/([^/]+)$/i;

/** @param identities gives the credential of a sign-in */
export function createOpenAzure(identities: ConnectorIdentities): OpenAzure {
  return (signIn) => openView(signIn, identities);
}

function openView(signIn: SignIn, identities: ConnectorIdentities): AzureView {
  const credential = identities(signIn);
  const { resourceManager } = cloudOf(signIn.cloud);
  const options = { ...CLIENT_OPTIONS, endpoint: resourceManager };
  const storageModule = lazy(() => import("@azure/arm-storage"));
  const storageOf = async (subscriptionId: string): Promise<StorageManagementClient> => {
    const { StorageManagementClient } = await storageModule();
    return new StorageManagementClient(credential, subscriptionId, options);
  };

  return {
    signIn: () =>
      callAsConnector("sign in", "Check the connector's configuration.", async (abortSignal) => {
        const token = await credential.getToken(`${resourceManager}/.default`, { abortSignal });
        const claims = token === null ? null : readClaims(token.token);
        if (claims === null) throw unusableToken();
        return { tenantId: claims.tenantId, objectId: claims.objectId };
      }),

    subscriptions: () =>
      callAsConnector("list the subscriptions", READER, async (abortSignal) => {
        const { SubscriptionClient } = await import("@azure/arm-resources-subscriptions");
        const client = new SubscriptionClient(credential, options);
        const found: Subscription[] = [];
        for await (const { subscriptionId, displayName } of client.subscriptions.list({ abortSignal })) {
          if (subscriptionId === undefined) continue;
          found.push({ subscriptionId: subscriptionId.toLowerCase(), displayName: displayName ?? "" });
        }
        return found;
      }),

    storageAccounts: (subscriptionId, resourceGroup) =>
      callAsConnector(`list the storage accounts of subscription ${subscriptionId}`, READER, async (abortSignal) => {
        const { storageAccounts } = await storageOf(subscriptionId);
        const listing =
          resourceGroup === null
            ? storageAccounts.list({ abortSignal })
            : storageAccounts.listByResourceGroup(resourceGroup, { abortSignal });
        const accounts: StorageAccountDetails[] = [];
        try {
          for await (const { id, kind, location, isHnsEnabled = false } of listing) {
            const account = readAccountId(id);
            if (account !== null && kind !== NO_BLOBS) accounts.push({ ...account, location, isHnsEnabled });
          }
        } catch (error) {
          // Only a group that is not there is an empty one: half a list must not pass for a whole.
          if (failureOf(error).code !== "ResourceGroupNotFound" || accounts.length > 0) throw error;
        }
        return accounts;
      }),

    containers: ({ subscriptionId, resourceGroup, account }) =>
      callAsConnector(`list the containers of ${account}`, READER, async (abortSignal) => {
        const { blobContainers } = await storageOf(subscriptionId);
        const names: string[] = [];
        for await (const { name } of blobContainers.list(resourceGroup, account, { abortSignal })) {
          if (name !== undefined) names.push(name);
        }
        return names;
      }),

    container: (id) =>
      callAsConnector(`read the container ${id.container} of ${id.account}`, READER, async (abortSignal) => {
        const { blobContainers } = await storageOf(id.subscriptionId);
        try {
          const found = await blobContainers.get(id.resourceGroup, id.account, id.container, { abortSignal });
          return readContainerId(found.id) ?? id;
        } catch (error) {
          if (failureOf(error).status === 404) return null;
          throw error;
        }
      }),
  };
}

function readAccountId(id: string | undefined): StorageAccount | null {
  const [, subscriptionId, resourceGroup, account] = ACCOUNT_ID.exec(id ?? "") ?? [];
  if (subscriptionId === undefined || resourceGroup === undefined || account === undefined) return null;
  return { subscriptionId: subscriptionId.toLowerCase(), resourceGroup, account };
}

/** ARM's own case of the resource group counts, whatever the caller wrote. */
function readContainerId(id: string | undefined): BlobContainerId | null {
  const [, accountId, container] = /^(.*)\/blobServices\/default\/containers\/([^/]+)$/i.exec(id ?? "") ?? [];
  const account = readAccountId(accountId);
  return account === null || container === undefined ? null : { ...account, container };
}

function unusableToken(): UpstreamError {
  return new UpstreamError("UPSTREAM_REFUSED", "Microsoft Entra gave no token that says whose it is.", {
    retryable: false,
  });
}
