/** Which user delegation keys are revoked: told by ARM, heeded by the storage guard. Made by services.ts. */
import type { StateStore } from "../state.ts";
import type { DelegationKeyRegister } from "./ports.ts";

/** Source: learn.microsoft.com, "Get User Delegation Key": no key lives longer. */
const KEY_MAX_LIFE_MS = 7 * 24 * 60 * 60 * 1000;

type Account = {
  /** Milliseconds since 1970: keys of before are dead. */
  revokedAt: number;
  /** When keys were made since, by what a SAS says of its key. */
  madeAt: Record<string, number>;
};

/**
 * Only accounts whose keys were revoked are kept: before that, every key is good.
 * @param deps.delayMs milliseconds until a revocation shows. Azure caches keys and names no time ("Both the user
 * delegation key and Azure role assignments are cached by Azure Storage, so there may be a delay"); 0 = at once
 */
export function createDelegationKeyRegister(deps: {
  readonly state: StateStore;
  readonly now: () => Date;
  readonly delayMs?: number | undefined;
}): DelegationKeyRegister {
  const { now, delayMs = 0 } = deps;
  const accounts = deps.state.document<Record<string, Account>>("storage-revoked-keys", () => ({}));
  return {
    made(account, key) {
      if (accounts.read()[account] === undefined) return;
      accounts.update((all) => {
        const entry = all[account];
        if (entry) entry.madeAt[key] = now().getTime();
      });
    },
    revokeAll(account) {
      accounts.update((all) => {
        all[account] = { revokedAt: now().getTime(), madeAt: {} };
      });
    },
    isRevoked(account, key) {
      const entry = accounts.read()[account];
      if (!entry) return false;
      const since = now().getTime() - entry.revokedAt;
      return since >= delayMs && since <= KEY_MAX_LIFE_MS && entry.madeAt[key] === undefined;
    },
  };
}
