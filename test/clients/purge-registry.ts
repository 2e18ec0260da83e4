/** What the purge test puts into a registry with real clients, and what is in it afterwards. Called by purge.test.ts. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { tarFile } from "../../infra/local/azure/registry/tar-file.ts";
import type { ClientSystem } from "./client-system.ts";
import { REGISTRY } from "./container-lending.ts";
import type { ContainerTool, ContainerTools } from "./container-tools.ts";
import type { LoginEnv } from "./image-tools.ts";
import { curl, textAt, tokenFor } from "./lending.ts";

const SBOM = "application/spdx+json";
/** Source: the registry's documentation; the largest page. */
const PAGE = 1_000;

const manifestsSchema = z.object({
  manifests: z.array(z.object({ digest: z.string(), tags: z.array(z.string()).default([]) })).nullable(),
});

/** Pushes images with one client each. Names are `REPOSITORY:TAG` and `REPOSITORY@DIGEST` without the registry. */
export type Pusher = {
  /** By crane, in Docker's format. @param base an image whose layers it begins with @returns `REPOSITORY@DIGEST` */
  image(name: string, text: string, base?: string): Promise<string>;
  /** An index of two architectures by podman, in OCI's format. */
  index(name: string): Promise<string>;
  /** A list by docker itself. @param images by their architectures; they are there */
  list(name: string, images: Readonly<Record<string, string>>): Promise<string>;
  /** What cosign makes: an image under a tag made of the digest that it signs. */
  signature(of: string): Promise<string>;
  /** An artifact without a tag that names its subject, by skopeo. */
  sbom(of: string): Promise<string>;
};

/** @param env login of somebody who may push @throws Error when a client fails */
export function createPusher(tools: ContainerTools, env: LoginEnv): Pusher {
  const run = async (tool: ContainerTool, args: readonly string[], home?: string) => {
    const ended = await tools.run(tool, args, { env, ...(home === undefined ? {} : { home }) });
    if (ended.code !== 0) throw new Error(`${tool} ${args.join(" ")} ended with ${ended.code}: ${ended.stderr}`);
    return ended.stdout.trim();
  };
  const digestAt = async (name: string) =>
    `${repositoryOf(name)}@${await run("crane", ["digest", `${REGISTRY}/${name}`])}`;
  const image = async (name: string, text: string, base?: string) => {
    const layer = join(tools.newHome(), "layer.tar");
    writeFileSync(layer, tarFile({ "file.txt": text }));
    const from = base === undefined ? [] : ["--base", `${REGISTRY}/${base}`];
    await run("crane", ["append", ...from, "--new_layer", layer, "--new_tag", `${REGISTRY}/${name}`]);
    return digestAt(name);
  };
  return {
    image,
    async index(name) {
      const home = tools.newHome();
      await run("podman", ["manifest", "create", "list"], home);
      for (const architecture of ["amd64", "arm64"]) {
        const archive = join(home, `${architecture}.tar`);
        const container = await run("buildah", ["from", "--arch", architecture, "scratch"], home);
        writeFileSync(join(home, "file.txt"), `${name} for ${architecture}`);
        await run("buildah", ["copy", container, "file.txt", "/file.txt"], home);
        await run("buildah", ["commit", "--quiet", container, `oci-archive:${archive}`], home);
        await run("podman", ["manifest", "add", "--arch", architecture, "list", `oci-archive:${archive}`], home);
      }
      await run("podman", ["manifest", "push", "--all", "list", `docker://${REGISTRY}/${name}`], home);
      return digestAt(name);
    },
    async list(name, images) {
      const home = tools.newHome();
      const list = `${REGISTRY}/${name}`;
      const parts = Object.entries(images).map(
        ([architecture, image]) => [architecture, `${REGISTRY}/${image}`] as const,
      );
      await run("docker", ["manifest", "create", list, ...parts.map(([, image]) => image)], home);
      for (const [architecture, image] of parts) {
        await run("docker", ["manifest", "annotate", "--os", "linux", "--arch", architecture, list, image], home);
      }
      await run("docker", ["manifest", "push", list], home);
      return digestAt(name);
    },
    signature: (of) => image(`${repositoryOf(of)}:${digestOf(of).replace(":", "-")}.sig`, `signature of ${of}`),
    async sbom(of) {
      const raw = await run("skopeo", ["inspect", "--raw", `docker://${REGISTRY}/${of}`]);
      const { mediaType } = z.object({ mediaType: z.string() }).parse(JSON.parse(raw));
      // What skopeo calls `dir`: the manifest, and blobs by their digests.
      const folder = join(tools.newHome(), "sbom");
      mkdirSync(folder);
      writeFileSync(join(folder, "version"), "Directory Transport Version: 1.1\n");
      const blob = (mediaTypeOfBlob: string, text: string) => {
        const digest = sha256(text);
        writeFileSync(join(folder, digest.slice("sha256:".length)), text);
        return { mediaType: mediaTypeOfBlob, digest, size: text.length };
      };
      const manifest = JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        artifactType: SBOM,
        config: blob("application/vnd.oci.empty.v1+json", "{}"),
        layers: [blob(SBOM, JSON.stringify({ of }))],
        subject: { mediaType, digest: digestOf(of), size: raw.length },
      });
      writeFileSync(join(folder, "manifest.json"), manifest);
      const name = `${repositoryOf(of)}@${sha256(manifest)}`;
      await run("skopeo", ["copy", "--quiet", "--preserve-digests", `dir:${folder}`, `docker://${REGISTRY}/${name}`]);
      return name;
    },
  };
}

/** Tags by `REPOSITORY@DIGEST`. */
export type Inventory = ReadonlyMap<string, readonly string[]>;
/** A registry by its own operations, asked by curl. */
export type RegistryOwner = {
  /** Of some repositories. */
  inventory(repositories: readonly string[]): Promise<Inventory>;
  /** @param name `REPOSITORY:TAG` */
  lock(name: string): Promise<void>;
};

/** @param application of the seed that may delete there */
export async function openOwner(system: ClientSystem, application: string): Promise<RegistryOwner> {
  const entra = await tokenFor(system, application, "https://containerregistry.azure.net/.default");
  const ask = async (path: string, fields: Readonly<Record<string, string>>) => {
    const form = Object.entries({ service: REGISTRY, ...fields });
    const args = form.flatMap(([name, value]) => ["--data-urlencode", `${name}=${value}`]);
    return curl(system, `https://${REGISTRY}/oauth2/${path}`, args);
  };
  const exchanged = await ask("exchange", { grant_type: "access_token", access_token: textAt(entra, "access_token") });
  const refresh_token = textAt(exchanged, "refresh_token");
  const send = async (repository: string, path: string, args: readonly string[] = []) => {
    const scope = `repository:${repository}:metadata_read,metadata_write`;
    const access = textAt(await ask("token", { grant_type: "refresh_token", refresh_token, scope }), "access_token");
    const url = `https://${REGISTRY}/acr/v1/${repository}/${path}`;
    const answer = await curl(system, url, ["-H", `Authorization: Bearer ${access}`, ...args]);
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${answer.text}`);
    return answer;
  };
  return {
    async inventory(repositories) {
      const all = new Map<string, readonly string[]>();
      for (const repository of repositories) {
        const { manifests } = manifestsSchema.parse((await send(repository, `_manifests?n=${PAGE}`)).json);
        for (const { digest, tags } of manifests ?? []) all.set(`${repository}@${digest}`, tags);
      }
      return all;
    },
    async lock(name) {
      const [repository = "", tag = ""] = name.split(":");
      const body = JSON.stringify({ deleteEnabled: false });
      await send(repository, `_tags/${tag}`, ["-X", "PATCH", "-H", "Content-Type: application/json", "-d", body]);
    },
  };
}

/** @param which `{all: true}`, `{tag}` or `{digest}` */
export async function setAge(system: ClientSystem, repository: string, which: object, ageSeconds: number) {
  const body = JSON.stringify({ loginServer: REGISTRY, repository, ...which, ageSeconds });
  const url = `${system.controlUrl}/registry/times`;
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
}

/** Of `REPOSITORY:TAG` or `REPOSITORY@DIGEST`. */
export function repositoryOf(name: string): string {
  return name.split(/[:@]/)[0] ?? "";
}

function digestOf(name: string): string {
  return name.split("@")[1] ?? "";
}

function sha256(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
