/** HTTP routes of credentials: issue. */
import { z } from "zod";
import { type AuthorizeDeps, explain } from "../shared/access/authorize.ts";
import { BLOB_ACCESS, blobCredentialRequestSchema } from "../shared/credentials/blob-container.ts";
import { askOf, type IssueDeps, type Issued, issueCredential } from "../shared/credentials/issue.ts";
import { planOf } from "./access.ts";
import { connectorParamsSchema } from "./connectors.ts";
import { type Answer, type Route, route } from "./route.ts";

/** A lease with its credential. */
export const issuedSchema = z
  .object({
    leaseId: z.string(),
    connector: z.object({ id: z.string(), name: z.string() }),
    resourceType: z.literal("blob-container"),
    resourceId: z.string().describe("ARM id"),
    displayName: z.string(),
    access: z.array(z.enum(BLOB_ACCESS)),
    scope: z.strictObject({}),
    form: z.literal("sas"),
    issuedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime(),
    refreshAfter: z.iso.datetime().describe("from when on to ask again"),
    revocation: z.enum(["immediate", "delayed", "expiry-only"]),
    exposedUntil: z.iso.datetime().describe("the latest moment at which the credential could still work"),
    rule: z.string().describe("what allowed it"),
    warnings: z.array(z.string()),
    credential: z.object({ kind: z.literal("sas"), accountUrl: z.url(), containerUrl: z.url(), sasToken: z.string() }),
    env: z.record(z.string(), z.string()).describe("environment variables, ready to export"),
  })
  .meta({ id: "IssuedCredential" });

/** What these routes need. */
export type CredentialRoutesDeps = IssueDeps & { readonly access: AuthorizeDeps };

/** Issue, or say who would get what. */
export function credentialRoutes(deps: CredentialRoutesDeps): Route[] {
  return [
    route({
      name: "credentials-issue",
      method: "POST",
      path: "connectors/{nameOrId}/credentials",
      isLimited: true,
      access: ["Latchkey.User"],
      summary: "Issue a scoped, short-lived credential; with plan=true only say whether and by which rule",
      params: connectorParamsSchema,
      query: z.strictObject({ plan: z.enum(["true", "false"]).default("false") }),
      body: blobCredentialRequestSchema,
      answer: {
        status: 201,
        description: "The lease with its credential; with plan=true 200 and the plan",
        schema: issuedSchema,
      },
      handle: async ({ params, query, body, caller, correlationId }) => {
        if (query.plan === "true") {
          const ask = askOf(body, await deps.connectorName(params.nameOrId));
          return { status: 200, body: planOf(await explain(deps.access, caller, ask)) };
        }
        return issuedAnswer(
          201,
          await issueCredential(deps, { ...body, connector: params.nameOrId }, caller, correlationId),
        );
      },
    }),
  ];
}

/** The only answer that holds a secret. */
export function issuedAnswer(status: number, issued: Issued): Answer {
  const { id: leaseId, resourceId } = issued.lease;
  return { status, body: toAnswer(issued), facts: { connector: issued.connector.name, leaseId, resourceId } };
}

function toAnswer({
  lease,
  connector,
  displayName,
  account,
  container,
  credential,
}: Issued): z.input<typeof issuedSchema> {
  return {
    leaseId: lease.id,
    connector: { id: connector.id, name: connector.name },
    resourceType: lease.resourceType,
    resourceId: lease.resourceId,
    displayName,
    access: [...lease.access],
    scope: lease.scope,
    form: lease.form,
    issuedAt: lease.issuedAt,
    expiresAt: lease.expiresAt,
    refreshAfter: lease.refreshAfter,
    revocation: lease.revocation,
    exposedUntil: lease.exposedUntil,
    rule: lease.rule,
    warnings: [],
    credential: { kind: "sas", ...credential },
    // The account under the names that az and adlfs (fsspec) read; both read the token under this one.
    env: {
      AZURE_STORAGE_ACCOUNT: account,
      AZURE_STORAGE_ACCOUNT_NAME: account,
      AZURE_STORAGE_SAS_TOKEN: credential.sasToken,
      AZURE_STORAGE_CONTAINER: container,
    },
  };
}
