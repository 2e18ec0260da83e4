/** Pulls every image that is named, completely: by skopeo where it is installed, else by the registry's HTTP API. Used by purge.ts. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pMap from "p-map";
import { z } from "zod";
import { hasProgram, runProgram } from "./programs.ts";
import { digestOf, type RegistryOwner } from "./registry-owner.ts";
import { Surprise } from "./stage.ts";

/** An image: `digest` or a tag as `reference`. */
export type ImageName = { readonly repository: string; readonly reference: string };
/** Pulls images. */
export type Puller = {
  /** How it is shown. */
  readonly name: string;
  /** @returns how many files came @throws Surprise at the first that cannot be pulled */
  pullAll(images: readonly ImageName[]): Promise<number>;
};

/** Images at once. */
const AT_ONCE = 8;
const describedSchema = z.object({ digest: z.string() });
const manifestSchema = z.object({
  config: describedSchema.optional(),
  layers: z.array(describedSchema).default([]),
  manifests: z.array(describedSchema).default([]),
});

/** @param env sends programs to the local Azure */
export async function openPuller(env: Readonly<Record<string, string>>, owner: RegistryOwner): Promise<Puller> {
  return (await hasProgram("skopeo", ["--version"])) ? skopeo(env, owner) : plainHttp(owner);
}

/** One run for all of them: a process for each would take longer than the purge. */
function skopeo(env: Readonly<Record<string, string>>, { login }: RegistryOwner): Puller {
  return {
    name: "skopeo sync --all",
    async pullAll(names) {
      const home = mkdtempSync(join(tmpdir(), "latchkey-demo-pull-"));
      try {
        const repositories = [...new Set(names.map(({ repository }) => repository))];
        const referencesOf = (wanted: string) =>
          names.filter(({ repository }) => repository === wanted).map(({ reference }) => reference);
        const images = Object.fromEntries(repositories.map((repository) => [repository, referencesOf(repository)]));
        const { loginServer, username, password } = login;
        const wanted = join(home, "images.yml");
        // JSON is YAML.
        const text = JSON.stringify({ [loginServer]: { images, credentials: { username, password } } });
        writeFileSync(wanted, text, { mode: 0o600 });
        const target = join(home, "pulled");
        const args = [
          "--insecure-policy",
          "sync",
          "--all",
          "--scoped",
          "--src",
          "yaml",
          "--dest",
          "dir",
          wanted,
          target,
        ];
        const ended = await runProgram("skopeo", args, { ...env, HOME: home, XDG_RUNTIME_DIR: home });
        if (ended.code !== 0) throw new Surprise(`skopeo failed: ${ended.stderr.trim().split("\n").at(-1)}`);
        return readdirSync(target, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length;
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    },
  };
}

function plainHttp(owner: RegistryOwner): Puller {
  return {
    name: "the registry's HTTP API",
    async pullAll(names) {
      const fetched = new Map<string, Promise<Buffer>>();
      const get = (repository: string, path: string, digest: string | null) => {
        const url = `/v2/${repository}/${path}`;
        const content = fetched.get(url) ?? pull(owner, repository, url, digest);
        fetched.set(url, content);
        return content;
      };
      const pullImage = async (repository: string, reference: string): Promise<void> => {
        const digest = reference.startsWith("sha256:") ? reference : null;
        const body = await get(repository, `manifests/${reference}`, digest);
        const { config, layers, manifests } = manifestSchema.parse(JSON.parse(body.toString()));
        for (const part of config === undefined ? layers : [config, ...layers]) {
          await get(repository, `blobs/${part.digest}`, part.digest);
        }
        for (const child of manifests) await pullImage(repository, child.digest);
      };
      await pMap(names, ({ repository, reference }) => pullImage(repository, reference), { concurrency: AT_ONCE });
      return fetched.size;
    },
  };
}

/** @param digest of what is to come; null when it is not known */
async function pull(owner: RegistryOwner, repository: string, url: string, digest: string | null): Promise<Buffer> {
  const answer = await owner.send(repository, "GET", url);
  const content = Buffer.from(await answer.arrayBuffer());
  if (digest !== null && digestOf(content) !== digest) throw new Surprise(`${url} is not what its digest says`);
  return content;
}
