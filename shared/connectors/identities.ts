/** Managed identities that a connector sees, to be found by the beginning of their names. Used by functions/identities.ts. */
import pMap from "p-map";
import { DeniedError, LatchkeyError } from "../errors.ts";
import { armIdOf, IDENTITY_TYPE } from "./arm-id.ts";
import { refuseUnusable } from "./connector-life.ts";
import type { Unread } from "./found.ts";
import type { Identity } from "./ports.ts";
import { sameText } from "./resource-name.ts";
import { findConnector, signInOf, type UseDeps } from "./use.ts";
import { placesWithin } from "./within.ts";

/** Listing calls under way at once. */
const LIST_CONCURRENCY = 8;

/** What listing needs. */
export type IdentitiesDeps = Pick<UseDeps, "store" | "secrets" | "openAzure" | "now">;
/** What narrows the list; both are compared without case. */
export type IdentityFilter = { readonly resourceGroup: string | null; readonly prefix: string };

/** The canonical id, in ARM's own words. */
export function identityArmId({ subscriptionId, resourceGroup, identity }: Identity): string {
  return armIdOf(IDENTITY_TYPE, { subscriptionId, resourceGroup, name: identity });
}

/**
 * The identities within the connector's limits, in no order. One subscription that cannot be read does not hide the others.
 * @throws NotFoundError NOT_FOUND, ConflictError CONNECTOR_EXPIRED CONNECTOR_DISABLED, DeniedError DENIED (outside the
 * limits), InputError SIGN_IN_FAILED, UpstreamError when nothing at all could be listed
 */
export async function findIdentities(
  deps: IdentitiesDeps,
  nameOrId: string,
  { resourceGroup, prefix }: IdentityFilter,
): Promise<{ readonly identities: readonly Identity[]; readonly unread: readonly Unread[] }> {
  const { connector } = await findConnector(deps.store, nameOrId);
  refuseUnusable(connector, deps.now());
  const { configuration, resourceId } = connector;
  const own = configuration.resourceGroup;
  const isOtherGroup = resourceGroup !== null && own !== null && !sameText(resourceGroup, own);
  if (resourceId !== null || configuration.storageAccount !== null || isOtherGroup) {
    throw new DeniedError(
      "DENIED",
      "These identities are outside the limits of the connector. Use a connector without a storage account or single resource, and of no other resource group.",
    );
  }
  const view = deps.openAzure(signInOf(deps.secrets, connector));
  const places = await placesWithin(view, connector, IDENTITY_TYPE);
  const unread: Unread[] = [];
  const start = prefix.toLowerCase();
  const read = async ({ subscriptionId }: { subscriptionId: string }): Promise<readonly Identity[]> => {
    try {
      const found = await view.identities(subscriptionId, resourceGroup ?? own);
      return found.filter(({ identity }) => identity.toLowerCase().startsWith(start));
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED") throw error;
      unread.push({ where: `subscription ${subscriptionId}`, error });
      return [];
    }
  };
  const identities = (await pMap(places, read, { concurrency: LIST_CONCURRENCY })).flat();
  const [first] = unread;
  if (first !== undefined && unread.length === places.length) throw first.error;
  return { identities, unread };
}
