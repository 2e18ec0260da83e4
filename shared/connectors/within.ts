/** Which part of Azure a connector's limits leave, for what stands in a resource group. Used by find-resources.ts and identities.ts. */
import { readArmId } from "./arm-id.ts";
import type { Limits } from "./inventory.ts";
import type { ArmPlace, AzureView } from "./ports.ts";
import { sameText } from "./resource-name.ts";

/** Where to list: a subscription, or one resource group in it. */
export type Place = { readonly subscriptionId: string; readonly resourceGroup: string | null };

/**
 * The places in which a connector may look for resources of an ARM type. Its only resource comes first, then its
 * resource group, then its subscription, then all that is visible. One that is limited to a storage account has none.
 * @throws what AzureView throws when the subscriptions cannot be listed
 */
export async function placesWithin(
  view: Pick<AzureView, "subscriptions">,
  { configuration, resourceId }: Pick<Limits, "configuration" | "resourceId">,
  armType: string,
): Promise<readonly Place[]> {
  const { subscriptionId, resourceGroup, storageAccount } = configuration;
  if (storageAccount !== null) return [];
  if (resourceId !== null) {
    const only = readArmId(armType, resourceId, /^[^/]+$/);
    return only === null ? [] : [{ subscriptionId: only.subscriptionId, resourceGroup: only.resourceGroup }];
  }
  if (subscriptionId !== null) return [{ subscriptionId, resourceGroup }];
  return (await view.subscriptions()).map((subscription) => ({
    subscriptionId: subscription.subscriptionId,
    resourceGroup,
  }));
}

/** Whether a connector may be used for what stands there under this ARM id. */
export function isPlaceWithin(
  place: ArmPlace,
  armId: string,
  { configuration, resourceId }: Pick<Limits, "configuration" | "resourceId">,
): boolean {
  const { subscriptionId, resourceGroup, storageAccount } = configuration;
  if (storageAccount !== null) return false;
  if (resourceId !== null && !sameText(resourceId, armId)) return false;
  if (subscriptionId !== null && !sameText(subscriptionId, place.subscriptionId)) return false;
  return resourceGroup === null || sameText(resourceGroup, place.resourceGroup);
}
