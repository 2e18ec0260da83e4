/** What the body of a manifest says, after it was held against its digest. Pure. Used by acr-content.ts. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { BlobPart, ManifestFacts } from "../purge/registry-items.ts";
import { digestSchema } from "./acr-pages.ts";

/**
 * Types of manifests, which have to be named: what is not is answered as if it were not there. Sources: the OCI image
 * specification 1.1 and its release candidates (artifact manifest), distribution's manifest documents, ORAS.
 */
export const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.artifact.manifest.v1+json",
  "application/vnd.cncf.oras.artifact.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
  "application/vnd.docker.distribution.manifest.v1+json",
];

const named = z.object({ digest: digestSchema });
const part = z
  .object({ digest: digestSchema, size: z.number().int().nonnegative() })
  .transform(({ digest, size }): BlobPart => ({ digest, sizeBytes: size }));
// Schema 1 does not tell sizes. As 0 the parts are there to be shared; whoever counts bytes goes by the media type.
const unsizedPart = z
  .object({ blobSum: digestSchema })
  .transform(({ blobSum }): BlobPart => ({ digest: blobSum, sizeBytes: 0 }));
const listOf = <T>(entry: z.ZodType<T>) =>
  z
    .array(entry)
    .nullish()
    .transform((entries): readonly T[] => entries ?? []);

/** Every kind at once: what a body names under any of these names is needed, whatever it says it is. */
const bodySchema = z.object({
  schemaVersion: z.number().optional(),
  mediaType: z.string().min(1).max(255).optional(),
  subject: named.nullish(),
  manifests: listOf(named),
  config: part.nullish(),
  layers: listOf(part),
  blobs: listOf(part),
  fsLayers: listOf(unsizedPart),
});

/**
 * @param digest what was asked for
 * @param text the body as it was sent
 * @param contentType the header, for bodies that do not say what they are
 * @returns null for another body, and for one that cannot be read
 */
export function readManifestBody(digest: string, text: string, contentType: string | undefined): ManifestFacts | null {
  const bytes = Buffer.from(text, "utf8");
  const json = parsed(text);
  if (!isOf(digest, bytes) && !isSignedContentOf(digest, bytes, json)) return null;
  const body = bodySchema.safeParse(json).data;
  const mediaType = body?.mediaType ?? contentType?.split(";")[0]?.trim().toLowerCase();
  if (body === undefined || mediaType === undefined || mediaType === "") return null;
  return {
    digest,
    mediaType,
    subject: body.subject?.digest ?? null,
    children: [...new Set(body.manifests.map((child) => child.digest))],
    parts: [...(body.config ? [body.config] : []), ...body.layers, ...body.blobs, ...body.fsLayers],
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isOf(digest: string, bytes: Uint8Array): boolean {
  const algorithm = digest.startsWith("sha512:") ? "sha512" : "sha256";
  return digest === `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

const signedSchema = z.object({ signatures: z.array(z.object({ protected: z.string() })).min(1) });
const protectedSchema = z.object({ formatLength: z.number().int().positive(), formatTail: z.string() });

/** The digest of a signed manifest of schema 1 is that of what was signed. Source: distribution, manifest-v2-1, "Signed Manifests". */
function isSignedContentOf(digest: string, bytes: Uint8Array, json: unknown): boolean {
  const [first] = signedSchema.safeParse(json).data?.signatures ?? [];
  if (first === undefined) return false;
  const text = (part: string) => Buffer.from(part, "base64url");
  const format = protectedSchema.safeParse(parsed(text(first.protected).toString("utf8"))).data;
  if (format === undefined || format.formatLength > bytes.length) return false;
  return isOf(digest, Buffer.concat([bytes.subarray(0, format.formatLength), text(format.formatTail)]));
}
