/** How each container client signs in, pulls and pushes. Called by the tests with registries in test/clients. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClientRun } from "./client-system.ts";
import type { ContainerTool, ContainerTools } from "./container-tools.ts";

/** What the clients that copy images are called. docker's own pull and push need its daemon. */
export const COPIERS = ["skopeo", "podman", "buildah", "crane"] as const satisfies readonly ContainerTool[];
/** One of them. */
export type Copier = (typeof COPIERS)[number];

/** Where clients look for logins, as variables. */
export type LoginEnv = { readonly REGISTRY_AUTH_FILE: string; readonly DOCKER_CONFIG: string };

/** An image that every client can push: in storages of buildah's and podman's, and as a file. */
export type BuiltImage = { readonly home: string; readonly archive: string };
const IMAGE = "localhost/built:latest";

/** @param auths text of a docker configuration file, e.g. the app's DOCKER_AUTH_CONFIG */
export function loginEnv(parent: string, auths = "{}"): LoginEnv {
  const folder = mkdtempSync(join(parent, "login-"));
  const env = { REGISTRY_AUTH_FILE: join(folder, "auth.json"), DOCKER_CONFIG: join(folder, "docker") };
  mkdirSync(env.DOCKER_CONFIG);
  writeFileSync(env.REGISTRY_AUTH_FILE, auths);
  writeFileSync(join(env.DOCKER_CONFIG, "config.json"), auths);
  return env;
}

/** Builds an image from nothing with buildah. @throws Error when a step fails */
export async function buildImage(tools: ContainerTools): Promise<BuiltImage> {
  const home = tools.newHome();
  writeFileSync(join(home, "model.txt"), "weights");
  const archive = join(home, "image.tar");
  const container = (await done(tools.run("buildah", ["from", "scratch"], { home }))).stdout.trim();
  await done(tools.run("buildah", ["copy", container, "model.txt", "/model.txt"], { home }));
  await done(tools.run("buildah", ["commit", "--quiet", container, IMAGE], { home }));
  await done(tools.run("buildah", ["push", "--quiet", IMAGE, `docker-archive:${archive}:${IMAGE}`], { home }));
  // podman keeps its storage elsewhere in the home.
  await done(tools.run("podman", ["load", "--quiet", "--input", archive], { home }));
  return { home, archive };
}

/** Fetches all of an image, into a home where it was not before. @param image `HOST/REPOSITORY:TAG` */
export function pull(tools: ContainerTools, copier: Copier, image: string, env: LoginEnv): Promise<ClientRun> {
  const home = tools.newHome();
  const file = join(home, "pulled");
  const args = {
    skopeo: ["copy", "--quiet", `docker://${image}`, `dir:${file}`],
    podman: ["pull", "--quiet", image],
    buildah: ["pull", "--quiet", image],
    crane: ["pull", image, file],
  }[copier];
  return tools.run(copier, args, { home, env });
}

/** Sends the built image. @param image `HOST/REPOSITORY:TAG` */
export function push(
  tools: ContainerTools,
  copier: Copier,
  built: BuiltImage,
  image: string,
  env: LoginEnv,
): Promise<ClientRun> {
  const args = {
    skopeo: ["copy", "--quiet", `docker-archive:${built.archive}`, `docker://${image}`],
    podman: ["push", "--quiet", IMAGE, image],
    buildah: ["push", "--quiet", IMAGE, `docker://${image}`],
    crane: ["push", built.archive, image],
  }[copier];
  return tools.run(copier, args, { home: built.home, env });
}

/** Signs in with a password from standard input. crane alone asks the registry nothing. */
export function signIn(
  tools: ContainerTools,
  client: Copier | "docker",
  login: { readonly loginServer: string; readonly username: string; readonly password: string },
  env: LoginEnv,
): Promise<ClientRun> {
  // buildah takes no option behind the registry.
  const who = ["--username", login.username, "--password-stdin", login.loginServer];
  const args = client === "crane" ? ["auth", "login", ...who] : ["login", ...who];
  return tools.run(client, args, { env, input: login.password });
}

async function done(run: Promise<ClientRun>): Promise<ClientRun> {
  const ended = await run;
  if (ended.code !== 0) throw new Error(`ended with ${ended.code}: ${ended.stderr}`);
  return ended;
}
