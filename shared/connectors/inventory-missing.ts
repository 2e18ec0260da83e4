/** Tells when nothing is seen where a connector's own limits point: an empty list alone would not say why. Pure. Used by inventory-answer.ts. */
import { STORAGE_ACCOUNT_TYPE, splitArmId } from "./arm-id.ts";
import type { Connector } from "./connector.ts";
import { isPending, type PlaceFailure, type Section } from "./inventory-index.ts";
import type { ResourceType } from "./resource-type.ts";

/** A place that a connector is limited to and that shows nothing. */
export type MissingPlace = { readonly place: string; readonly failure: PlaceFailure };

/**
 * The narrowest limit, when every place was listed and none shows anything within it. Azure tells a group that is not
 * there, one that holds nothing of the type and one that may not be seen by the same empty list.
 */
export function missingPlace(
  { resourceId, configuration }: Pick<Connector, "resourceId" | "configuration">,
  resourceType: ResourceType,
  sections: readonly Section[],
  now: Date,
): MissingPlace | null {
  const { subscriptionId, resourceGroup, storageAccount } = configuration;
  // An account without containers is there, and its group with it.
  const isSeen = ({ count, place }: Section) => count > 0 || splitArmId(STORAGE_ACCOUNT_TYPE, place) !== null;
  if (sections.length === 0 || sections.some((section) => isPending(section) || isSeen(section))) return null;
  const inSubscription = subscriptionId === null ? "" : `/subscriptions/${subscriptionId}`;
  const place =
    resourceId ??
    (storageAccount !== null
      ? `${inSubscription}/storageAccounts/${storageAccount}`
      : resourceGroup !== null
        ? `${inSubscription}/resourceGroups/${resourceGroup}`
        : resourceType === "azure-generic" && subscriptionId !== null
          ? inSubscription
          : null);
  if (place === null) return null;
  const message =
    "The connector is limited to this, and nothing of the type is seen there: it is not there, holds none, or the connector's identity may not see it. Check the name; listing needs the role Reader.";
  return { place, failure: { code: "RESOURCE_NOT_FOUND", message, isRetryable: false, until: now.toISOString() } };
}
