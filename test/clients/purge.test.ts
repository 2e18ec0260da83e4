/**
 * A purge of what real clients pushed, while a cluster uses some of it that real kubectl deployed: afterwards skopeo and
 * crane pull every image that was to stay, by tag and by digest, and what was to go is gone.
 */
import { setTimeout as wait } from "node:timers/promises";
import pMap from "p-map";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applicationOf, type ClientSystem, startClientSystem } from "./client-system.ts";
import { armId, type Lender, meeting, openContainerLending, REGISTRY } from "./container-lending.ts";
import { type ContainerTools, containerTools } from "./container-tools.ts";
import { type LoginEnv, loginEnv } from "./image-tools.ts";
import { clusterClients, type Kubectl } from "./kubectl.ts";
import { callApi, curl, textAt, tokenFor } from "./lending.ts";
import { createPusher, type Inventory, openOwner, repositoryOf, setAge } from "./purge-registry.ts";

const KEEPER = "registry-keeper";
const REPOSITORIES = ["purge/serve", "purge/train", "purge/docker", "keep-repo/base"];
const WEEKLY = {
  connector: KEEPER,
  schedule: { preset: "weekly" },
  rules: [{ name: "old", action: "delete", repositories: "^(?!keep-repo).*", tags: ".*", untagged: true }],
};
/** Seconds. */
const HOUR = 3_600;
const OLD = 30 * 24 * HOUR;
const END_WITHIN_MS = 100_000;
const LOOK_EVERY_MS = 250;
/** Clients at once. */
const AT_ONCE = 3;

let system: ClientSystem;
let tools: ContainerTools;
let env: LoginEnv;
let before: Inventory;
let after: Inventory;
let run: { readonly json: unknown };
/** `REPOSITORY@DIGEST` by what the test calls it. */
const images: Record<string, string> = {};

beforeAll(async () => {
  system = await startClientSystem();
  tools = containerTools(system);
  const registryId = armId(system, "ContainerRegistry/registries", ["demo-zenml-demos", "demozenmlcontainerregistry"]);
  const lender = await openContainerLending(system, {
    connector: "purged",
    application: "zenml-connector",
    resourceType: "docker-registry",
    grants: {
      purged: {
        resourceId: registryId,
        access: ["read", "write"],
        scope: { repositories: ["purge/*", "keep-repo/*"] },
      },
    },
  });
  // Both before the first credential: later it would take seconds to hold.
  const clusterId = armId(system, "ContainerService/managedClusters", [
    "demo-zenml-demos",
    "demo-zenml-terraform-cluster",
  ]);
  const deployer = await openContainerLending(system, {
    connector: "deploying",
    application: "zenml-connector",
    resourceType: "kubernetes-cluster",
    grants: { deploying: { resourceId: clusterId, access: ["admin"], forms: ["admin"] } },
  });
  const wanted = { access: ["read", "write"], scope: { repositories: REPOSITORIES } };
  const lent = await lender.lend({ resourceId: REGISTRY, ...wanted });
  env = loginEnv(system.home, textAt(lent, "env", "DOCKER_AUTH_CONFIG"));
  const owner = await openOwner(system, KEEPER);
  await pushAll();
  await owner.lock("purge/docker:locked");
  await deployAll(deployer);
  for (const repository of REPOSITORIES) await setAge(system, repository, { all: true }, OLD);
  await setAge(system, "purge/serve", { tag: "young" }, HOUR);
  await setAge(system, "purge/serve", { digest: images.young?.split("@")[1] }, HOUR);
  before = await owner.inventory(REPOSITORIES);
  run = await purge();
  after = await owner.inventory(REPOSITORIES);
});
afterAll(() => system?.stop());

async function pushAll(): Promise<void> {
  const push = createPusher(tools, env);
  images.kept = await push.image("keep-repo/base:old", "base");
  for (const tag of ["old", "young"]) {
    const index = await push.index(`purge/serve:${tag}`);
    images[tag] = index;
    images[`${tag} signature`] = await push.signature(index);
    images[`${tag} sbom`] = await push.sbom(index);
  }
  images.base = await push.image("purge/train:base", "base of all");
  for (const tag of ["unused", "pod", "digest", "cron", "zero"]) {
    images[tag] = await push.image(`purge/train:${tag}`, tag, "purge/train:base");
  }
  const parts = { amd64: "purge/docker:amd64", arm64: "purge/docker:arm64" };
  for (const part of Object.values(parts)) images[part] = await push.image(part, part);
  images.locked = await push.list("purge/docker:locked", parts);
}

async function deployAll(lender: Lender): Promise<void> {
  const clients = clusterClients(system);
  const { file } = await clients.lend(lender, { form: "admin", access: ["admin"] });
  const kubectl = async (version: Kubectl, ...args: readonly string[]) => {
    expect(await clients.kubectl(version, file, ["--namespace", "vision", ...args])).toMatchObject({ code: 0 });
  };
  const image = (tag: string) => `--image=${REGISTRY}/purge/train:${tag}`;
  await kubectl("kubectl-1.20", "run", "by-tag", image("pod"));
  await kubectl("kubectl-1.35", "run", "by-digest", `--image=${REGISTRY}/${images.digest}`);
  await kubectl("kubectl-1.35", "create", "cronjob", "nightly", "--schedule=0 3 * * *", image("cron"));
  await kubectl("kubectl-1.20", "create", "deployment", "idle", image("zero"));
  await kubectl("kubectl-1.20", "scale", "deployment", "idle", "--replicas=0");
}

/** @returns the run at its end */
async function purge() {
  const token = textAt(await tokenFor(system, "platform-automation"), "access_token");
  const { clientId, secret } = applicationOf(system.seed, KEEPER);
  const registration = {
    name: KEEPER,
    authMethod: "service-principal",
    configuration: { tenantId: system.seed.tenant.id, clientId },
    secrets: { clientSecret: secret },
    resourceTypes: ["docker-registry", "kubernetes-cluster"],
  };
  expect(await callApi(system, token, "connectors", registration)).toMatchObject({ status: 201 });
  const policy = `registries/${REGISTRY}/purge-policies/weekly`;
  const headers = [`Authorization: Bearer ${token}`, "Content-Type: application/json", "If-None-Match: *"];
  const args = [...headers.flatMap((header) => ["-H", header]), "-X", "PUT", "-d", JSON.stringify(WEEKLY)];
  expect(await curl(system, `${system.apiUrl}/api/${policy}`, args)).toMatchObject({ status: 200 });
  const started = await callApi(system, token, `${policy}/runs`, { planId: null });
  expect(started).toMatchObject({ status: 202 });
  for (const begin = performance.now(); performance.now() - begin < END_WITHIN_MS; await wait(LOOK_EVERY_MS)) {
    const looked = await callApi(system, token, `purge-runs/${textAt(started, "id")}`);
    if (/"endedAt":"/.test(looked.text)) return looked;
  }
  throw new Error("the purge has not ended");
}

/** Everything that the test pushed under a name that the test gave it. */
const named = (...names: readonly string[]) => names.map((name) => images[name] ?? `no image ${name}`);
const gone = () => [...before.keys()].filter((name) => !after.has(name));

describe("a purge of all that is a week old, except repositories that begin with keep-repo", () => {
  test("ends well, and counts what the registry lost", () => {
    const tags = (inventory: Inventory) => [...inventory.values()].flat().length;
    const counts = { deletedManifests: gone().length, deletedTags: tags(before) - tags(after), failed: 0, changed: 0 };
    expect(run.json).toMatchObject({ state: "done", code: null, counts });
  });

  test("takes an index of podman's with its images, cosign's signature and the artifact that names it", () => {
    // Its two images have no name here.
    const of = gone().filter((name) => repositoryOf(name) === "purge/serve");
    expect(of).toEqual(expect.arrayContaining(named("old", "old signature", "old sbom")));
    expect(of).toHaveLength(5);
  });

  test("takes of the images that share their layers those that no cluster uses", () => {
    const of = gone().filter((name) => repositoryOf(name) === "purge/train");
    expect(of.toSorted()).toEqual(named("base", "unused").toSorted());
  });

  test("takes no image of a list of docker's whose tag is locked, only their own tags, and nothing of keep-repo", () => {
    const others = gone().filter((name) => !/^purge\/(serve|train)@/.test(name));
    expect(others).toEqual([]);
    const tags = named("kept", "locked", "purge/docker:amd64", "purge/docker:arm64").map((name) => after.get(name));
    expect(tags).toEqual([["old"], ["locked"], [], []]);
  });
});

describe("afterwards", () => {
  /** By digest and by each tag. */
  const referencesOf = (inventory: Inventory) =>
    [...inventory].flatMap(([name, tags]) => [name, ...tags.map((tag) => `${repositoryOf(name)}:${tag}`)]);

  test("skopeo pulls every image that stayed, by tag and by digest", async () => {
    // One of keep-repo, the young index with two images, signature and artifact, four of the cluster, a list of two.
    expect(after.size).toBe(1 + 5 + 4 + 3);
    const ended = await pMap(
      referencesOf(after),
      async (name) => {
        const args = ["copy", "--quiet", "--all", `docker://${REGISTRY}/${name}`, "dir:pulled"];
        const { code, stderr } = await tools.run("skopeo", args, { env });
        return { name, code, stderr };
      },
      { concurrency: AT_ONCE },
    );
    expect(ended.filter(({ code }) => code !== 0)).toEqual([]);
  });

  test("crane finds every image that stayed whole, down to its layers", async () => {
    // To crane an image has a configuration and layers: an artifact is none.
    const [artifact] = named("young sbom");
    const ended = await pMap(
      referencesOf(after).filter((name) => name !== artifact),
      async (name) => {
        const args = ["validate", "--remote", `${REGISTRY}/${name}`];
        const { code, stderr } = await tools.run("crane", args, { env });
        return { name, code, stderr };
      },
      { concurrency: AT_ONCE },
    );
    expect(ended.filter(({ code }) => code !== 0)).toEqual([]);
  });

  test("nothing that went is found by skopeo any more, by tag or by digest", async () => {
    const names = referencesOf(new Map([...before].filter(([name]) => !after.has(name))));
    expect(names.length).toBeGreaterThan(7);
    for (const name of names) {
      const inspect = () => tools.run("skopeo", ["inspect", "--raw", `docker://${REGISTRY}/${name}`], { env });
      const met = await meeting(system, inspect);
      expect(met.code === 0, name).toBe(false);
      expect(met.statusesAt(`/v2/${repositoryOf(name)}/manifests/`), `${name}: ${met.stderr}`).toEqual([404]);
    }
  });
});
