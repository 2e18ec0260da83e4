/** What clusters have in use, read as a connector: whole lists of the local API servers, or a failure that says why. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import { createReadClusterUser } from "../../shared/azure/cluster-credentials.ts";
import { createListClusterImages } from "../../shared/azure/cluster-workloads.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import type { Cluster, OpenedCluster } from "../../shared/connectors/ports.ts";
import { NotNowError } from "../../shared/errors.ts";
import { tokenOf } from "../support/application-tokens.ts";
import { fillCluster } from "../support/cluster-objects.ts";
import { type Control, createControl } from "../support/control.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { administratorOf, CLUSTER_SCOPE, clusterRequest, clusterUrl } from "../support/local-clusters.ts";
import { HANG_MS, signInOf } from "../support/product-parts.ts";
import { accessTokenFor, REGISTRY, refreshTokenOf } from "../support/registry-requests.ts";

const DEMO = { as: "zenml-connector", group: "demo-zenml-demos", name: "demo-zenml-terraform-cluster" };
/** Its own roles decide, and give the connector a namespace alone. */
const OWN_ROLES = { as: "research-connector", group: "research-vision", name: "demo-zenml-terraform-cluster" };
const WITHOUT_ENTRA = { as: "research-connector", group: "research-vision", name: "training" };
/** The connector is Azure Kubernetes Service RBAC Reader there. */
const READER = { as: "research-connector", group: "research-speech", name: "training" };
const STOPPED = { as: "research-connector", group: "research-vision", name: "nightly" };
type Place = typeof DEMO;

const HOST = REGISTRY;
const RBAC_GROUP = "rbac.authorization.k8s.io";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const MANY = 1_234;

let azure: LocalAzure;
let control: Control;
let stateDir: string;
/** Of OWN_ROLES. */
let administrator: Awaited<ReturnType<typeof administratorOf>>;
const identities = createConnectorIdentities();
const listImages = createListClusterImages({ identities, readUser: createReadClusterUser(identities) });

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "latchkey-workloads-"));
  const pods = Array.from({ length: MANY }, (_, index) => ({
    kind: "Pod",
    namespace: index % 2 === 0 ? "vision" : "speech",
    name: `pod-${String(index).padStart(5, "0")}`,
    body: { spec: { containers: [{ name: "main", image: `${HOST}/many:${index}` }] } },
  }));
  fillCluster(stateDir, WITHOUT_ENTRA.group, WITHOUT_ENTRA.name, pods);
  administrator = await administratorOf(stateDir, OWN_ROLES.group, OWN_ROLES.name);
  azure = await startLocalAzure({ stateDir });
  control = createControl(azure);
});
afterAll(async () => {
  await azure?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});
afterEach(() => control.clear());

async function opened({ as, group, name }: Place, changes: Partial<Cluster> = {}): Promise<OpenedCluster> {
  const signIn = signInOf(azure, as);
  const view = createOpenAzure(identities)(signIn);
  for (const { subscriptionId } of await view.subscriptions()) {
    const clusters = await view.clusters(subscriptionId, group);
    const cluster = clusters.find((one) => one.cluster === name);
    if (cluster === undefined) continue;
    const connector = { id: "11111111-2222-4333-8444-555555555555", name: as, expiresAt: null };
    return { connector, resourceId: name, displayName: name, signIn, cluster: { ...cluster, ...changes } };
  }
  throw new Error(`no cluster ${group}/${name}`);
}
async function imagesOf(place: Place, changes: Partial<Cluster> = {}): Promise<string[]> {
  const images: string[] = [];
  for await (const image of listImages(await opened(place, changes), new AbortController().signal)) images.push(image);
  return images;
}

/** Sends to the demo's cluster. @throws Error when it is refused */
async function send(method: string, path: string, body: object): Promise<void> {
  const token = await tokenOf(azure, DEMO.as, CLUSTER_SCOPE);
  const answer = await clusterRequest(azure, method, `${clusterUrl(azure, DEMO.group, DEMO.name)}${path}`, {
    token,
    body,
  });
  if (answer.status > 201) throw new Error(answer.body);
}

/** Of a tag of the demo's registry. */
async function digestOf(repository: string, tag: string): Promise<string> {
  const refresh = await refreshTokenOf(azure, DEMO.as);
  const token = await accessTokenFor(azure, refresh, `repository:${repository}:pull`);
  const url = `https://${REGISTRY}/v2/${repository}/manifests/${tag}`;
  const { headers } = await jsonRequest(azure, "GET", url, { token, headers: { accept: OCI_MANIFEST } });
  return String(headers["docker-content-digest"]);
}

describe("what is in use", () => {
  test("pods, a Deployment at zero replicas and a CronJob, in all namespaces", async () => {
    const images = await imagesOf(DEMO);
    expect(images).toEqual(
      expect.arrayContaining([
        `${HOST}/zenml:latest`,
        `${HOST}/vision/train:latest`,
        `${HOST}/speech/asr:latest`,
        `${HOST}/zenml-pipelines:v1`,
        `${HOST}/zenml-pipelines:nightly`,
      ]),
    );
  });

  test("the digest that a pod runs is that of its tag in the registry", async () => {
    const running = (await imagesOf(DEMO)).find((image) => image.startsWith(`${HOST}/vision/train@`));
    expect(running).toBe(`${HOST}/vision/train@${await digestOf("vision/train", "latest")}`);
  });

  test("each kind that has a pod template, and what a pod's status says", async () => {
    const labels = { app: "use" };
    const template = (kind: string) => ({
      metadata: { labels },
      spec: { restartPolicy: kind === "Job" ? "Never" : "Always", containers: [{ name: "main", image: `of/${kind}` }] },
    });
    const namespace = "namespaces/speech";
    for (const [kind, path] of [
      ["Deployment", `/apis/apps/v1/${namespace}/deployments`],
      ["StatefulSet", `/apis/apps/v1/${namespace}/statefulsets`],
      ["DaemonSet", `/apis/apps/v1/${namespace}/daemonsets`],
      ["ReplicaSet", `/apis/apps/v1/${namespace}/replicasets`],
    ] as const) {
      const spec = { replicas: 0, selector: { matchLabels: labels }, template: template(kind) };
      await send("POST", path, { metadata: { name: "use" }, spec });
    }
    const metadata = { name: "use" };
    await send("POST", `/api/v1/${namespace}/replicationcontrollers`, {
      metadata,
      spec: { replicas: 0, selector: labels, template: template("ReplicationController") },
    });
    await send("POST", `/apis/batch/v1/${namespace}/jobs`, { metadata, spec: { template: template("Job") } });
    await send("POST", `/apis/batch/v1/${namespace}/cronjobs`, {
      metadata,
      spec: { schedule: "* * * * *", suspend: true, jobTemplate: { spec: { template: template("CronJob") } } },
    });
    await send("POST", `/api/v1/${namespace}/pods`, {
      metadata,
      spec: { ...template("Pod").spec, volumes: [{ name: "v", image: { reference: "of/volume" } }] },
    });
    const imageID = `of/Pod@sha256:${"0".repeat(64)}`;
    await send("PUT", `/api/v1/${namespace}/pods/use/status`, {
      metadata,
      spec: template("Pod").spec,
      status: { phase: "Running", containerStatuses: [{ name: "main", image: "of/Pod", imageID }] },
    });
    const kinds = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"];
    expect(await imagesOf(DEMO)).toEqual(
      expect.arrayContaining([...kinds.map((kind) => `of/${kind}`), "of/Pod", "of/volume", imageID]),
    );
  });

  test("every page of a long list, without Entra", async () => {
    const images = await imagesOf(WITHOUT_ENTRA);
    const many = images.filter((image) => image.startsWith(`${HOST}/many:`));
    expect(many).toHaveLength(MANY);
    expect(new Set(many).size).toBe(MANY);
  });

  test("with the reader's role, which is enough", async () => {
    expect(await imagesOf(READER)).toContain("researchadminregistry.azurecr.io/speech/train:latest");
  });
});

const expired = JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", code: 410, reason: "Expired" });
const contentType = "application/json";

test("a list that expired on the way begins anew and is whole", async () => {
  await control.fault({
    service: "kubernetes",
    path: "/api/v1/pods.*continue=",
    reply: { status: 410, text: expired, contentType },
    times: 1,
  });
  const images = await imagesOf(WITHOUT_ENTRA);
  expect(new Set(images.filter((image) => image.startsWith(`${HOST}/many:`))).size).toBe(MANY);
  expect(images.length).toBeGreaterThan(MANY);
});

describe("what cannot be read", () => {
  test("a role that is missing, until it is given", async () => {
    const objectId = azure.seed.applications.find(({ name }) => name === OWN_ROLES.as)?.objectId;
    await expect(imagesOf(OWN_ROLES)).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: false,
      failure: { status: 403, code: "Forbidden" },
    });
    // What is said to be missing is what is missing.
    const binding = {
      metadata: { name: "latchkey-workloads" },
      roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name: "view" },
      subjects: [{ apiGroup: RBAC_GROUP, kind: "User", name: objectId }],
    };
    const url = clusterUrl(azure, OWN_ROLES.group, OWN_ROLES.name);
    const path = `/apis/${RBAC_GROUP}/v1/clusterrolebindings`;
    const { certificate } = administrator;
    expect((await clusterRequest(azure, "POST", `${url}${path}`, { certificate, body: binding })).status).toBe(201);
    const host = "demozenmlcontainerregistry-e7ggejfuhzhgedc8.azurecr.io";
    expect(await imagesOf(OWN_ROLES)).toContain(`${host}/vision/train:v3`);
  });

  test("a role at another cluster", async () => {
    const { cluster } = await opened(DEMO);
    const reading = listImages({ ...(await opened(READER)), cluster }, new AbortController().signal);
    await expect(reading[Symbol.asyncIterator]().next()).rejects.toMatchObject({ failure: { status: 403 } });
  });

  test("a cluster that is stopped, whether that is known before or not", async () => {
    await expect(imagesOf(STOPPED)).rejects.toBeInstanceOf(NotNowError);
    await expect(imagesOf(STOPPED, { isRunning: true })).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });

  test.each([
    "cronjobs",
    "jobs",
    "deployments",
    "statefulsets",
    "daemonsets",
    "replicasets",
    "replicationcontrollers",
    "pods",
  ])("a server that fails at %s alone", async (plural) => {
    await control.fault({ service: "kubernetes", path: `/v1/${plural}\\?`, status: 500 });
    await expect(imagesOf(DEMO)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", retryable: true });
  });

  test("a server that says a kind is not there, and elsewhere that it is", async () => {
    const reply = { status: 404, text: "404 page not found\n", contentType: "text/plain" };
    await control.fault({ service: "kubernetes", path: "/apis/batch/v1/cronjobs", reply });
    await expect(imagesOf(DEMO)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", retryable: false });
  });

  test("an answer that is cut off", { timeout: 30_000 }, async () => {
    const text = JSON.stringify({ kind: "PodList", apiVersion: "v1", metadata: {}, items: [] });
    const reply = { status: 200, text, contentType, cut: true };
    await control.fault({ service: "kubernetes", path: "/api/v1/pods", reply });
    await expect(imagesOf(DEMO)).rejects.toMatchObject({ retryable: true });
  });

  test("a server that hangs", { timeout: 30_000 }, async () => {
    await control.fault({ service: "kubernetes", path: "/api/v1/pods", latencyMs: HANG_MS });
    await expect(imagesOf(DEMO)).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT", retryable: true });
  });

  test("whoever gives up waiting for one that hangs waits no longer", async () => {
    await control.fault({ service: "kubernetes", latencyMs: HANG_MS });
    const giveUp = new AbortController();
    const cluster = await opened(DEMO);
    const first = listImages(cluster, giveUp.signal)[Symbol.asyncIterator]().next();
    const reason = new Error("cancelled");
    setTimeout(() => giveUp.abort(reason), 500);
    await expect(first).rejects.toBe(reason);
  });
});
