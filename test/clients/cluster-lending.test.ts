/** kubectl in two versions and Kubernetes' own JavaScript client with lent tokens of a ServiceAccount: one namespace, until given back. */
import { setTimeout as wait } from "node:timers/promises";
import { ApiException, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { type ClientSystem, startClientSystem } from "./client-system.ts";
import { armId, CLUSTER, type Lender, openContainerLending } from "./container-lending.ts";
import { KUBECTLS } from "./container-tools.ts";
import { type ClusterClients, clusterClients, type LentKubeconfig } from "./kubectl.ts";
import { textAt } from "./lending.ts";

const VISION = { access: ["use"], scope: { namespace: "vision" }, ttlSeconds: 900 };
const PODS = "/api/v1/namespaces/vision/pods";
/** API servers go by a token that they know for 10 seconds; twice that is enough on a busy machine too. */
const DEAD_WITHIN_MS = 20_000;
const TRY_EVERY_MS = 1_000;

let system: ClientSystem;
let clients: ClusterClients;
let lender: Lender;
let lent: LentKubeconfig;

beforeAll(async () => {
  system = await startClientSystem();
  clients = clusterClients(system);
  const resourceId = armId(system, "ContainerService/managedClusters", [
    "demo-zenml-demos",
    "demo-zenml-terraform-cluster",
  ]);
  lender = await openContainerLending(system, {
    connector: "clusters",
    application: "zenml-connector",
    resourceType: "kubernetes-cluster",
    grants: {
      vision: { resourceId, access: ["use"], scope: { namespace: "vision" } },
      zenml: { resourceId, access: ["use"], scope: { namespace: "zenml" } },
      speech: { resourceId, access: ["use"], scope: { namespace: "speech" } },
    },
  });
  lent = await clients.lend(lender, VISION);
});
afterAll(() => system?.stop());

describe("a token for one namespace", () => {
  test("is told with its namespace and an end, and comes without certificate or key", () => {
    expect(lent.answer.json).toMatchObject({
      form: "service-account",
      revocation: "immediate",
      scope: { namespace: "vision" },
      credential: { kind: "kubeconfig", namespace: "vision" },
    });
    const [{ user }] = parse(lent.text).users;
    expect(Object.keys(user)).toEqual(["token"]);
  });

  test.each(KUBECTLS)("%s lists pods where the kubeconfig begins, and may do nothing elsewhere", async (version) => {
    const kubectl = (...args: readonly string[]) => clients.kubectl(version, lent.file, args);
    const pods = await kubectl("get", "pods");
    expect(pods).toMatchObject({ code: 0, stdout: expect.stringContaining("vision-train-7j4wq") });
    expect(pods.statusesAt(PODS)).toEqual([200]);
    const wider = [
      [["get", "secrets"], "/api/v1/namespaces/vision/secrets"],
      [["get", "pods", "--namespace", "speech"], "/api/v1/namespaces/speech/pods"],
      [["get", "pods", "--namespace", "zenml"], "/api/v1/namespaces/zenml/pods"],
      [["get", "secrets", "--namespace", "speech"], "/api/v1/namespaces/speech/secrets"],
      [["get", "pods", "--all-namespaces"], "/api/v1/pods"],
      [["get", "nodes"], "/api/v1/nodes"],
      [["delete", "pod", "vision-serve-0"], `${PODS}/vision-serve-0`],
      [["create", "serviceaccount", "mine"], "/api/v1/namespaces/vision/serviceaccounts"],
      // What runs pods could take any token or Secret of the namespace along.
      [["create", "job", "mine", "--image", "demo/train"], "/apis/batch/v1/namespaces/vision/jobs"],
      // Refused before it asks for pods.
      [["get", "pods", "--as", "system:admin", "--as-group", "system:masters"], "/api"],
    ] as const;
    for (const [args, path] of wider) {
      const refused = await kubectl(...args);
      expect(refused.code, args.join(" ")).toBe(1);
      expect(refused.statusesAt(path), `${args.join(" ")}: ${refused.stderr}`).toEqual([403]);
    }
  });

  test.each(KUBECTLS)("%s says what it may do: pods and jobs, and no Secrets", async (version) => {
    const kubectl = (...args: readonly string[]) => clients.kubectl(version, lent.file, ["auth", "can-i", ...args]);
    const list = await kubectl("--list", "--no-headers");
    expect(list).toMatchObject({ code: 0 });
    const resources = list.stdout.split("\n").map((line) => line.split(/\s+/)[0]);
    expect(resources).toEqual(expect.arrayContaining(["pods", "jobs.batch"]));
    expect(resources).not.toContain("secrets");
    expect(await kubectl("list", "pods")).toMatchObject({ code: 0, stdout: "yes\n" });
    expect((await kubectl("list", "pods", "--namespace", "speech")).code).toBe(1);
  });

  test("the JavaScript client lists pods, and is refused Secrets and another namespace", async () => {
    const api = javaScriptClient(lent.text);
    const { items } = await api.listNamespacedPod({ namespace: "vision" });
    expect(items.map(({ metadata }) => metadata?.name)).toContain("vision-serve-0");
    await expect(api.listNamespacedSecret({ namespace: "vision" })).rejects.toMatchObject({ code: 403 });
    await expect(api.listNamespacedPod({ namespace: "speech" })).rejects.toMatchObject({ code: 403 });
  });
});

describe("a kubeconfig beside others", () => {
  /** What somebody had before, of a cluster that is not there. */
  const OWN = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "own",
    clusters: [{ name: "own", cluster: { server: "https://127.0.0.1:9" } }],
    users: [{ name: "own", user: { token: "own" } }],
    contexts: [{ name: "own", context: { cluster: "own", user: "own", namespace: "own" } }],
  };

  test.each(KUBECTLS)(
    "%s reads it from a list of files, and from one file into which it was written",
    async (version) => {
      const other = await clients.lend(lender, { ...VISION, scope: { namespace: "zenml" } });
      const own = clients.write(stringify(OWN));
      const parts = [OWN, parse(lent.text), parse(other.text)];
      const lists = ["clusters", "users", "contexts"].map((list) => [list, parts.flatMap((part) => part[list])]);
      const merged = clients.write(stringify({ ...OWN, ...Object.fromEntries(lists) }));
      for (const config of [`${own}:${lent.file}:${other.file}`, merged]) {
        const kubectl = (...args: readonly string[]) => clients.kubectl(version, config, args);
        expect(await kubectl("config", "current-context")).toMatchObject({ code: 0, stdout: "own\n" });
        const vision = await kubectl("get", "pods", "--context", lent.context);
        expect(vision).toMatchObject({ code: 0, stdout: expect.stringContaining("vision-serve-0") });
        const zenml = await kubectl("get", "pods", "--context", other.context);
        expect(zenml).toMatchObject({ code: 0, stdout: expect.stringContaining("zenml-server-") });
      }
      // As it is, its own context is the current one.
      expect(await clients.kubectl(version, lent.file, ["config", "current-context"])).toMatchObject({
        stdout: `${lent.context}\n`,
      });
    },
  );
});

test("what the grant does not name, or the namespace is not prepared for, is not lent", async () => {
  const ask = (wanted: object) => lender.ask({ resourceId: CLUSTER, access: ["use"], ...wanted });
  const tooWide = { status: 403, json: { code: "SCOPE_TOO_WIDE" } };
  expect(await ask({ scope: { namespace: "kube-system" } })).toMatchObject(tooWide);
  expect(await ask({ form: "entra-token" })).toMatchObject(tooWide);
  expect(await ask({ form: "admin", access: ["admin"] })).toMatchObject(tooWide);
  expect(await ask({ scope: { namespace: "vision/../speech" } })).toMatchObject({ status: 400 });
  expect((await ask({ scope: { namespace: "speech" } })).json).toMatchObject({ code: "MODE_UNSUPPORTED" });
});

test("a kubeconfig that was given back is dead for every client, and another one is not", async () => {
  const [first, second] = [await clients.lend(lender, VISION), await clients.lend(lender, VISION)];
  expect(first.context).toBe(second.context);
  const api = javaScriptClient(first.text);
  const dead = async () => (await clients.kubectl("kubectl-1.35", first.file, ["get", "pods"])).statusesAt(PODS);
  expect(await dead()).toEqual([200]);
  const ended = await lender.end(first.answer);
  expect(ended.json).toMatchObject({ state: "revoked", notDone: [expect.any(String)] });
  const until = Date.now() + DEAD_WITHIN_MS;
  while ((await dead())[0] === 200 && Date.now() < until) await wait(TRY_EVERY_MS);
  expect(Date.parse(textAt(ended, "exposedUntil"))).toBeGreaterThan(Date.parse(textAt(ended, "endedAt")));

  for (const version of KUBECTLS) {
    const refused = await clients.kubectl(version, first.file, ["get", "pods"]);
    expect(refused.code, version).toBe(1);
    expect(refused.statusesAt("/api"), version).toEqual([401]);
    expect(await clients.kubectl(version, second.file, ["get", "pods"]), version).toMatchObject({ code: 0 });
  }
  const refused = await api.listNamespacedPod({ namespace: "vision" }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ApiException);
  expect(refused).toMatchObject({ code: 401 });
});

/** The client knows no proxy but that of the kubeconfig. */
function javaScriptClient(kubeconfig: string): CoreV1Api {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const { proxyUrl } = system;
  config.clusters = config.clusters.map((cluster) => ({ ...cluster, proxyUrl }));
  return config.makeApiClient(CoreV1Api);
}
