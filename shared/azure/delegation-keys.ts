/** Ends all user delegation keys of a storage account, through ARM. Implements RevokeDelegationKeys. */
import type { RevokeDelegationKeys } from "../credentials/ports.ts";
import type { DelegationKeys } from "./blob-sas.ts";
import { armOptions } from "./client-options.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector } from "./upstream.ts";

/** @param deps.keys those of this process */
export function createRevokeDelegationKeys(deps: {
  identities: ConnectorIdentities;
  keys: Pick<DelegationKeys, "forget">;
}): RevokeDelegationKeys {
  return async ({ signIn, account: { subscriptionId, resourceGroup, account } }) => {
    try {
      await callAsConnector(
        `revoke the user delegation keys of ${account}`,
        `Give the connector's identity a role with the action Microsoft.Storage/storageAccounts/revokeUserDelegationKeys/action on the storage account ${account}.`,
        async (abortSignal) => {
          const { StorageManagementClient } = await import("@azure/arm-storage");
          const client = new StorageManagementClient(deps.identities(signIn), subscriptionId, armOptions(signIn.cloud));
          await client.storageAccounts.revokeUserDelegationKeys(resourceGroup, account, { abortSignal });
        },
      );
    } finally {
      // Also when nobody knows whether it was done: a new key costs one call, signing with a dead one a caller's work.
      deps.keys.forget(account);
    }
  };
}
