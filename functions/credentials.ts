/** HTTP routes of credentials: issue. */
import { z } from "zod";
import { BLOB_ACCESS, blobCredentialRequestSchema } from "../shared/credentials/blob-container.ts";
import { type IssueDeps, type Issued, issueBlobCredential } from "../shared/credentials/issue.ts";
import { connectorParamsSchema } from "./connectors.ts";
import { nothing, type Route, route } from "./route.ts";

const issuedSchema = z
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
export type CredentialRoutesDeps = IssueDeps;

/** The only routes whose answers hold a secret. */
export function credentialRoutes(deps: CredentialRoutesDeps): Route[] {
  return [
    route({
      name: "credentials-issue",
      method: "POST",
      path: "connectors/{nameOrId}/credentials",
      access: ["Latchkey.Admin"],
      summary: "Issue a scoped, short-lived credential",
      params: connectorParamsSchema,
      query: nothing,
      body: blobCredentialRequestSchema,
      answer: { status: 201, description: "The lease with its credential", schema: issuedSchema },
      handle: async ({ params, body, caller, rule, correlationId }) => {
        const request = { ...body, connector: params.nameOrId };
        const issued = await issueBlobCredential(deps, request, caller, { rule, correlationId });
        const { id: leaseId, resourceId } = issued.lease;
        return {
          status: 201,
          body: toAnswer(issued),
          facts: { connector: issued.connector.name, leaseId, resourceId },
        };
      },
    }),
  ];
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
