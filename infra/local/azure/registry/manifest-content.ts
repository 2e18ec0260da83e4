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
  /** What its configuration is; null for an index. */
  readonly config: { readonly mediaType: string; readonly digest: string } | null;
  /** Bytes of its configuration and of the layers that a registry keeps, as it says; 0 for an index. */
  readonly size: number;
};

/** What an image runs on; empty where it does not say. */
export type Platform = { readonly architecture: string; readonly os: string };

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
/** Configurations that say what they run on. */
const IMAGE_CONFIGS: readonly string[] = [
  "application/vnd.docker.container.image.v1+json",
  "application/vnd.oci.image.config.v1+json",
];
const platformSchema = z.looseObject({ architecture: z.string().optional(), os: z.string().optional() });
const referencesSchema = z.looseObject({
  manifests: z.array(z.looseObject({ digest: z.string(), platform: platformSchema.optional() })),
});
const indexSchema = z.looseObject({ ...common, manifests: z.array(descriptor) });

/** The blob that says what the image runs on; null when there is none. */
export function platformBlob({ config }: ManifestContent): string | null {
  return config !== null && IMAGE_CONFIGS.includes(config.mediaType) ? config.digest : null;
}

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
      config: null,
      size: 0,
    };
  }
  const image = imageSchema.safeParse(document);
  if (!image.success) throw manifestInvalid("the manifest cannot be read");
  const { config, layers, subject, artifactType } = image.data;
  const kept = [config, ...layers.filter(({ urls }) => urls === undefined || urls.length === 0)];
  return {
    mediaType,
    blobs: kept.map((one) => one.digest),
    manifests: [],
    subject: subject?.digest ?? "",
    artifactType: artifactType || config.mediaType,
    config: { mediaType: config.mediaType, digest: config.digest },
    size: kept.reduce((total, one) => total + one.size, 0),
  };
}

/** @param config content of the configuration of an image; null when it is not there, or too large to be one */
export function readPlatform(config: Buffer | null): Platform {
  const said = platformSchema.safeParse(config === null ? {} : jsonOf(config)).data ?? {};
  return { architecture: said.architecture ?? "", os: said.os ?? "" };
}

/** Manifests that an index names, with their platforms, as far as it says. @param content as it was pushed */
export function readReferences(content: Buffer): readonly { readonly digest: string; readonly platform: Platform }[] {
  const said = referencesSchema.safeParse(jsonOf(content)).data?.manifests ?? [];
  return said.map(({ digest, platform }) => ({
    digest,
    platform: { architecture: platform?.architecture ?? "", os: platform?.os ?? "" },
  }));
}

function parsed(content: Buffer): unknown {
  const document = jsonOf(content);
  if (document === undefined) throw manifestInvalid("no JSON");
  return document;
}

/** Undefined when it is none. */
function jsonOf(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString("utf8"));
  } catch {
    return undefined;
  }
}
