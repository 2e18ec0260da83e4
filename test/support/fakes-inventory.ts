/** Inventories in memory, and Azures of any shape, for the unit tests. */
import type { InventoryDeps } from "../../shared/connectors/inventory-keep.ts";
import type { InventoryStore } from "../../shared/connectors/inventory-store.ts";
import { countLists, createListBudget } from "../../shared/connectors/list-budget.ts";
import type { AzureView, StorageAccountDetails } from "../../shared/connectors/ports.ts";
import { createInventoryStore } from "../../shared/store/inventory-records.ts";
import { azureView, type registerParts } from "./fakes.ts";

/** The product's own store over blobs in a map. Values go through JSON, as they would in life. */
export function inventoryStore(now: () => Date): InventoryStore & { readonly blobs: Map<string, string> } {
  const blobs = new Map<string, string>();
  const written = new Map<string, { etag: number; at: Date }>();
  let etags = 0;
  const parsed = (name: string): unknown => {
    const text = blobs.get(name);
    return text === undefined ? null : JSON.parse(text);
  };
  const store = createInventoryStore({
    get: async (name) => parsed(name),
    async remove(name) {
      blobs.delete(name);
    },
    async getWithEtag(name) {
      return blobs.has(name) ? { value: parsed(name), etag: String(written.get(name)?.etag) } : null;
    },
    async putIf(name, value, etag) {
      const current = blobs.has(name) ? String(written.get(name)?.etag) : null;
      if (current !== etag) return false;
      blobs.set(name, JSON.stringify(value));
      written.set(name, { etag: ++etags, at: now() });
      return true;
    },
    async *list(prefix) {
      for (const name of [...blobs.keys()]) {
        if (name.startsWith(prefix)) yield { name, lastModified: written.get(name)?.at ?? now() };
      }
    },
  });
  return { ...store, blobs };
}

/** What the inventory needs, over the parts of a registration. */
export function inventoryParts(deps: ReturnType<typeof registerParts>["deps"]): InventoryDeps & {
  readonly store: (typeof deps)["store"];
  readonly inventories: ReturnType<typeof inventoryStore>;
} {
  const budget = createListBudget({ now: deps.now });
  let ids = 0;
  return {
    ...deps,
    openAzure: countLists(deps.openAzure, budget),
    inventories: inventoryStore(deps.now),
    budget,
    newId: () => `segment-${++ids}`,
  };
}

/** What `list` of an account does. */
export type FakeAccount = {
  readonly subscription: string;
  readonly account: string;
  readonly location?: string;
  readonly containers: readonly string[] | Error | (() => Promise<readonly string[]>);
};

/** An Azure of many subscriptions. Accounts stand in the group `g`. Each list tells the hook as ARM's own adapter does. */
export function wideView(
  accounts: () => readonly FakeAccount[],
  more: Partial<AzureView> & { readonly onCall?: (text: string) => Promise<void> | void } = {},
): AzureView {
  const { onCall = () => {}, ...others } = more;
  const detailsOf = ({ subscription, account, location = "westeurope" }: FakeAccount): StorageAccountDetails => ({
    subscriptionId: subscription,
    resourceGroup: "g",
    account,
    location,
    isHnsEnabled: false,
  });
  return {
    ...azureView({}),
    async subscriptions() {
      await onCall("subscriptions");
      return [...new Set(accounts().map(({ subscription }) => subscription))].map((subscriptionId) => ({
        subscriptionId,
        displayName: subscriptionId,
      }));
    },
    async storageAccounts(subscriptionId, _resourceGroup, beforePage) {
      beforePage?.();
      await onCall(`accounts ${subscriptionId}`);
      return accounts()
        .filter(({ subscription }) => subscription === subscriptionId)
        .map(detailsOf);
    },
    async containers({ account }, beforePage) {
      beforePage?.();
      await onCall(`containers ${account}`);
      const found = accounts().find((one) => one.account === account)?.containers ?? [];
      if (found instanceof Error) throw found;
      return typeof found === "function" ? found() : found;
    },
    ...others,
  };
}
