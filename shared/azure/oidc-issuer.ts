/** GitHub Actions, AKS and other OpenID Connect issuers of callers' tokens. Called by caller-token.ts. */
import type { JWTPayload } from "jose";
import { z } from "zod";
import type { OidcIssuer } from "../oidc-issuers.ts";
import type { Principal } from "../principal.ts";
import { publishedKeys, type ReadJson } from "./signing-keys.ts";
import { invalidToken, type TrustedIssuer } from "./trusted-issuer.ts";

/** One audience: a token for several services could be replayed here by any of them. Kubernetes sends it as a list. */
const audienceSchema = z.union([z.string(), z.tuple([z.string()])]);
/** GitHub's ids are numbers in strings; nothing else is one. */
const gitHubIdSchema = z.string().regex(/^[1-9][0-9]{0,19}$/);

const gitHubClaimsSchema = z.object({
  aud: audienceSchema,
  repository_id: gitHubIdSchema,
  repository_owner_id: gitHubIdSchema,
  job_workflow_ref: z.string().min(1),
  ref: z.string().min(1),
});
const otherClaimsSchema = z.object({
  aud: audienceSchema,
  // What a membership can name.
  sub: z.string().regex(/^[!-~]{1,255}$/),
});
const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string() });

/** Nothing but the issuers of the settings is ever asked for keys. */
export function oidcIssuers(settings: readonly OidcIssuer[], fetchDocument: typeof fetch): TrustedIssuer[] {
  return settings.map((setting) => {
    // OpenID Connect Discovery 1.0, section 4.1: a final slash is taken off before the path is added.
    const discoveryUrl = `${setting.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    return {
      url: setting.issuer,
      audiences: [setting.audience],
      keys: publishedKeys(discoveryUrl, fetchDocument, (read) => readKeys(read, discoveryUrl, setting.issuer)),
      principalOf: (claims) => ({
        kind: "workload",
        issuer: setting.issuer,
        tenantId: setting.name,
        groups: [],
        // There is nobody who could assign such a caller an app role; what it reaches is for policy to say.
        roles: ["Latchkey.User"],
        ...(setting.kind === "github-actions" ? gitHubJob(claims) : otherWorkload(claims, setting.name)),
      }),
    };
  });
}

async function readKeys(read: ReadJson, discoveryUrl: string, issuer: string): Promise<unknown> {
  const discovery = discoverySchema.parse(await read(discoveryUrl));
  if (discovery.issuer !== issuer) throw new Error("the discovery document is another issuer's");
  const { origin, username, password, hash, href } = new URL(discovery.jwks_uri);
  // Whoever can change the document must not be able to bring keys from elsewhere.
  if (origin !== new URL(issuer).origin || `${username}${password}${hash}` !== "") {
    throw new Error("the keys are not on the issuer's host");
  }
  return read(href);
}

type Named = Pick<Principal, "subject" | "id">;

/** By the repository's number: names, and with them `sub`, can be given up and taken over by somebody else. */
function gitHubJob(payload: JWTPayload): Named {
  const claims = gitHubClaimsSchema.safeParse(payload);
  if (!claims.success) throw invalidToken("It lacks a claim that a token of a GitHub Actions job has.");
  const { repository_id: subject } = claims.data;
  return { subject, id: `github:${subject}` };
}

function otherWorkload(payload: JWTPayload, name: string): Named {
  const claims = otherClaimsSchema.safeParse(payload);
  if (!claims.success) throw invalidToken("It has no subject that a membership could name, or several audiences.");
  const { sub: subject } = claims.data;
  return { subject, id: `workload:${name}/${subject}` };
}
