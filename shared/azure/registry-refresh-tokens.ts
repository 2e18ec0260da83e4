/** Refresh tokens of registries, kept in memory of this process: with one, an access token costs one call. Used by registry-sign-in.ts. */
import type { EndingToken } from "../credentials/ports.ts";
import type { RegistrySignIn } from "./registry-calls.ts";

/** Not used for this long before its end: the registry's clock may be ahead, and a call takes its time. */
const MARGIN_MS = 5 * 60_000;
/** A token of a registry without ABAC holds the roles of when it was made: one that was taken back serves for so long. */
const MAX_AGE_MS = 15 * 60_000;
/** Kept at most; the least recently made goes first. */
const MAX_KEPT = 500;

/** A refresh token, and how to forget it. */
export type KeptToken = {
  readonly token: string;
  /** Whether it may be of before: roles that were given since are not in it, and the registry may have ended it. */
  readonly isKept: boolean;
  /** The next call makes a new one, unless somebody did already. */
  forget(): void;
};
/** Gives the refresh token of a sign-in at a registry. `make` is called when none is kept that still serves. */
export type RefreshTokens = (at: RegistrySignIn, make: () => Promise<EndingToken>) => Promise<KeptToken>;

/** One for each sign-in and registry, one being made at a time for each; none for a sign-in that nothing is kept of. */
export function createRefreshTokens(now: () => Date): RefreshTokens {
  const kept = new Map<string, { readonly askedAt: number; readonly made: Promise<EndingToken> }>();
  return async ({ signIn, registry }, make) => {
    if (signIn.key === null) return { token: (await make()).token, isKept: false, forget: () => undefined };
    const key = JSON.stringify([signIn.key, registry.loginServer]);
    const forget = (entry: unknown) => () => void (kept.get(key) === entry && kept.delete(key));
    for (let known = kept.get(key); known !== undefined; known = kept.get(key)) {
      const { token, expiresAt } = await known.made;
      const at = now().getTime();
      // A clock that goes back makes nothing last longer.
      const end = Math.min(expiresAt.getTime() - MARGIN_MS, known.askedAt + MAX_AGE_MS);
      if (known.askedAt <= at && at < end) {
        return { token, isKept: true, forget: forget(known) };
      }
      forget(known)();
    }
    const entry = { askedAt: now().getTime(), made: make() };
    kept.set(key, entry);
    entry.made.catch(forget(entry));
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return { token: (await entry.made).token, isKept: false, forget: forget(entry) };
  };
}
