/** API servers of the local clusters: workloads are kept, listed, changed and scaled as kubectl does it; nothing runs them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { CLUSTER_SCOPE, clusterRequest, clusterUrl } from "../support/local-clusters.ts";

let azure: LocalAzure;
let demo: string;
let token: string;

beforeAll(async () => {
  azure = await startLocalAzure();
  demo = clusterUrl(azure, "demo-zenml-demos", "demo-zenml-terraform-cluster");
  token = await tokenOf(azure, "zenml-connector", CLUSTER_SCOPE);
});
afterAll(() => azure?.stop());

const call = (method: string, path: string, options: Parameters<typeof clusterRequest>[3] = {}) =>
  clusterRequest(azure, method, `${demo}${path}`, { token, ...options });
const patch = (path: string, type: string, body: unknown) =>
  jsonRequest(azure, "PATCH", `${demo}${path}`, {
    token,
    headers: { "content-type": `application/${type}` },
    body: JSON.stringify(body),
  });
const labels = { app: "serve" };
const template = { metadata: { labels }, spec: { containers: [{ name: "main", image: "r/serve:1" }] } };
const spec = { selector: { matchLabels: labels }, template };
const DEPLOYMENTS = "/apis/apps/v1/namespaces/speech/deployments";
const failure = (code: number, reason: string) => ({ status: code, json: { kind: "Status", code, reason } });
const namesOf = (json: unknown) =>
  (json as { items: { metadata: { namespace: string; name: string } }[] }).items.map(
    ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
  );

test("what the seed has is there: a Deployment at zero replicas and a CronJob", async () => {
  const deployment = await call("GET", "/apis/apps/v1/namespaces/zenml/deployments/pipeline-runner");
  expect(deployment).toMatchObject({
    status: 200,
    json: { kind: "Deployment", apiVersion: "apps/v1", metadata: { generation: 1 }, spec: { replicas: 0 }, status: {} },
  });
  const cronJobs = await call("GET", "/apis/batch/v1/cronjobs");
  expect(cronJobs).toMatchObject({ status: 200, json: { kind: "CronJobList", apiVersion: "batch/v1" } });
  expect(namesOf(cronJobs.json)).toEqual(["zenml/nightly-pipelines"]);
});

test("discovery names every kind with its parts", async () => {
  const at = async (path: string) => {
    const { json } = await call("GET", path);
    return (json as { resources: { name: string; kind: string; group?: string }[] }).resources;
  };
  const apps = await at("/apis/apps/v1");
  expect(apps.map(({ name }) => name)).toEqual([
    "daemonsets",
    "daemonsets/status",
    "deployments",
    "deployments/scale",
    "deployments/status",
    "replicasets",
    "replicasets/scale",
    "replicasets/status",
    "statefulsets",
    "statefulsets/scale",
    "statefulsets/status",
  ]);
  expect(apps.find(({ name }) => name === "deployments/scale")).toMatchObject({ kind: "Scale", group: "autoscaling" });
  expect((await at("/apis/batch/v1")).map(({ name }) => name)).toEqual([
    "cronjobs",
    "cronjobs/status",
    "jobs",
    "jobs/status",
  ]);
  expect((await at("/api/v1")).map(({ name }) => name)).toContain("replicationcontrollers");
});

test("kubectl's check of files finds what it needs to leave it to the server", async () => {
  const root = await call("GET", "/openapi/v3");
  const { paths } = root.json as { paths: Record<string, { serverRelativeURL: string }> };
  const url = paths["apis/apps/v1"]?.serverRelativeURL ?? "";
  const document = await call("GET", url);
  expect(document).toMatchObject({
    status: 200,
    json: {
      openapi: "3.0.0",
      paths: {
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}": {
          patch: {
            "x-kubernetes-group-version-kind": { group: "apps", version: "v1", kind: "Deployment" },
            parameters: expect.arrayContaining([expect.objectContaining({ name: "fieldValidation", in: "query" })]),
          },
        },
      },
    },
  });
  expect((await call("GET", "/openapi/v3/apis/none/v1")).status).toBe(404);
  expect(await call("GET", "/openapi/v2")).toMatchObject({ status: 200, json: { swagger: "2.0" } });
  const accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
  const binary = await call("GET", "/openapi/v2", { accept });
  expect(binary.headers["content-type"]).toBe("application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
});

test("lists come in pages, of one namespace and of all", async () => {
  for (const name of ["page-c", "page-a", "page-b"]) {
    expect(
      (await call("POST", DEPLOYMENTS, { body: { metadata: { name, labels: { lot: "page" } }, spec } })).status,
    ).toBe(201);
  }
  const list = async (path: string) => {
    const { json } = await call("GET", path);
    return { names: namesOf(json), metadata: (json as { metadata: { continue?: string } }).metadata };
  };
  const first = await list(`${DEPLOYMENTS}?labelSelector=lot%3Dpage&limit=2`);
  expect(first.names).toEqual(["speech/page-a", "speech/page-b"]);
  const rest = await list(`${DEPLOYMENTS}?labelSelector=lot%3Dpage&limit=2&continue=${first.metadata.continue}`);
  expect(rest.names).toEqual(["speech/page-c"]);
  expect(rest.metadata.continue).toBeUndefined();
  expect((await list("/apis/apps/v1/deployments")).names).toEqual([
    "speech/page-a",
    "speech/page-b",
    "speech/page-c",
    "zenml/pipeline-runner",
  ]);
});

describe("a Deployment", () => {
  const path = `${DEPLOYMENTS}/serve`;
  beforeAll(async () => {
    await call("POST", DEPLOYMENTS, { body: { metadata: { name: "serve" }, spec, status: { replicas: 9 } } });
  });

  test("wants one pod where nobody says how many, and its status is not the client's to give", async () => {
    expect(await call("GET", path)).toMatchObject({ json: { spec: { replicas: 1 }, status: {} } });
    expect((await call("GET", path)).json).not.toHaveProperty("status.replicas");
  });

  test("is scaled to zero, and keeps its image", async () => {
    const scaled = await patch(`${path}/scale`, "merge-patch+json", { spec: { replicas: 0 } });
    expect(scaled).toMatchObject({
      status: 200,
      json: {
        kind: "Scale",
        apiVersion: "autoscaling/v1",
        metadata: { name: "serve" },
        status: { selector: "app=serve" },
      },
    });
    expect((scaled.json as { spec: object }).spec).toEqual({});
    expect(await call("GET", path)).toMatchObject({
      json: {
        metadata: { generation: 2 },
        spec: { replicas: 0, template: { spec: { containers: [{ image: "r/serve:1" }] } } },
      },
    });
    const up = { kind: "Scale", apiVersion: "autoscaling/v1", metadata: { name: "serve" }, spec: { replicas: 3 } };
    expect(await call("PUT", `${path}/scale`, { body: up })).toMatchObject({
      status: 200,
      json: { spec: { replicas: 3 } },
    });
    expect(await call("PUT", `${path}/scale`, { body: { ...up, spec: { replicas: -1 } } })).toMatchObject(
      failure(422, "Invalid"),
    );
  });

  test("is patched by the names of its containers", async () => {
    const body = { spec: { template: { spec: { containers: [{ name: "main", image: "r/serve:2" }] } } } };
    expect(await patch(path, "strategic-merge-patch+json", body)).toMatchObject({
      status: 200,
      json: {
        spec: { selector: { matchLabels: labels }, template: { spec: { containers: [{ image: "r/serve:2" }] } } },
      },
    });
    expect(await patch(path, "merge-patch+json", { spec: { template: { spec: { containers: [] } } } })).toMatchObject(
      failure(422, "Invalid"),
    );
    expect((await patch(path, "json-patch+json", [])).status).toBe(501);
  });

  test("is replaced when it is as it was read, else in conflict; what changes nothing is no change", async () => {
    const { json } = await call("GET", path);
    const read = json as { metadata: { resourceVersion: string; uid: string; generation: number } };
    const same = await call("PUT", path, { body: read });
    expect(same.json).toEqual(read);
    const changed = await call("PUT", path, { body: { ...read, spec: { ...spec, replicas: 2 } } });
    expect(changed).toMatchObject({
      status: 200,
      json: { metadata: { uid: read.metadata.uid, generation: read.metadata.generation + 1 }, spec: { replicas: 2 } },
    });
    expect(await call("PUT", path, { body: read })).toMatchObject(failure(409, "Conflict"));
    const other = { ...read, metadata: { name: "another" } };
    expect(await call("PUT", path, { body: other })).toMatchObject(failure(400, "BadRequest"));
    expect(await call("PUT", `${DEPLOYMENTS}/none`, { body: { metadata: {}, spec } })).toMatchObject(
      failure(404, "NotFound"),
    );
  });

  test("keeps a status that is written by its own path, and nothing else there", async () => {
    const body = { metadata: { name: "serve" }, spec: { ...spec, replicas: 7 }, status: { readyReplicas: 2 } };
    expect(await call("PUT", `${path}/status`, { body })).toMatchObject({
      status: 200,
      json: { status: { readyReplicas: 2 } },
    });
    expect((await call("GET", path)).json).not.toHaveProperty("spec.replicas", 7);
    const plain = await patch(path, "merge-patch+json", { status: { readyReplicas: 5 } });
    expect(plain).toMatchObject({ json: { status: { readyReplicas: 2 } } });
  });

  test("is shown as a table", async () => {
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    const { json } = await call("GET", "/apis/apps/v1/namespaces/zenml/deployments", { accept });
    const table = json as { columnDefinitions: { name: string }[]; rows: { cells: unknown[] }[] };
    expect(table.columnDefinitions.map(({ name }) => name)).toEqual([
      "Name",
      "Ready",
      "Up-to-date",
      "Available",
      "Age",
    ]);
    expect(table.rows.map(({ cells }) => cells.slice(0, 4))).toEqual([["pipeline-runner", "0/0", 0, 0]]);
  });

  test("is rehearsed, then deleted", async () => {
    await call("DELETE", `${path}?dryRun=All`);
    await patch(`${path}/scale?dryRun=All`, "merge-patch+json", { spec: { replicas: 99 } });
    expect((await call("GET", path)).json).not.toHaveProperty("spec.replicas", 99);
    expect(await call("DELETE", path)).toMatchObject({ status: 200, json: { kind: "Status", status: "Success" } });
    expect(await call("GET", path)).toMatchObject(failure(404, "NotFound"));
  });
});

test.each<[string, string, object]>([
  ["no selector", "deployments", { template }],
  ["a selector that its template has not", "deployments", { ...spec, selector: { matchLabels: { app: "other" } } }],
  ["no containers", "statefulsets", { ...spec, template: { ...template, spec: { containers: [] } } }],
  [
    "a container without an image",
    "daemonsets",
    { ...spec, template: { ...template, spec: { containers: [{ name: "a" }] } } },
  ],
])("%s is refused of %s", async (_, plural, wrong) => {
  const answer = await call("POST", `/apis/apps/v1/namespaces/speech/${plural}`, {
    body: { metadata: { name: "wrong" }, spec: wrong },
  });
  expect(answer).toMatchObject(failure(422, "Invalid"));
});

test("a CronJob needs a time and a template", async () => {
  const path = "/apis/batch/v1/namespaces/speech/cronjobs";
  const create = (body: object) => call("POST", path, { body: { metadata: { name: "wrong" }, spec: body } });
  expect(await create({ jobTemplate: { spec: { template } } })).toMatchObject(failure(422, "Invalid"));
  expect(await create({ schedule: "* * * * *" })).toMatchObject(failure(422, "Invalid"));
});

describe("who may", () => {
  test("the Azure role RBAC Reader lists workloads in all namespaces, and changes none", async () => {
    const research = await tokenOf(azure, "research-connector", CLUSTER_SCOPE);
    const speech = clusterUrl(azure, "research-speech", "training");
    const as = (method: string, path: string, body?: unknown) =>
      clusterRequest(azure, method, `${speech}${path}`, { token: research, body });
    for (const path of ["/apis/apps/v1/deployments", "/apis/batch/v1/cronjobs", "/api/v1/replicationcontrollers"]) {
      expect((await as("GET", path)).status, path).toBe(200);
    }
    const body = { metadata: { name: "mine" }, spec };
    expect(await as("POST", DEPLOYMENTS, body)).toMatchObject(failure(403, "Forbidden"));
    expect(await as("PUT", `${DEPLOYMENTS}/mine/scale`, { spec: { replicas: 0 } })).toMatchObject(
      failure(403, "Forbidden"),
    );
  });

  test("on a cluster whose own roles decide, a namespace's role shows nothing of all namespaces", async () => {
    const research = await tokenOf(azure, "research-connector", CLUSTER_SCOPE);
    const kube = clusterUrl(azure, "research-vision", "demo-zenml-terraform-cluster");
    for (const path of ["/apis/apps/v1/deployments", "/apis/batch/v1/cronjobs", "/api/v1/pods"]) {
      expect(await clusterRequest(azure, "GET", `${kube}${path}`, { token: research }), path).toMatchObject(
        failure(403, "Forbidden"),
      );
    }
  });
});
