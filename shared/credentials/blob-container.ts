/** The rules of blob-container credentials: what may be asked, and what a SAS says for it. Pure. */
import { z } from "zod";
import { nameSchema } from "../names.ts";

/** Shortest life: below this a client spends its time renewing. */
export const MIN_TTL_SECONDS = 60;
/** Longest life: 24 hours; a SAS cannot be revoked alone. */
export const MAX_TTL_SECONDS = 86_400;
/** When the caller asks for no life, and the grant gives as much. */
export const DEFAULT_TTL_SECONDS = 3600;
/** The only form. */
export const DEFAULT_FORM = "sas";
/** Rights that are granted one by one. */
export const BLOB_ACCESS = ["read", "write", "list", "delete"] as const;
/** One right. */
export type BlobAccess = (typeof BLOB_ACCESS)[number];

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
export const blobCredentialRequestSchema = z
  .strictObject({
    resourceType: z.literal("blob-container"),
    resourceId: z.string().min(1).max(1024).describe("ARM id, az://NAME, abfs://NAME or NAME"),
    access: z
      .array(z.enum(BLOB_ACCESS))
      .min(1)
      .max(BLOB_ACCESS.length)
      .refine((access) => new Set(access).size === access.length, "each right once"),
    scope: z.strictObject({}).default({}),
    form: z.literal(DEFAULT_FORM).default(DEFAULT_FORM),
    ttlSeconds: z
      .int()
      .min(MIN_TTL_SECONDS)
      .max(MAX_TTL_SECONDS)
      .nullable()
      .default(null)
      .describe("null: an hour, or what the grant gives if that is less"),
    project: nameSchema.nullable().default(null),
    domain: nameSchema.nullable().default(null),
    reason: z
      .string()
      .regex(/^[^\p{Cc}\p{Cs}]{1,500}$/u, "1 to 500 characters, no control characters")
      .nullable()
      .default(null)
      .describe("kept in the audit trail"),
  })
  .meta({ id: "CredentialRequest" });
/** A checked request. */
export type BlobCredentialRequest = z.output<typeof blobCredentialRequestSchema>;

/** SAS permission letters for the rights, e.g. `rl`. */
export function sasPermissions(access: readonly BlobAccess[]): string {
  return LETTERS.filter(([, right]) => access.includes(right))
    .map(([letter]) => letter)
    .join("");
}
