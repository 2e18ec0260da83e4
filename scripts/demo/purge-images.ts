/** What the demo puts into a registry before it is purged: several hundred images, most of them old. Used by purge.ts. */
import { gzipSync } from "node:zlib";
import { tarFile } from "../../infra/local/azure/registry/tar-file.ts";
import type { LocalSystem } from "../../infra/local/system.ts";
import { digestOf, type RegistryOwner } from "./registry-owner.ts";
import { Surprise } from "./stage.ts";

const IMAGE = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY = "application/vnd.oci.empty.v1+json";
const SBOM = "application/spdx+json";
/** What cosign's signatures are layers of. Source: its documentation. */
const SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json";
const ARCHITECTURES = ["amd64", "arm64"] as const;

/** Seconds. */
const DAY = 86_400;
const HOUR = 3_600;
/** Of images that are old. */
const OLD = 60 * DAY;
/** Where the images are that are made one by one. */
const SERVING = "serving/api";
/** In the registry from the beginning; pods, a CronJob and a Deployment at zero replicas run some of them. */
const RUN_BY_CLUSTER = ["zenml", "zenml-pipelines", "vision/train", "vision/serve", "speech/asr"] as const;
/** Many images of one layer. A nightly build has one every six hours, and left some without a tag. */
const MANY = [
  { repository: "nightly/train", count: 280, ageSeconds: HOUR, stepSeconds: 6 * HOUR },
  {
    repository: "nightly/train",
    count: 60,
    tagged: false,
    firstNumber: 1_000,
    ageSeconds: 20 * DAY,
    stepSeconds: HOUR,
  },
  { repository: "keep-repo/base", count: 20, ageSeconds: OLD, stepSeconds: DAY },
  { repository: "keep-repo-tools", count: 10, ageSeconds: OLD, stepSeconds: DAY },
  { repository: "mirror/keep-repo", count: 20, ageSeconds: OLD, stepSeconds: DAY },
] as const;

/** A release: an index of one image for each architecture, its signature and its list of contents; as `REPOSITORY@DIGEST`. */
export type Release = {
  readonly index: string;
  readonly images: readonly string[];
  /** cosign's way: a tag made of the digest. */
  readonly signature: string;
  /** OCI's way: no tag, but a subject. */
  readonly contents: string;
};
/** All are 60 days old but `young`, whose images, signature and contents are. `locked` has a tag that may not be deleted. */
export type Releases = { readonly old: Release; readonly locked: Release; readonly young: Release };

type Described = { readonly mediaType: string; readonly digest: string; readonly size: number };

/** @throws Surprise when the registry refuses anything */
export async function fillRegistry(system: LocalSystem, owner: RegistryOwner): Promise<Releases> {
  const { loginServer } = owner.login;
  const control = (path: string, body: object) =>
    post(`${system.controlUrl}/registry/${path}`, { loginServer, ...body });
  for (const images of MANY) await control("images", images);
  const old = await pushRelease(owner, "v1");
  const locked = await pushRelease(owner, "v2");
  const young = await pushRelease(owner, "v3");
  for (const repository of [SERVING, ...RUN_BY_CLUSTER]) {
    await control("times", { repository, all: true, ageSeconds: OLD });
  }
  const [repository, digest] = young.index.split("@");
  await control("times", { repository, digest, ageSeconds: HOUR });
  await control("times", { repository, tag: "v3", ageSeconds: HOUR });
  const lock = JSON.stringify({ deleteEnabled: false });
  await owner.send(SERVING, "PATCH", `/acr/v1/${SERVING}/_tags/v2`, lock, "application/json");
  return { old, locked, young };
}

/** All of them share their first layer. */
async function pushRelease(owner: RegistryOwner, tag: string): Promise<Release> {
  const images: Described[] = [];
  for (const architecture of ARCHITECTURES) {
    const files = ["base system\n", `${tag} for ${architecture}\n`];
    const archives = files.map((text, number) => tarFile({ [`${number}.txt`]: text }));
    const rootfs = { type: "layers", diff_ids: archives.map(digestOf) };
    const config = { created: "2026-01-12T09:30:41Z", architecture, os: "linux", config: { Cmd: ["/1.txt"] }, rootfs };
    images.push(
      await pushManifest(owner, null, {
        config: await pushBlob(owner, CONFIG, JSON.stringify(config)),
        layers: await Promise.all(archives.map((archive) => pushBlob(owner, LAYER, gzipSync(archive)))),
      }),
    );
  }
  const manifests = images.map((image, at) => ({
    ...image,
    platform: { architecture: ARCHITECTURES[at], os: "linux" },
  }));
  const index = await pushManifest(owner, tag, { mediaType: INDEX, manifests });
  const signed = JSON.stringify({ critical: { image: { "docker-manifest-digest": index.digest } } });
  const signature = await pushManifest(owner, `${index.digest.replace(":", "-")}.sig`, {
    config: await pushBlob(owner, CONFIG, JSON.stringify({ rootfs: { type: "layers", diff_ids: [digestOf(signed)] } })),
    layers: [await pushBlob(owner, SIGNATURE, signed)],
  });
  const contents = await pushManifest(owner, null, {
    artifactType: SBOM,
    config: await pushBlob(owner, EMPTY, "{}"),
    layers: [await pushBlob(owner, SBOM, JSON.stringify({ name: `${SERVING}:${tag}` }))],
    subject: index,
  });
  const named = ({ digest }: Described) => `${SERVING}@${digest}`;
  return { index: named(index), images: images.map(named), signature: named(signature), contents: named(contents) };
}

async function pushBlob(owner: RegistryOwner, mediaType: string, content: string | Buffer): Promise<Described> {
  const digest = digestOf(content);
  await owner.send(SERVING, "POST", `/v2/${SERVING}/blobs/uploads/?digest=${digest}`, content);
  return { mediaType, digest, size: Buffer.byteLength(content) };
}

/** @param tag null for none */
async function pushManifest(owner: RegistryOwner, tag: string | null, members: object): Promise<Described> {
  const manifest = { schemaVersion: 2, mediaType: IMAGE, ...members };
  const body = JSON.stringify(manifest);
  const digest = digestOf(body);
  await owner.send(SERVING, "PUT", `/v2/${SERVING}/manifests/${tag ?? digest}`, body, manifest.mediaType);
  return { mediaType: manifest.mediaType, digest, size: body.length };
}

async function post(url: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Surprise(`the control endpoint answered ${answer.status}: ${await answer.text()}`);
}
