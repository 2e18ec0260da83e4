/** What the looks at the resources of one connector share: who it is, what it may ask, and what was asked already. Made by verify. */
import { LatchkeyError, UpstreamError } from "../errors.ts";
import type { AzureView, Permission, SignedIn, StorageAccount, StorageAccountDetails } from "./ports.ts";
import type { Probe, Probes } from "./probe.ts";

/** See the members. */
export type CheckContext = {
  readonly who: SignedIn;
  readonly probes: Probes;
  /** Null when Azure does not tell. @throws UpstreamError that is retryable, InputError SIGN_IN_FAILED */
  permissions(armId: string): Promise<readonly Permission[] | null>;
  /** Asked once for each account. */
  delegationKey(account: string): Promise<Probe>;
  /** Whether the account has directories; false when it is not known. */
  isHns(account: StorageAccount): Promise<boolean>;
};

/** The view with it remembers subscriptions and accounts, so that the types do not each list them again. */
export function createCheckContext(
  azure: AzureView,
  probes: Probes,
  who: SignedIn,
): { readonly context: CheckContext; readonly view: AzureView } {
  const keys = new Map<string, Promise<Probe>>();
  let subscriptions: ReturnType<AzureView["subscriptions"]> | null = null;
  const seen = new Map<string, Promise<readonly StorageAccountDetails[]>>();
  const storageAccounts: AzureView["storageAccounts"] = (subscriptionId, resourceGroup, beforePage) => {
    const place = JSON.stringify([subscriptionId, resourceGroup?.toLowerCase() ?? null]);
    const listed = seen.get(place) ?? azure.storageAccounts(subscriptionId, resourceGroup, beforePage);
    seen.set(place, listed);
    return listed;
  };
  const context: CheckContext = {
    who,
    probes,
    async permissions(armId) {
      try {
        return await azure.permissions(armId);
      } catch (error) {
        if (isNoVerdict(error)) throw error;
        return null;
      }
    },
    delegationKey(account) {
      const asked = keys.get(account) ?? probes.delegationKey({ account });
      keys.set(account, asked);
      return asked;
    },
    async isHns({ subscriptionId, resourceGroup, account }) {
      const place = JSON.stringify([subscriptionId, null]);
      try {
        const accounts = await (seen.get(place) ?? storageAccounts(subscriptionId, resourceGroup));
        return accounts.some((one) => one.account === account && one.isHnsEnabled);
      } catch (error) {
        if (error instanceof LatchkeyError && error.code !== "SIGN_IN_FAILED") return false;
        throw error;
      }
    },
  };
  const remembering = {
    ...azure,
    storageAccounts,
    subscriptions() {
      subscriptions ??= azure.subscriptions();
      return subscriptions;
    },
  };
  return { context, view: remembering };
}

/** Whether an error says nothing of the resource: nobody answered, the sign-in itself fails, or it is a defect. */
export function isNoVerdict(error: unknown): boolean {
  if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED") return true;
  return error instanceof UpstreamError && error.retryable;
}
