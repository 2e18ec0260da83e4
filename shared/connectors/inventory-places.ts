/** How the inventory lists each resource type, place by place. Used by inventory-refresh.ts. */
import { STORAGE_ACCOUNT_TYPE, splitArmId } from "./arm-id.ts";
import { listAtPlace, type PlacedType } from "./find-at-places.ts";
import { CLUSTERS, REGISTRIES, RESOURCES, VAULTS } from "./find-resources.ts";
import type { Found, FoundVault, Reach } from "./found.ts";
import { isWithin, listAccountsOf } from "./inventory.ts";
import type { InventoryItem } from "./inventory-store.ts";
import type { AzureView } from "./ports.ts";
import {
  blobContainerArmId,
  blobContainerDisplayName,
  readBlobContainerName,
  sameText,
  storageAccountArmId,
} from "./resource-name.ts";
import type { ResourceType } from "./resource-type.ts";
import { readVaultSecretName, vaultSecretUrl } from "./vault-secret.ts";
import { type Place, placesWithin } from "./within.ts";

/** All that the sign-in sees. */
export const EVERYWHERE = "/subscriptions";

/** A place that is to be listed on its own. `location` where the storage provider counts by it. */
export type FoundPlace = { readonly place: string; readonly location: string | null };
/** What a place holds: items, or places in which to look further. */
export type ListedPlace =
  | { readonly items: readonly InventoryItem[]; readonly places: null }
  | { readonly items: null; readonly places: readonly FoundPlace[] };

/** How one type is listed. */
export type PlaceLists = {
  /** Where to begin, without asking Azure. None: the limits leave nothing of this type. */
  roots(reach: Reach): readonly string[];
  /** @throws what AzureView throws, and LimitError RATE_LIMITED of a view within the budget */
  list(view: AzureView, reach: Reach, place: FoundPlace): Promise<ListedPlace>;
};

const itemOf = ({ resourceId, displayName }: Found): InventoryItem => ({ resourceId, displayName });
const itemsOf = (found: readonly Found[]): ListedPlace => ({ items: found.map(itemOf), places: null });

/** Every type; see PlaceLists. */
export const PLACE_LISTS: Readonly<Record<ResourceType, PlaceLists>> = {
  "azure-generic": {
    roots: () => [EVERYWHERE],
    list: async (view, reach) => itemsOf((await RESOURCES["azure-generic"].list(view, reach)).found),
  },
  "blob-container": {
    roots: ({ resourceId, configuration, ownAccounts }) => {
      const only = resourceId === null ? null : readBlobContainerName(resourceId);
      if (resourceId !== null && only?.kind !== "id") return [];
      if (only?.kind === "id") {
        return ownAccounts.some((own) => sameText(own, only.id.account)) ? [] : [blobContainerArmId(only.id)];
      }
      return rootsOf({ ...configuration, resourceGroup: null });
    },
    list: listStorage,
  },
  "docker-registry": placed(REGISTRIES),
  "kubernetes-cluster": placed(CLUSTERS),
  "key-vault-secret": {
    roots(reach) {
      const only = onlySecret(reach);
      return only === null ? PLACED_VAULTS.roots(reach) : [only];
    },
    async list(view, reach, place) {
      if (onlySecret(reach) === null) return PLACED_VAULTS.list(view, reach, place);
      return itemsOf((await RESOURCES["key-vault-secret"].list(view, reach)).found);
    },
  },
};
const PLACED_VAULTS = placed(VAULTS, (vault: FoundVault, { ownVaults }) =>
  ownVaults.every((own) => !sameText(own, vault.details?.vault ?? "")),
);

function onlySecret({ resourceId }: Reach): string | null {
  const only = resourceId === null ? null : readVaultSecretName(resourceId);
  return only === null ? null : vaultSecretUrl(only.id);
}

/** Containers stand in accounts, and these in subscriptions. */
async function listStorage(view: AzureView, reach: Reach, { place, location }: FoundPlace): Promise<ListedPlace> {
  if (place === EVERYWHERE) return subscriptionPlaces(view);
  const only = readBlobContainerName(place);
  if (only?.kind === "id") {
    // A read, not a list: the provider takes eight times as many.
    const found = await RESOURCES["blob-container"].resolve(view, reach, place);
    return itemsOf([found]);
  }
  const id = splitArmId(STORAGE_ACCOUNT_TYPE, place);
  if (id !== null) {
    const { name: account, subscriptionId, resourceGroup } = id;
    const stands = { subscriptionId, resourceGroup, account };
    const containers = await view.containers({ ...stands, ...(location === null ? {} : { location }) });
    const ids = containers.map((container) => ({ ...stands, container })).filter((one) => isWithin(one, reach));
    const items = ids.map((one) => ({
      resourceId: blobContainerArmId(one),
      displayName: blobContainerDisplayName(one),
    }));
    return { items, places: null };
  }
  const accounts = await listAccountsOf(view, reach, placeIn(place).subscriptionId);
  return {
    items: null,
    places: accounts.map((account) => ({ place: storageAccountArmId(account), location: account.location })),
  };
}

/** What stands in resource groups. @param isLent whether it may be lent from: nobody is shown the service's own */
function placed<F extends Found>(
  type: PlacedType<F>,
  isLent: (found: F, reach: Reach) => boolean = () => true,
): PlaceLists {
  return {
    roots: ({ configuration, resourceId }) => {
      if (configuration.storageAccount !== null) return [];
      if (resourceId === null) return rootsOf(configuration);
      const only = splitArmId(type.armType, resourceId);
      return only === null ? [] : [textOf(only)];
    },
    async list(view, reach, { place }) {
      if (place !== EVERYWHERE) {
        const found = await listAtPlace(type, view, reach, placeIn(place));
        return itemsOf(found.filter((one) => isLent(one, reach)));
      }
      const places = await placesWithin(view, reach, type.armType);
      return { items: null, places: places.map((one) => ({ place: textOf(one), location: null })) };
    },
  };
}

async function subscriptionPlaces(view: AzureView): Promise<ListedPlace> {
  const subscriptions = await view.subscriptions();
  return {
    items: null,
    places: subscriptions.map(({ subscriptionId }) => ({
      place: textOf({ subscriptionId, resourceGroup: null }),
      location: null,
    })),
  };
}

function rootsOf({ subscriptionId, resourceGroup }: Reach["configuration"]): readonly string[] {
  return [subscriptionId === null ? EVERYWHERE : textOf({ subscriptionId, resourceGroup })];
}

function textOf({ subscriptionId, resourceGroup }: Place): string {
  const subscription = `/subscriptions/${subscriptionId}`;
  return resourceGroup === null ? subscription : `${subscription}/resourceGroups/${resourceGroup}`;
}

/** The other way round: only what textOf made comes here. */
function placeIn(text: string): Place {
  const [, , subscriptionId = "", , resourceGroup = null] = text.split("/");
  return { subscriptionId, resourceGroup };
}
