/**
 * Debian's docker-registry behind the token front of a local registry: foreign code, that knows nothing but the key,
 * takes what the app lends, exactly inside its scope.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ClientSystem, startClientSystem } from "./client-system.ts";
import { armId, type Lender, meeting, openContainerLending, REGISTRY, TOKEN_USER } from "./container-lending.ts";
import { type ContainerTools, containerTools } from "./container-tools.ts";
import { type ForeignRegistry, startForeignRegistry } from "./foreign-registry.ts";
import { type BuiltImage, buildImage, type LoginEnv, loginEnv, pull, push, signIn } from "./image-tools.ts";
import { curl, textAt } from "./lending.ts";

/** One of each code: podman and buildah copy by that of skopeo. */
const COPIERS = ["skopeo", "crane"] as const;

let system: ClientSystem;
let tools: ContainerTools;
let lender: Lender;
let built: BuiltImage;
let foreign: ForeignRegistry;

beforeAll(async () => {
  system = await startClientSystem();
  tools = containerTools(system);
  const resourceId = armId(system, "ContainerRegistry/registries", ["demo-zenml-demos", "demozenmlcontainerregistry"]);
  const forms = ["access-token", "docker-login"];
  lender = await openContainerLending(system, {
    connector: "foreign",
    application: "zenml-connector",
    resourceType: "docker-registry",
    grants: {
      foreign: { resourceId, access: ["read", "write"], forms, scope: { repositories: ["vision/*"] } },
    },
  });
  built = await buildImage(tools);
  foreign = await startForeignRegistry(system);
});
afterAll(async () => {
  await foreign?.stop();
  await system?.stop();
});

const lend = (wanted: object) => lender.lend({ resourceId: REGISTRY, ...wanted });

/** A login at docker-registry, whose tokens come from the local registry. */
function loginOf(username: string, password: string): LoginEnv {
  const auth = Buffer.from(`${username}:${password}`).toString("base64");
  return loginEnv(system.home, JSON.stringify({ auths: { [foreign.host]: { auth } } }));
}

/** What docker-registry says to a push and a pull there. */
async function statusesOf(repository: string, env: LoginEnv) {
  const image = `${foreign.host}/${repository}:v1`;
  const pushed = await meeting(foreign, () => push(tools, "skopeo", built, image, env));
  const pulled = await meeting(foreign, () => pull(tools, "crane", image, env));
  return {
    push: [pushed.code === 0, pushed.statusesAt(`/v2/${repository}/`)],
    pull: [pulled.code === 0, pulled.statusesAt(`/v2/${repository}/`)],
  };
}

test("docker-registry refuses whoever has no token", async () => {
  const refused = [false, []];
  // Without a login the front gives none; nothing reaches a repository.
  expect(await statusesOf("vision/train", loginEnv(system.home))).toEqual({ push: refused, pull: refused });
});

test("docker-registry takes a lent docker login in its repository alone, until it is given back", async () => {
  const scope = { repositories: ["vision/train"] };
  const answer = await lend({ form: "docker-login", access: ["read", "write"], scope, ttlSeconds: 900 });
  const [username, password] = [textAt(answer, "credential", "username"), textAt(answer, "credential", "password")];
  const env = loginEnv(system.home);
  const login = { loginServer: foreign.host, username, password };
  expect(await signIn(tools, "docker", login, env)).toMatchObject({ code: 0 });
  expect(await signIn(tools, "skopeo", login, env)).toMatchObject({ code: 0 });
  for (const copier of COPIERS) {
    const image = `${foreign.host}/vision/train:${copier}`;
    expect(await push(tools, copier, built, image, env), copier).toMatchObject({ code: 0 });
    expect(await pull(tools, copier, image, env), copier).toMatchObject({ code: 0 });
  }
  for (const other of ["vision/serve", "speech/asr"]) {
    expect(await statusesOf(other, env), other).toEqual({ push: [false, [401]], pull: [false, [401]] });
  }
  await lender.end(answer);
  const ended = await meeting(system, () => pull(tools, "skopeo", `${foreign.host}/vision/train:skopeo`, env));
  expect(ended.code === 0).toBe(false);
  expect(ended.statusesAt("/oauth2/token")).toEqual([401]);
});

test("docker-registry takes a lent access token to read: nothing is pushed, and no other repository read", async () => {
  const write = await lend({ access: ["read", "write"], scope: { repositories: ["vision/train", "vision/serve"] } });
  const writer = loginOf(TOKEN_USER, textAt(write, "credential", "token"));
  for (const repository of ["vision/train", "vision/serve"]) {
    expect(await push(tools, "skopeo", built, `${foreign.host}/${repository}:v1`, writer)).toMatchObject({ code: 0 });
  }
  const read = await lend({ access: ["read"], scope: { repositories: ["vision/train"] } });
  const token = textAt(read, "credential", "token");
  const env = loginOf(TOKEN_USER, token);
  for (const copier of COPIERS) {
    expect(await pull(tools, copier, `${foreign.host}/vision/train:v1`, env), copier).toMatchObject({ code: 0 });
    const other = await meeting(foreign, () => pull(tools, copier, `${foreign.host}/vision/serve:v1`, env));
    expect(other.code === 0, copier).toBe(false);
    expect(other.statusesAt("/v2/vision/serve/"), copier).toEqual([401]);
    const image = `${foreign.host}/vision/train:pushed`;
    const pushed = await meeting(foreign, () => push(tools, copier, built, image, env));
    expect(pushed.code === 0, copier).toBe(false);
    expect(pushed.statusesAt("/v2/vision/train/blobs/uploads/", "POST"), copier).not.toContain(202);
    expect(pushed.statusesAt("/v2/vision/train/"), copier).toContain(401);
  }
  const inspect = (image: string) =>
    tools.run("skopeo", ["inspect", `--registry-token=${token}`, `docker://${foreign.host}/${image}`]);
  expect(JSON.parse((await inspect("vision/train:v1")).stdout)).toMatchObject({ RepoTags: expect.any(Array) });
  const other = await meeting(foreign, () => inspect("vision/serve:v1"));
  expect(other.statusesAt("/v2/vision/serve/")).toEqual([401]);
});

test("docker-registry refuses a lent access token into which another repository was written", async () => {
  const read = await lend({ access: ["read"], scope: { repositories: ["vision/train"] } });
  const token = textAt(read, "credential", "token");
  const [head = "", body = "", signature = ""] = token.split(".");
  const claims = Buffer.from(body, "base64url").toString();
  const forged = Buffer.from(claims.replaceAll("vision/train", "vision/serve")).toString("base64url");
  const status = async (bearer: string, repository: string) => {
    const url = `https://${foreign.host}/v2/${repository}/manifests/v1`;
    return (await curl(system, url, ["-H", `Authorization: Bearer ${bearer}`])).status;
  };
  expect(await status(token, "vision/train")).toBe(200);
  expect(await status(`${head}.${forged}.${signature}`, "vision/serve")).toBe(401);
});
