/** The images that a registry has at its first start: small, and the same each time. Used by container-registry.ts. */
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

function pushImage(content: RegistryContent, repository: string, tag: string): void {
  const keep = (mediaType: string, bytes: Buffer) => {
    const digest = digestOf(bytes);
    content.files.put(digest, bytes);
    content.addBlob(repository, digest);
    return { mediaType, digest, size: bytes.length };
  };
  const archive = tarFile({ "image.txt": `${repository}:${tag}\n` });
  const layer = keep(LAYER, gzipSync(archive));
  const config = keep(
    CONFIG,
    jsonBytes({
      created: CREATED,
      ...PLATFORM,
      config: { Cmd: ["/image.txt"] },
      rootfs: { type: "layers", diff_ids: [digestOf(archive)] },
    }),
  );
  const manifest = jsonBytes({ schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers: [layer] });
  const says = readManifest(manifest, MEDIA.ociManifest);
  content.putManifest(repository, { digest: digestOf(manifest), content: manifest, says, platform: PLATFORM }, tag);
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
