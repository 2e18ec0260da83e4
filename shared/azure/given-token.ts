/** The credential of a connector that was given an access token: it gives that token and gets no other. Used by identity.ts. */
import type { AccessToken, TokenCredential } from "@azure/identity";
import type { CloudName } from "../cloud.ts";
import { isArmAudience, tokenIsForArm } from "../connectors/app-identity.ts";
import { ConflictError, InputError } from "../errors.ts";
import { readClaims } from "../token-claims.ts";

/** End of every scope that names a whole audience. */
const DEFAULT_SCOPE = /\/\.default$/;

/**
 * Gives the token for ARM alone, and only while it lives.
 * @throws InputError SIGN_IN_FAILED for a text that is no token for ARM of this cloud
 */
export function givenToken(token: string, deps: { cloud: CloudName; now: () => Date }): TokenCredential {
  const claims = readClaims(token);
  if (claims === null || !isArmAudience(claims.audience, deps.cloud)) {
    throw new InputError(
      "SIGN_IN_FAILED",
      "The connector's access token is none for Azure Resource Manager of its cloud. Update the connector with one.",
    );
  }
  return {
    async getToken(scopes: string | string[]): Promise<AccessToken> {
      const asked = [scopes].flat();
      if (asked.length === 0 || !asked.every((scope) => isForArm(scope, deps.cloud))) throw tokenIsForArm();
      if (deps.now() >= claims.expiresAt) {
        throw new ConflictError(
          "CONNECTOR_EXPIRED",
          "The connector's access token has ended. Update the connector with a new token, or register another one.",
        );
      }
      return { token, expiresOnTimestamp: claims.expiresAt.getTime() };
    },
  };
}

function isForArm(scope: string, cloud: CloudName): boolean {
  return DEFAULT_SCOPE.test(scope) && isArmAudience(scope.replace(DEFAULT_SCOPE, ""), cloud);
}
