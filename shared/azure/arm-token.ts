/** Access tokens of connectors' identities, for lending. Implements IssueToken and AudienceUri. */
import { cloudOf } from "../cloud.ts";
import { type AppIdentity, refuseAudience } from "../connectors/app-identity.ts";
import type { AudienceUri, IssueToken } from "../credentials/ports.ts";
import { InputError, UpstreamError } from "../errors.ts";
import { readClaims } from "../token-claims.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector } from "./upstream.ts";

/** Every call signs in anew: a token from a cache may be about to end, and a renewal must give a new one. */
export function createTokenIssuer(identities: ConnectorIdentities): IssueToken {
  return ({ signIn, audience }) =>
    callAsConnector(
      `get a token for ${audience}`,
      "Check that the connector's application may ask for it.",
      async (abortSignal) => {
        const fresh = identities({ ...signIn, key: null });
        const answer = await fresh.getToken(`${audience}/.default`, { abortSignal });
        // What does not say when it ends is not lent: that is never guessed.
        const claims = answer === null ? null : readClaims(answer.token);
        if (answer === null || claims === null) throw unusable();
        return { token: answer.token, expiresAt: claims.expiresAt, tenantId: claims.tenantId };
      },
    );
}

/**
 * @param listed further audiences that the operator allows, as requests name them
 * @param app whose tokens are not lent for everything
 */
export function createAudienceUri(listed: readonly string[], app: AppIdentity): AudienceUri {
  return (name, signIn) => {
    const known = new Map(Object.entries(cloudOf(signIn.cloud).audiences)).get(name);
    const audience = known ?? listed.find((item) => item === name);
    if (audience !== undefined) {
      refuseAudience(signIn, audience, app);
      return audience;
    }
    throw new InputError("INVALID_REQUEST", "This audience is not served. Ask for one that is.", {
      problems: [
        { path: "/scope/audience", expected: "arm, storage, key-vault, or one that the server's settings list" },
      ],
    });
  };
}

function unusable(): UpstreamError {
  return new UpstreamError("UPSTREAM_REFUSED", "Microsoft Entra gave no token that says when it ends.", {
    retryable: false,
  });
}
