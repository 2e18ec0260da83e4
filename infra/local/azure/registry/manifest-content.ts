/** What a pushed manifest says: its type, what it needs, what it refers to. Used by manifest-routes.ts and seed-images.ts. */
import { z } from "zod";
import { manifestInvalid } from "./registry-errors.ts";
import { isDigest } from "./repository-name.ts";

/** Media types of manifests that a registry takes. Source: learn.microsoft.com, "Content formats supported in Azure Container Registry". */
export const MEDIA = {
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
} as const;
const INDEXES: readonly string[] = [MEDIA.dockerList, MEDIA.ociIndex];
const KNOWN: readonly string[] = Object.values(MEDIA);

/** What a manifest says, as far as a registry cares. */
export type ManifestContent = {
  readonly mediaType: string;
  /** Blobs that have to be there. */
  readonly blobs: readonly string[];
  /** Manifests that have to be there. */
  readonly manifests: readonly string[];
  /** Digest of what it refers to, or empty. */
  readonly subject: string;
  /** Its `artifactType`, or else the media type of its configuration; empty for an index without one. */
  readonly artifactType: string;
};

const digest = z.string().refine(isDigest);
const descriptor = z.looseObject({
  mediaType: z.string(),
  digest,
  size: z.int().min(0),
  /** Where a layer is that no registry keeps. */
  urls: z.array(z.string()).optional(),
});
const common = {
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  subject: descriptor.optional(),
};
const imageSchema = z.looseObject({ ...common, config: descriptor, layers: z.array(descriptor) });
const indexSchema = z.looseObject({ ...common, manifests: z.array(descriptor) });

/**
 * @param contentType header of the push; without a known one the manifest's own media type counts
 * @throws RegistryError MANIFEST_INVALID
 */
export function readManifest(content: Buffer, contentType: string | undefined): ManifestContent {
  const document = parsed(content);
  const own = z.looseObject({ mediaType: z.string().optional() }).safeParse(document).data?.mediaType;
  const named = contentType?.split(";")[0]?.trim().toLowerCase();
  const mediaType = named !== undefined && KNOWN.includes(named) ? named : own;
  if (mediaType === undefined || !KNOWN.includes(mediaType)) throw manifestInvalid("unsupported media type");
  // A manifest that calls itself something else would be read as that by a client.
  if (own !== undefined && own !== mediaType) throw manifestInvalid("mediaType is not that of the push");
  if (INDEXES.includes(mediaType)) {
    const index = indexSchema.safeParse(document);
    if (!index.success) throw manifestInvalid("the index cannot be read");
    const { manifests, subject, artifactType = "" } = index.data;
    return {
      mediaType,
      blobs: [],
      manifests: manifests.map((one) => one.digest),
      subject: subject?.digest ?? "",
      artifactType,
    };
  }
  const image = imageSchema.safeParse(document);
  if (!image.success) throw manifestInvalid("the manifest cannot be read");
  const { config, layers, subject, artifactType } = image.data;
  return {
    mediaType,
    blobs: [config, ...layers.filter(({ urls }) => urls === undefined || urls.length === 0)].map((one) => one.digest),
    manifests: [],
    subject: subject?.digest ?? "",
    artifactType: artifactType || config.mediaType,
  };
}

function parsed(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString("utf8"));
  } catch {
    throw manifestInvalid("no JSON");
  }
}
