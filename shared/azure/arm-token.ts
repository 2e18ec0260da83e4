/** Access tokens of connectors' identities, for lending. Implements IssueToken and AudienceUri. */
import { cloudOf } from "../cloud.ts";
import type { AudienceUri, IssueToken } from "../credentials/ports.ts";
import { InputError, UpstreamError } from "../errors.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { readClaims } from "./token-claims.ts";
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

/** @param listed further audiences that the operator allows, as requests name them */
export function createAudienceUri(listed: readonly string[]): AudienceUri {
  return (name, cloud) => {
    const known = new Map(Object.entries(cloudOf(cloud).audiences)).get(name);
    if (known !== undefined) return known;
    if (listed.includes(name)) return name;
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
