/** The images that a registry has at its first start: small, and the same each time. Used by container-registry.ts and cluster-contents.ts. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { MEDIA, readManifest } from "./manifest-content.ts";
import type { RegistryContent } from "./registry-content.ts";
import { tarFile } from "./tar-file.ts";

const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const PLATFORM = { architecture: "amd64", os: "linux" };
/** In every image. */
const CREATED = "2026-01-12T09:30:41Z";

/** @param images tags by repository */
export function seedImages(content: RegistryContent, images: Readonly<Record<string, readonly string[]>>): void {
  content.once(() => {
    for (const [repository, tags] of Object.entries(images)) {
      for (const tag of tags) pushImage(content, repository, tag);
    }
  });
}

/** The digest of the manifest that a repository's tag has at the first start. */
export function seedImageDigest(repository: string, tag: string): string {
  return digestOf(imageOf(repository, tag).manifest);
}

function pushImage(content: RegistryContent, repository: string, tag: string): void {
  const { blobs, manifest } = imageOf(repository, tag);
  for (const bytes of blobs) {
    const digest = digestOf(bytes);
    content.files.put(digest, bytes);
    content.addBlob(repository, digest);
  }
  const says = readManifest(manifest, MEDIA.ociManifest);
  content.putManifest(repository, { digest: digestOf(manifest), content: manifest, says, platform: PLATFORM }, tag);
}

function imageOf(repository: string, tag: string) {
  const archive = tarFile({ "image.txt": `${repository}:${tag}\n` });
  const layer = gzipSync(archive);
  const config = jsonBytes({
    created: CREATED,
    ...PLATFORM,
    config: { Cmd: ["/image.txt"] },
    rootfs: { type: "layers", diff_ids: [digestOf(archive)] },
  });
  const named = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const manifest = jsonBytes({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: named(CONFIG, config),
    layers: [named(LAYER, layer)],
  });
  return { blobs: [layer, config], manifest };
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
