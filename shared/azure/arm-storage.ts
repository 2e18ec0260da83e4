/** Storage accounts and their containers as ARM lists them. A part of the connectors' AzureView; joined by arm-resources.ts. */
import type { StorageManagementClient } from "@azure/arm-storage";
import { STORAGE_ACCOUNT_TYPE } from "../connectors/arm-id.ts";
import type { AzureView } from "../connectors/ports.ts";
import type { BlobContainerId } from "../connectors/resource-name.ts";
import { lazy } from "../lazy.ts";
import { type ArmSignIn, placeOf, READER, readAll, readResources } from "./arm-list.ts";
import { callAsConnector, failureOf } from "./upstream.ts";

/** Kind of the accounts for Azure Files, whose blob service refuses to be listed. */
const NO_BLOBS = "FileStorage";

const armModule = lazy(() => import("@azure/arm-storage"));

/** What a sign-in sees of storage. */
export function openStorage(arm: ArmSignIn): Pick<AzureView, "storageAccounts" | "containers" | "container"> {
  const { credential, options } = arm;
  const clientOf = async (subscriptionId: string): Promise<StorageManagementClient> => {
    const { StorageManagementClient } = await armModule();
    return new StorageManagementClient(credential, subscriptionId, options);
  };
  return {
    storageAccounts: (subscriptionId, resourceGroup, beforePage) =>
      callAsConnector(`list the storage accounts of subscription ${subscriptionId}`, READER, async (abortSignal) => {
        const { storageAccounts } = await clientOf(subscriptionId);
        const list = () =>
          resourceGroup === null
            ? storageAccounts.list({ abortSignal })
            : storageAccounts.listByResourceGroup(resourceGroup, { abortSignal });
        return (await readResources(arm, list, abortSignal, beforePage))
          .filter(({ kind }) => kind !== NO_BLOBS)
          .map(({ id, location, isHnsEnabled = false }) => {
            const { name, ...place } = placeOf(STORAGE_ACCOUNT_TYPE, id);
            return { ...place, account: name, location, isHnsEnabled };
          });
      }),

    containers: ({ subscriptionId, resourceGroup, account }, beforePage) =>
      callAsConnector(`list the containers of ${account}`, READER, async (abortSignal) => {
        const { blobContainers } = await clientOf(subscriptionId);
        const found = await readAll(
          arm,
          () => blobContainers.list(resourceGroup, account, { abortSignal }),
          abortSignal,
          beforePage,
        );
        return found.flatMap(({ name }) => (name === undefined ? [] : [name]));
      }),

    container: (id) =>
      callAsConnector(`read the container ${id.container} of ${id.account}`, READER, async (abortSignal) => {
        const { blobContainers } = await clientOf(id.subscriptionId);
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

/** ARM's own case of the resource group counts, whatever the caller wrote. */
function readContainerId(id: string | undefined): BlobContainerId | null {
  const [, accountId, container] = /^(.*)\/blobServices\/default\/containers\/([^/]+)$/i.exec(id ?? "") ?? [];
  if (accountId === undefined || container === undefined) return null;
  const { name, ...place } = placeOf(STORAGE_ACCOUNT_TYPE, accountId);
  return { ...place, account: name, container };
}
