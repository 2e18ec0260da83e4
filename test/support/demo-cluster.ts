/** Workloads made in the demo cluster while a test runs, as its people make them with kubectl. For e2e tests of the purge. */
import { expect } from "vitest";
import { clusterHost } from "../../infra/local/azure/kubernetes/cluster-identity.ts";
import { placed } from "../../infra/local/placed-resources.ts";
import type { Api } from "./api.ts";
import { rawRequest } from "./raw-request.ts";
import type { System } from "./system.ts";

const SCOPE = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";
const LABELS = { app: "purge-test" };
const PATHS = {
  Pod: "/api/v1/namespaces/vision/pods",
  CronJob: "/apis/batch/v1/namespaces/vision/cronjobs",
  StatefulSet: "/apis/apps/v1/namespaces/vision/statefulsets",
  Deployment: "/apis/apps/v1/namespaces/vision/deployments",
} as const;
type Kind = keyof typeof PATHS;

/** The host of its API server. */
export function demoClusterHost(system: System): string {
  const all = placed(system.seed, "Microsoft.ContainerService/managedClusters", (one) => one.clusters);
  const found = all.find(
    ({ group, name }) => group.name === "demo-zenml-demos" && name === "demo-zenml-terraform-cluster",
  );
  if (found === undefined) throw new Error("the seed has no demo cluster");
  return clusterHost(found.id, found.resource, found.location).server;
}

/** Signs in as one who may write in the namespace vision. */
export async function openDemoCluster(system: System, api: Api) {
  const token = await api.tokenOf("zenml-connector", SCOPE);
  const send = (method: string, path: string, body?: object) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(text)),
    };
    return rawRequest(system, { method, url: `https://${demoClusterHost(system)}${path}`, headers, body: text });
  };
  return {
    /** One that nothing runs. @returns what deletes it */
    async create(kind: Kind, name: string, image: string): Promise<() => Promise<void>> {
      const path = PATHS[kind];
      const answer = await send("POST", path, objectOf(kind, name, image));
      expect(answer.status, answer.body).toBe(201);
      return async () => expect((await send("DELETE", `${path}/${name}`)).status).toBe(200);
    },
  };
}

function objectOf(kind: Kind, name: string, image: string): object {
  const pod = { containers: [{ name: "main", image }] };
  const template = { metadata: { labels: LABELS }, spec: pod };
  const workload = { replicas: 0, selector: { matchLabels: LABELS }, template };
  switch (kind) {
    case "Pod":
      return { apiVersion: "v1", kind, metadata: { name }, spec: pod };
    case "CronJob": {
      const job = { spec: { template: { ...template, spec: { ...pod, restartPolicy: "Never" } } } };
      return { apiVersion: "batch/v1", kind, metadata: { name }, spec: { schedule: "0 3 * * *", jobTemplate: job } };
    }
    case "StatefulSet":
      return { apiVersion: "apps/v1", kind, metadata: { name }, spec: { ...workload, serviceName: name } };
    case "Deployment":
      return { apiVersion: "apps/v1", kind, metadata: { name }, spec: workload };
  }
}
