/** Lists and finds what stands in resource groups: registries, clusters, vaults. Used by find-resources.ts. */
import pMap from "p-map";
import { ConflictError, DeniedError, LatchkeyError, NotFoundError, UpstreamError } from "../errors.ts";
import type { Found, Listing, Reach, Unread } from "./found.ts";
import type { ArmPlace, AzureView } from "./ports.ts";
import { sameText } from "./resource-name.ts";
import { isPlaceWithin, type Place, placesWithin } from "./within.ts";

/** Listing calls under way at once for one connector and type. */
const LIST_CONCURRENCY = 8;

/** How one type is listed. */
export type PlacedType<F extends Found> = {
  /** As ARM names it. */
  readonly armType: string;
  /** For people: `container registry`. */
  readonly noun: string;
  /** Canonical ids are ARM's. */
  list(view: AzureView, place: Place): Promise<readonly (F & { readonly details: ArmPlace })[]>;
};

/** A name that was read. */
export type AskedName<F extends Found> = {
  /** Of a full id. */
  readonly id: (ArmPlace & { readonly armId: string }) | null;
  /** The group that an alias names. */
  readonly resourceGroup: string | null;
  /** Whether Azure gives this name once: then nothing that was not read can have it too. */
  readonly isUnique: boolean;
  isNameOf(found: F): boolean;
};

/** What stands in one place and is within the limits. @throws what AzureView throws */
export async function listAtPlace<F extends Found>(
  type: PlacedType<F>,
  view: AzureView,
  reach: Reach,
  place: Place,
): Promise<readonly F[]> {
  const found = await type.list(view, place);
  return found.filter(({ details, resourceId }) => isPlaceWithin(details, resourceId, reach));
}

/**
 * Everything within the limits. A subscription that cannot be read does not hide the others.
 * @throws what AzureView throws when the subscriptions cannot be listed, or the sign-in fails
 */
export async function listAtPlaces<F extends Found>(
  type: PlacedType<F>,
  view: AzureView,
  reach: Reach,
): Promise<Listing<F>> {
  return readPlaces(type, view, reach, await placesWithin(view, reach, type.armType));
}

async function readPlaces<F extends Found>(
  type: PlacedType<F>,
  view: AzureView,
  reach: Reach,
  places: readonly Place[],
): Promise<Listing<F>> {
  const unread: Unread[] = [];
  const read = async (place: Place): Promise<readonly F[]> => {
    try {
      return await listAtPlace(type, view, reach, place);
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED") throw error;
      unread.push({ where: `subscription ${place.subscriptionId}`, error });
      return [];
    }
  };
  const found = (await pMap(places, read, { concurrency: LIST_CONCURRENCY })).flat();
  found.sort((left, right) => (left.resourceId < right.resourceId ? -1 : 1));
  return { found, unread };
}

/**
 * The one resource that a name means inside a connector.
 * @throws DeniedError DENIED (outside the limits), NotFoundError RESOURCE_NOT_FOUND, ConflictError AMBIGUOUS_RESOURCE,
 * UpstreamError UPSTREAM_REFUSED when what could not be read might hold another of the name, and what AzureView throws
 */
export async function resolveAtPlaces<F extends Found>(
  type: PlacedType<F>,
  view: AzureView,
  reach: Reach,
  name: AskedName<F>,
): Promise<F> {
  // Decided before Azure is asked: what is outside must not even be looked up with the connector's rights.
  if (!mayBeWithin(name, reach)) {
    throw new DeniedError(
      "DENIED",
      `This ${type.noun} is outside the limits of the connector. Use a connector that covers it; GET /api/connectors shows the limits of each.`,
    );
  }
  const places = name.id === null ? await placesWithin(view, reach, type.armType) : [name.id];
  const narrowed = places.map(({ subscriptionId, resourceGroup }) => ({
    subscriptionId,
    resourceGroup: resourceGroup ?? name.resourceGroup,
  }));
  const { found, unread } = await readPlaces(type, view, reach, narrowed);
  const matches = found.filter((one) => name.isNameOf(one));
  const [first] = matches;
  if (matches.length > 1) {
    throw new ConflictError(
      "AMBIGUOUS_RESOURCE",
      `More than one ${type.noun} within the connector has this name. Give the ARM id of the one that you mean.`,
      { candidates: matches.map(({ resourceId }) => resourceId) },
    );
  }
  // An id means one place: why that could not be read is the whole answer.
  if (name.id !== null && first === undefined && unread[0] !== undefined) throw unread[0].error;
  if (unread.length > 0 && !(first !== undefined && name.isUnique)) {
    // One of the same name could be where nobody looked: guessing could give the wrong one.
    throw new UpstreamError(
      "UPSTREAM_REFUSED",
      `Not everything could be listed (${unread.map(({ where }) => where).join(", ")}), so the name may be ambiguous. Give the ARM id, or grant the connector's identity Reader there.`,
      { retryable: unread.some(({ error }) => error instanceof UpstreamError && error.retryable) },
    );
  }
  if (first !== undefined) return first;
  throw new NotFoundError(
    "RESOURCE_NOT_FOUND",
    `No such ${type.noun} within the connector, or its identity may not see it. Check the name; listing needs the role Reader on it.`,
  );
}

function mayBeWithin({ id, resourceGroup }: Pick<AskedName<Found>, "id" | "resourceGroup">, reach: Reach): boolean {
  if (id !== null) return isPlaceWithin(id, id.armId, reach);
  const { configuration } = reach;
  if (configuration.storageAccount !== null) return false;
  return resourceGroup === null || configuration.resourceGroup === null
    ? true
    : sameText(resourceGroup, configuration.resourceGroup);
}
