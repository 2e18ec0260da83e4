/** Access tokens of connectors' identities, for lending. Implements IssueToken and AudienceUri. */
import { z } from "zod";
import { cloudOf } from "../cloud.ts";
import type { AudienceUri, IssueToken } from "../credentials/ports.ts";
import { InputError, UpstreamError } from "../errors.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector } from "./upstream.ts";

/** What is read of a token; it came from Entra over TLS, so its signature is its audience's business. */
const claimsSchema = z.object({ exp: z.int().positive() });

/** Every call signs in anew: a token from a cache may be about to end, and a renewal must give a new one. */
export function createTokenIssuer(identities: ConnectorIdentities): IssueToken {
  return ({ signIn, audience }) =>
    callAsConnector(
      `get a token for ${audience}`,
      "Check that the connector's application may ask for it.",
      async (abortSignal) => {
        const fresh = identities({ ...signIn, key: null });
        const answer = await fresh.getToken(`${audience}/.default`, { abortSignal });
        if (answer === null) throw unusable();
        return { token: answer.token, expiresAt: expiryOf(answer.token) };
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

/** The `exp` of a token, never a guess: what does not say when it ends is not lent. */
function expiryOf(token: string): Date {
  try {
    const [, payload = ""] = token.split(".");
    const { exp } = claimsSchema.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
    return new Date(exp * 1000);
  } catch {
    // Without the cause: it may repeat the token.
    throw unusable();
  }
}

function unusable(): UpstreamError {
  return new UpstreamError("UPSTREAM_REFUSED", "Microsoft Entra gave no token that says when it ends.", {
    retryable: false,
  });
}
