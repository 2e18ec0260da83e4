/** Key vaults as ARM lists them. A part of the connectors' AzureView; joined by arm-resources.ts. */
import { VAULT_TYPE } from "../connectors/arm-id.ts";
import type { AzureView } from "../connectors/ports.ts";
import { lazy } from "../lazy.ts";
import { type ArmSignIn, placeOf, READER, readResources } from "./arm-list.ts";
import { callAsConnector } from "./upstream.ts";

const armModule = lazy(() => import("@azure/arm-keyvault"));

/** What a sign-in sees of vaults; nothing of what is in them. */
export function openVaults(arm: ArmSignIn): Pick<AzureView, "vaults"> {
  const { credential, options } = arm;
  return {
    vaults: (subscriptionId, resourceGroup) =>
      callAsConnector(`list the key vaults of subscription ${subscriptionId}`, READER, async (abortSignal) => {
        const { KeyVaultManagementClient } = await armModule();
        const { vaults } = new KeyVaultManagementClient(credential, subscriptionId, options);
        const list = () =>
          resourceGroup === null
            ? vaults.listBySubscription({ abortSignal })
            : vaults.listByResourceGroup(resourceGroup, { abortSignal });
        return (await readResources(arm, list, abortSignal)).map(({ id, properties }) => {
          const { name, ...place } = placeOf(VAULT_TYPE, id);
          // Absent means access policies: the older of the two ways.
          return { ...place, vault: name, hasRbac: properties?.enableRbacAuthorization === true };
        });
      }),
  };
}
