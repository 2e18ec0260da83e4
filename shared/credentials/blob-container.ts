/** Credentials for blob containers: what may be asked, and the SAS for it. */
import { z } from "zod";
import { utc } from "../time.ts";
import { chosenLifeSeconds } from "./chosen-life.ts";
import { leaseTimes } from "./lease.ts";
import type { Minted, MintRequest } from "./minted.ts";
import type { IssueBlobSas, OpenContainer } from "./ports.ts";
import { accessSchema, requestFields, ttlSchema } from "./request-fields.ts";

/**
 * Shortest life that can be asked for: below this a client spends its time renewing. Who asks for none gets what is left,
 * even if it is less: better a short end than none.
 */
export const MIN_TTL_SECONDS = 60;
/** Longest life: 24 hours; a SAS cannot be revoked alone. */
export const MAX_TTL_SECONDS = 86_400;
/** Lives that can be asked for. */
export const BLOB_TTL = { min: MIN_TTL_SECONDS, max: MAX_TTL_SECONDS };
/** Rights that are granted one by one. */
export const BLOB_ACCESS = ["read", "write", "list", "delete"] as const;
/** One right. */
export type BlobAccess = (typeof BLOB_ACCESS)[number];
/** First = default. */
export const BLOB_FORMS = ["sas"] as const;
/** A container is lent as a whole. */
export const blobScopeSchema = z.strictObject({});

/** SAS letters for each right, in the order that Azure asks for. `write` may make, append to and overwrite blobs. */
const LETTERS = [
  ["r", "read"],
  ["a", "write"],
  ["c", "write"],
  ["w", "write"],
  ["d", "delete"],
  ["l", "list"],
] as const satisfies readonly (readonly [string, BlobAccess])[];

/** Body of a credential request for a blob container. */
export const blobCredentialRequestSchema = z.strictObject({
  resourceType: z.literal("blob-container"),
  resourceId: z.string().min(1).max(1024).describe("ARM id, az://NAME, abfs://NAME or NAME"),
  access: accessSchema(BLOB_ACCESS),
  scope: blobScopeSchema.default({}),
  form: z.enum(BLOB_FORMS).default("sas"),
  ttlSeconds: ttlSchema(BLOB_TTL).describe(
    `null: an hour, or what the grant, the connector or the lease still give if that is less; that may be below ${MIN_TTL_SECONDS} seconds`,
  ),
  ...requestFields,
});

/** SAS permission letters for the rights, e.g. `rl`. */
export function sasPermissions(access: readonly string[]): string {
  return LETTERS.filter(([, right]) => access.includes(right))
    .map(([letter]) => letter)
    .join("");
}

/** What making a SAS needs. */
export type MintBlobDeps = { readonly openContainer: OpenContainer; readonly issueBlobSas: IssueBlobSas };

/**
 * @throws what OpenContainer, chosenLifeSeconds and IssueBlobSas throw
 */
export async function mintBlobSas(deps: MintBlobDeps, request: MintRequest, now: Date): Promise<Minted> {
  const opened = await deps.openContainer(request.connector, request.resourceId);
  const { connector, resourceId, displayName, container, signIn } = opened;
  const times = leaseTimes(now, chosenLifeSeconds(request, connector, now));
  const { sas, keyAskedAt } = await deps.issueBlobSas({
    signIn,
    account: container.account,
    container: container.container,
    permissions: sasPermissions(request.access),
    expiresAt: new Date(times.expiresAt),
  });
  return {
    connector,
    resourceId,
    displayName,
    scope: request.scope,
    times,
    exposedUntil: times.expiresAt,
    credential: { kind: "sas", ...sas },
    marked: sas.sasToken,
    // Break-glass ends what was signed with the keys of before.
    upstream: { delegationKeyAskedAt: utc(keyAskedAt) },
    warnings: [],
    // The account under the names that az and adlfs (fsspec) read; both read the token under this one.
    env: {
      AZURE_STORAGE_ACCOUNT: container.account,
      AZURE_STORAGE_ACCOUNT_NAME: container.account,
      AZURE_STORAGE_SAS_TOKEN: sas.sasToken,
      AZURE_STORAGE_CONTAINER: container.container,
    },
  };
}
