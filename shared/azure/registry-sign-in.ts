/** How connectors sign in at registries: refresh tokens, kept, and what is done with them. Used by registry-tokens.ts and acr-access.ts. */
import { UpstreamError } from "../errors.ts";
import type { RegistryCalls, RegistrySignIn } from "./registry-calls.ts";
import { type RegistryClaims, readRegistryToken } from "./registry-grant.ts";
import { createRefreshTokens } from "./registry-refresh-tokens.ts";

/** A token of a registry, read. */
export type ReadToken = RegistryClaims & { readonly token: string };

/** `remedy`: what to do when the registry refuses. Every call: @throws as RegistryCalls, UpstreamError UPSTREAM_REFUSED for a token that is none */
export type RegistrySignIns = {
  /** A new refresh token. */
  exchange(at: RegistrySignIn, remedy: string): Promise<ReadToken>;
  /** A new access token. */
  accessToken(at: RegistrySignIn, refreshToken: string, scope: string, remedy: string): Promise<ReadToken>;
  /**
   * Does something with a refresh token. One that was kept may be worth less than a new one: it was ended, or roles were
   * given since. Then it is done once more.
   * @param isAnew begins with a new one
   */
  withRefreshToken<T>(
    at: RegistrySignIn,
    remedy: string,
    use: (refreshToken: string) => Promise<T>,
    isWorthless: (answer: T) => boolean,
    isAnew?: boolean,
  ): Promise<T>;
};

/** @param now decides which refresh tokens still serve */
export function createRegistrySignIns(
  calls: Pick<RegistryCalls, "exchange" | "accessToken">,
  now: () => Date,
): RegistrySignIns {
  const refreshTokens = createRefreshTokens(now);
  const read = (at: RegistrySignIn, token: string) => readRegistryToken(token, at.registry.loginServer, now());
  const exchange = async (at: RegistrySignIn, remedy: string) => read(at, await calls.exchange(at, remedy));
  return {
    exchange,
    async accessToken(at, refreshToken, scope, remedy) {
      return read(at, await calls.accessToken(at, refreshToken, scope, remedy));
    },
    async withRefreshToken(at, remedy, use, isWorthless, isAnew = false) {
      const get = () => refreshTokens(at, () => exchange(at, remedy));
      let first = await get();
      if (isAnew && first.isKept) {
        first.forget();
        first = await get();
      }
      try {
        const answer = await use(first.token);
        if (!first.isKept || !isWorthless(answer)) return answer;
      } catch (error) {
        if (!isUnauthorized(error)) throw error;
        if (!first.isKept) {
          first.forget();
          throw error;
        }
      }
      first.forget();
      return use((await get()).token);
    },
  };
}

/** Whether a registry or its token service does not take the token. */
export function isUnauthorized(error: unknown): boolean {
  return error instanceof UpstreamError && error.failure?.status === 401;
}
