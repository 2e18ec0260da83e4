/** Credentials of the type azure-generic: an access token of the connector's identity for one audience. */
import { z } from "zod";
import { utc } from "../time.ts";
import { refuseTooLong } from "./fixed-life.ts";
import { refreshTime } from "./lease.ts";
import type { Minted, MintRequest } from "./minted.ts";
import type { AudienceUri, IssueToken, OpenSubscription } from "./ports.ts";
import { accessSchema, noTtlSchema, requestFields } from "./request-fields.ts";

/** A token is used; what for is its identity's business. */
export const TOKEN_ACCESS = ["use"] as const;
/** First = default. */
export const TOKEN_FORMS = ["access-token"] as const;
/** Whom the token is for. */
export const tokenScopeSchema = z.strictObject({
  audience: z
    .string()
    .regex(/^[!-~]{1,200}$/, "arm, storage, key-vault, or one that the server's settings list")
    .describe("arm, storage, key-vault, or one that the server's settings list"),
});

/** Body of a credential request for a token. */
export const tokenCredentialRequestSchema = z.strictObject({
  resourceType: z.literal("azure-generic"),
  resourceId: z.string().min(1).max(1024).describe("/subscriptions/ID, the id, or the subscription's name"),
  access: accessSchema(TOKEN_ACCESS),
  scope: tokenScopeSchema,
  form: z.enum(TOKEN_FORMS).default("access-token"),
  ttlSeconds: noTtlSchema,
  ...requestFields,
});

/** What making a token needs. */
export type MintTokenDeps = {
  readonly audienceUri: AudienceUri;
  readonly openSubscription: OpenSubscription;
  readonly issueToken: IssueToken;
};

/**
 * @throws what AudienceUri, OpenSubscription and IssueToken throw; DeniedError SCOPE_TOO_WIDE, see
 * refuseTooLong
 */
export async function mintToken(deps: MintTokenDeps, request: MintRequest, now: Date): Promise<Minted> {
  const name = request.scope.audience ?? "";
  const opened = await deps.openSubscription(request.connector, request.resourceId, request.asked);
  const { connector, resourceId, displayName, subscription, signIn } = opened;
  const audience = deps.audienceUri(name, signIn);
  const { token, expiresAt, tenantId } = await deps.issueToken({ signIn, audience });
  const warnings = refuseTooLong({ expiresAt, request, connector, now });
  return {
    connector,
    resourceId,
    displayName,
    scope: request.scope,
    times: { issuedAt: utc(now), expiresAt: utc(expiresAt), refreshAfter: refreshTime(now, expiresAt) },
    exposedUntil: utc(expiresAt),
    credential: { kind: "access-token", token, audience, tenantId },
    marked: token,
    upstream: {},
    warnings: [
      `This token cannot be narrowed: it does all that the connector's identity may do at ${audience}, also beyond this subscription.`,
      ...warnings,
    ],
    env: {
      AZURE_ACCESS_TOKEN: token,
      AZURE_TENANT_ID: tenantId,
      AZURE_SUBSCRIPTION_ID: subscription.subscriptionId,
    },
  };
}
