/** Storage accounts and containers within a connector's limits. Used by verify, use and the inventory. */
import pMap from "p-map";
import { ConflictError, DeniedError, LatchkeyError, NotFoundError, UpstreamError } from "../errors.ts";
import type { ConnectorConfiguration } from "./auth-methods.ts";
import type { Unread } from "./found.ts";
import type { AzureView, StorageAccount, StorageAccountDetails } from "./ports.ts";
import { type BlobContainerId, blobContainerArmId, parseBlobContainerName, sameText } from "./resource-name.ts";

/** Listing calls under way at once; Azure's storage provider takes 100 in 5 minutes. */
const LIST_CONCURRENCY = 8;

/** The limits that decide which containers a connector reaches. */
export type Limits = {
  readonly configuration: ConnectorConfiguration;
  /** The only resource, or null. */
  readonly resourceId: string | null;
  /** The service's own storage accounts: nobody is ever lent a credential for them. */
  readonly ownAccounts: readonly string[];
};

/** Containers that were found, and accounts whose containers, and subscriptions whose accounts, could not be listed. */
export type ContainerInventory = {
  readonly containers: readonly BlobContainerId[];
  readonly unread: readonly Unread[];
  /** Accounts that `choose` left out. */
  readonly unlisted: number;
};

/**
 * Lists the containers within the limits: all, or those of one name. One account or subscription that cannot be read
 * does not hide the others.
 * @param choose takes the accounts whose containers are listed; unless given, all
 * @throws what AzureView throws when the subscriptions, or the accounts of every one, cannot be listed
 */
export async function listBlobContainers(
  view: AzureView,
  limits: Limits,
  name: string | null = null,
  choose: (accounts: readonly StorageAccountDetails[]) => readonly StorageAccountDetails[] = (accounts) => accounts,
): Promise<ContainerInventory> {
  const { accounts, unread: unlisted } = await readStorageAccounts(view, limits);
  const chosen = choose(accounts);
  const containers: BlobContainerId[] = [];
  const unread: Unread[] = [...unlisted];
  const readAccount = async (account: StorageAccount) => {
    try {
      for (const container of await view.containers(account)) {
        const id = { ...account, container };
        if ((name === null || name === container) && isWithin(id, limits)) containers.push(id);
      }
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED") throw error;
      unread.push({ where: account.account, error });
    }
  };
  await pMap(chosen, readAccount, { concurrency: LIST_CONCURRENCY });
  containers.sort((left, right) => (blobContainerArmId(left) < blobContainerArmId(right) ? -1 : 1));
  return { containers, unread, unlisted: accounts.length - chosen.length };
}

/**
 * Storage accounts within the limits. One subscription that cannot be read does not hide the others.
 * Order of precedence: a named storage account, else a resource group, else everything that is visible.
 * @throws what AzureView throws when the subscriptions, or the accounts of every one, cannot be listed
 */
export async function readStorageAccounts(
  view: AzureView,
  { configuration, ownAccounts }: Omit<Limits, "resourceId">,
): Promise<{ readonly accounts: readonly StorageAccountDetails[]; readonly unread: readonly Unread[] }> {
  const subscriptions =
    configuration.subscriptionId === null
      ? (await view.subscriptions()).map(({ subscriptionId }) => subscriptionId)
      : [configuration.subscriptionId];
  const unread: Unread[] = [];
  const list = async (subscription: string): Promise<readonly StorageAccountDetails[]> => {
    try {
      return await listAccountsOf(view, { configuration, ownAccounts }, subscription);
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED") throw error;
      unread.push({ where: `subscription ${subscription}`, error });
      return [];
    }
  };
  const accounts = (await pMap(subscriptions, list, { concurrency: LIST_CONCURRENCY })).flat();
  const [first] = unread;
  if (first !== undefined && unread.length === subscriptions.length) throw first.error;
  return { accounts, unread };
}

/** As readStorageAccounts, of one subscription. @throws what AzureView throws */
export async function listAccountsOf(
  view: Pick<AzureView, "storageAccounts">,
  { configuration, ownAccounts }: Omit<Limits, "resourceId">,
  subscription: string,
): Promise<StorageAccountDetails[]> {
  const { storageAccount, resourceGroup } = configuration;
  const accounts = await view.storageAccounts(subscription, storageAccount === null ? resourceGroup : null);
  return accounts.filter(
    ({ account }) =>
      !ownAccounts.some((own) => sameText(account, own)) &&
      (storageAccount === null || sameText(account, storageAccount)),
  );
}

/** Whether the connector may be used for this container at all. */
export function isWithin(id: BlobContainerId, { configuration, resourceId, ownAccounts }: Limits): boolean {
  if (ownAccounts.some((own) => sameText(own, id.account))) return false;
  if (resourceId !== null && !sameText(resourceId, blobContainerArmId(id))) return false;
  if (configuration.subscriptionId !== null && !sameText(configuration.subscriptionId, id.subscriptionId)) return false;
  if (configuration.storageAccount !== null) return sameText(configuration.storageAccount, id.account);
  return configuration.resourceGroup === null || sameText(configuration.resourceGroup, id.resourceGroup);
}

/**
 * Finds the one container that a name means inside a connector.
 * @throws InputError INVALID_REQUEST, DeniedError DENIED (outside the limits), NotFoundError RESOURCE_NOT_FOUND,
 * ConflictError AMBIGUOUS_RESOURCE, and what AzureView throws
 */
export async function resolveBlobContainer(view: AzureView, limits: Limits, text: string): Promise<BlobContainerId> {
  const name = parseBlobContainerName(text);
  if (name.kind === "id") {
    // Decided before Azure is asked: what is outside must not even be looked up with the connector's rights.
    if (!isWithin(name.id, limits)) {
      throw new DeniedError(
        "DENIED",
        "This container is outside the limits of the connector. Use a connector that covers it; GET /api/connectors shows the limits of each.",
      );
    }
    const found = await view.container(name.id);
    if (found === null) throw notFound();
    return found;
  }
  const { containers: matches, unread } = await listBlobContainers(view, limits, name.container);
  const [first] = matches;
  if (matches.length > 1) {
    throw new ConflictError(
      "AMBIGUOUS_RESOURCE",
      "Several containers within the connector have this name. Give the ARM id of the one that you mean.",
      { candidates: matches.map(blobContainerArmId) },
    );
  }
  if (unread.length > 0) {
    // A container of the same name could be in an account that was not read: guessing could grant the wrong one.
    throw new UpstreamError(
      "UPSTREAM_REFUSED",
      `Not everything could be listed (${unread.map(({ where }) => where).join(", ")}), so the name may be ambiguous. Give the ARM id of the container, or grant the connector's identity Reader there.`,
      { retryable: unread.some(({ error }) => error instanceof UpstreamError && error.retryable) },
    );
  }
  if (first === undefined) throw notFound();
  return first;
}

function notFound(): NotFoundError {
  return new NotFoundError(
    "RESOURCE_NOT_FOUND",
    "No such blob container within the connector, or its identity may not see it. Check the name; listing needs the role Reader on the storage account.",
  );
}
