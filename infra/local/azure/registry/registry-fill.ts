/** Very many small images at once, and other times for what is there: for benchmarks, tests and the demo. Used by registry-control-routes.ts. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { type ManifestContent, MEDIA, readManifest } from "./manifest-content.ts";
import type { RegistryContent } from "./registry-content.ts";
import type { PushedManifest } from "./registry-pushes.ts";
import { ticksOf } from "./registry-time.ts";
import { isDigest, isRepositoryName } from "./repository-name.ts";
import { tarFile } from "./tar-file.ts";

const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const PLATFORM = { architecture: "amd64", os: "linux" };
/** More would be a minute's work. */
const MAX_IMAGES = 1_000_000;
/** Seconds: 20 years, so that every time can be told exactly. */
const MAX_AGE_SECONDS = 20 * 365 * 86_400;
const TICKS_A_SECOND = 10_000_000;
/** Of its 10,000 ticks. */
const PART_OF_MS = 8_766;

const repository = z.string().refine(isRepositoryName, "no name of a repository");
const tag = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
const age = z.number().min(0).max(MAX_AGE_SECONDS);
const time = z.iso
  .datetime()
  .transform((text) => new Date(text))
  .refine((date) => date.getUTCFullYear() >= 2000 && date.getUTCFullYear() < 2045, "2000 to 2044");

/** What images are made. Their names end in consecutive numbers; the last one is the newest. */
export const fillSchema = z.strictObject({
  loginServer: z.string().toLowerCase(),
  repository,
  count: z.int().min(1).max(MAX_IMAGES),
  firstNumber: z.int().min(0).max(1_000_000_000).default(0),
  /** Tags are this and the number. */
  tagPrefix: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/)
    .default("v"),
  /** False for images without tags. */
  tagged: z.boolean().default(true),
  /** How old the newest is, and by how much each before it is older. */
  ageSeconds: age.default(0),
  stepSeconds: z.number().min(0).max(86_400).default(1),
  /** Gives each image a layer that no other has; takes longer, since each is a file. */
  ownLayers: z.boolean().default(false),
});
/** Which times are changed; `all` is the repository and everything in it. */
export const timesSchema = z
  .strictObject({
    loginServer: z.string().toLowerCase(),
    repository,
    tag: tag.optional(),
    digest: z.string().refine(isDigest, "no digest").optional(),
    all: z.literal(true).optional(),
    createdTime: time.optional(),
    lastUpdateTime: time.optional(),
    /** In the place of both times. */
    ageSeconds: age.optional(),
  })
  .refine(({ tag: name, digest, all }) => [name, digest, all].filter((one) => one !== undefined).length === 1, {
    error: "one of tag, digest, all",
  })
  .refine(
    ({ ageSeconds, createdTime, lastUpdateTime }) =>
      (ageSeconds === undefined) !== (createdTime === undefined && lastUpdateTime === undefined),
    { error: "either ageSeconds, or createdTime or lastUpdateTime or both" },
  );

/** @returns how many images and tags there are more, if none was there before */
export function fill(content: RegistryContent, given: z.infer<typeof fillSchema>, now: Date) {
  const { count, firstNumber, tagPrefix, tagged, ownLayers } = given;
  // Times of the service have digits behind the millisecond, and so have these.
  const newest = ticksOf(now) - Math.round(given.ageSeconds * TICKS_A_SECOND) - PART_OF_MS;
  const step = Math.round(given.stepSeconds * TICKS_A_SECOND);
  const image = imageMaker(content, given.repository, ownLayers);
  content.putManifests(
    given.repository,
    (function* () {
      for (let index = 0; index < count; index += 1) {
        const name = `${tagPrefix}${firstNumber + index}`;
        yield { manifest: image(name), tag: tagged ? name : undefined, at: newest - (count - 1 - index) * step };
      }
    })(),
  );
  return { manifests: count, tags: tagged ? count : 0 };
}

/** @returns how many rows have other times now: 0 when there is nothing of that name */
export function backdate(content: RegistryContent, given: z.infer<typeof timesSchema>, now: Date): number {
  const aged = given.ageSeconds === undefined ? undefined : new Date(now.getTime() - given.ageSeconds * 1000);
  const [created, updated] = [aged ?? given.createdTime, aged ?? given.lastUpdateTime];
  const target = given.tag !== undefined ? { tag: given.tag } : given.digest;
  return content.setTimes(
    given.repository,
    target === undefined ? "all" : typeof target === "string" ? { digest: target } : target,
    { created: created && ticksOf(created), updated: updated && ticksOf(updated) },
  );
}

/** All share a configuration and a layer; an annotation, or a layer of its own, makes each another image. */
function imageMaker(
  content: RegistryContent,
  repositoryName: string,
  ownLayers: boolean,
): (name: string) => PushedManifest {
  const keep = (mediaType: string, bytes: Buffer) => {
    const digest = digestOf(bytes);
    content.files.put(digest, bytes);
    content.addBlob(repositoryName, digest);
    return { mediaType, digest, size: bytes.length };
  };
  const archive = tarFile({ "base.txt": "shared by many images\n" });
  const base = keep(LAYER, gzipSync(archive));
  const rootfs = { type: "layers", diff_ids: [digestOf(archive)] };
  const config = keep(CONFIG, jsonBytes({ ...PLATFORM, config: { Cmd: ["/base.txt"] }, rootfs }));
  let says: ManifestContent | undefined;
  return (name) => {
    const own = ownLayers ? [keep(LAYER, gzipSync(tarFile({ "image.txt": `${repositoryName}:${name}\n` })))] : [];
    const annotations = { "org.opencontainers.image.ref.name": `${repositoryName}:${name}` };
    const layers = [base, ...own];
    const bytes = jsonBytes({ schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers, annotations });
    // Reading each would take most of the time; images that share all their blobs say the same.
    if (says === undefined || ownLayers) says = readManifest(bytes, MEDIA.ociManifest);
    return { digest: digestOf(bytes), content: bytes, says, platform: PLATFORM };
  };
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
