/** Reading what a cluster has in use, against an API server that answers as it is told: whole, or not at all. */
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createListClusterImages } from "../../../../shared/azure/cluster-workloads.ts";
import type { GivenKubeconfig } from "../../../../shared/azure/given-kubeconfig.ts";
import type { Cluster } from "../../../../shared/connectors/ports.ts";
import { NotNowError, UpstreamError } from "../../../../shared/errors.ts";
import { openedCluster } from "../../../support/fakes-cluster.ts";
import { makePem, type Pem } from "../../../support/pem.ts";

const LISTS: Readonly<Record<string, readonly [kind: string, apiVersion: string]>> = {
  "/apis/batch/v1/cronjobs": ["CronJobList", "batch/v1"],
  "/apis/batch/v1/jobs": ["JobList", "batch/v1"],
  "/apis/apps/v1/deployments": ["DeploymentList", "apps/v1"],
  "/apis/apps/v1/statefulsets": ["StatefulSetList", "apps/v1"],
  "/apis/apps/v1/daemonsets": ["DaemonSetList", "apps/v1"],
  "/apis/apps/v1/replicasets": ["ReplicaSetList", "apps/v1"],
  "/api/v1/replicationcontrollers": ["ReplicationControllerList", "v1"],
  "/api/v1/pods": ["PodList", "v1"],
};
const PODS = "/api/v1/pods";
const CRONJOBS = "/apis/batch/v1/cronjobs";

type Reply = { readonly status: number; readonly body: unknown };
/** Undefined: an empty list, or what the server really has of groups. */
type Answer = (path: string, query: URLSearchParams) => Reply | undefined;

let pem: Pem;
let server: Server;
let url: string;
let asked: string[];
let answer: Answer;

const listOf = (path: string, items: readonly unknown[] = [], next?: string): Reply => {
  const [kind = "", apiVersion = ""] = LISTS[path] ?? [];
  return { status: 200, body: { kind, apiVersion, metadata: { continue: next }, items } };
};
const pod = (image: string, filler = "") => ({ metadata: { filler }, spec: { containers: [{ name: "a", image }] } });
const refusal = (status: number, reason: string): Reply => ({
  status,
  body: { kind: "Status", apiVersion: "v1", status: "Failure", code: status, reason },
});
const plainNotFound: Reply = { status: 404, body: "404 page not found\n" };
const resources = (...names: string[]): Reply => ({
  status: 200,
  body: { kind: "APIResourceList", groupVersion: "x/v1", resources: names.map((name) => ({ name })) },
});
const groups = (...named: { name: string; versions: { version: string }[] }[]): Reply => ({
  status: 200,
  body: { kind: "APIGroupList", apiVersion: "v1", groups: named },
});

beforeAll(async () => {
  pem = await makePem(new Date("2026-01-01"), new Date("2056-01-01"), "ec", "localhost");
  server = createServer({ cert: pem.certificate, key: pem.key }, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "https://localhost");
    asked.push(request.url ?? "");
    const { status, body } = answer(pathname, searchParams) ?? (pathname in LISTS ? listOf(pathname) : plainNotFound);
    const isText = typeof body === "string";
    response.writeHead(status, { "content-type": isText ? "text/plain; charset=utf-8" : "application/json" });
    response.end(isText ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  asked = [];
  answer = () => undefined;
});

const NEVER = Number.MAX_SAFE_INTEGER;
function list(changes: Partial<Cluster> = {}, signal = new AbortController().signal) {
  const listImages = createListClusterImages({
    identities: () => ({ getToken: async () => ({ token: "a-token", expiresOnTimestamp: NEVER }) }),
    readUser: async (): Promise<GivenKubeconfig> => ({
      server: { url, authorityData: Buffer.from(pem.certificate).toString("base64") },
      certificate: null,
      token: "a-token",
    }),
  });
  return listImages(openedCluster(changes), signal);
}
async function all(changes: Partial<Cluster> = {}): Promise<string[]> {
  const images: string[] = [];
  for await (const image of list(changes)) images.push(image);
  return images;
}
const of = (path: string) => asked.filter((one) => one.startsWith(`${path}?`));

describe("pages", () => {
  test("every list of all namespaces is asked for once, makers before what they make", async () => {
    expect(await all()).toEqual([]);
    expect(asked).toEqual(Object.keys(LISTS).map((path) => `${path}?limit=500`));
  });

  test("they are followed to the end, and each is given before the next is asked for", async () => {
    answer = (path, query) =>
      path === PODS
        ? query.get("continue") === "a&b=/?"
          ? listOf(path, [pod("r/two")])
          : listOf(path, [pod("r/one")], "a&b=/?")
        : undefined;
    const images = list()[Symbol.asyncIterator]();
    expect(await images.next()).toEqual({ done: false, value: "r/one" });
    expect(of(PODS)).toHaveLength(1);
    expect(await images.next()).toEqual({ done: false, value: "r/two" });
    expect(await images.next()).toEqual({ done: true, value: undefined });
    expect(of(PODS)).toEqual([`${PODS}?limit=500`, `${PODS}?limit=500&continue=a%26b%3D%2F%3F`]);
  });

  test("one that is too large is asked for in smaller pieces, from where it was", async () => {
    const filler = "x".repeat(1_000_000);
    const pods = Array.from({ length: 25 }, (_, index) => pod(`r/${index}`, filler));
    answer = (path, query) => {
      if (path !== PODS) return undefined;
      const from = Number(query.get("continue") ?? 0);
      const to = from + Number(query.get("limit"));
      return listOf(path, pods.slice(from, to), to < pods.length ? String(to) : undefined);
    };
    expect(await all()).toEqual(pods.map((_, index) => `r/${index}`));
    expect(of(PODS).map((one) => one.slice(PODS.length))).toEqual([
      "?limit=500",
      "?limit=100",
      "?limit=10",
      "?limit=10&continue=10",
      "?limit=10&continue=20",
    ]);
  });

  test("one that is too large however few it has is a failure", async () => {
    answer = (path) => (path === PODS ? listOf(path, [pod("r/one", "x".repeat(17_000_000))]) : undefined);
    await expect(all()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });
});

describe("a list that is too old to go on with", () => {
  test("begins anew", async () => {
    let expired = 1;
    answer = (path, query) => {
      if (path !== PODS) return undefined;
      if (!query.has("continue")) return listOf(path, [pod("r/one")], "next");
      return expired-- > 0 ? refusal(410, "Expired") : listOf(path, [pod("r/two")]);
    };
    expect(await all()).toEqual(["r/one", "r/one", "r/two"]);
  });

  test("is given up when that does not help", async () => {
    answer = (path, query) =>
      path === PODS
        ? query.has("continue")
          ? refusal(410, "Expired")
          : listOf(path, [pod("r/one")], "next")
        : undefined;
    await expect(all()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", failure: { status: 410, code: "Expired" } });
    expect(of(PODS)).toHaveLength(8);
  });

  test("is refused when it had not begun", async () => {
    answer = (path) => (path === PODS ? refusal(410, "Gone") : undefined);
    await expect(all()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(of(PODS)).toHaveLength(1);
  });
});

describe("a kind that the server does not have", () => {
  const core = (path: string) => (path === "/api/v1" ? resources("pods", "namespaces") : undefined);

  test("is read when the server says so of its group, or of every version of it", async () => {
    answer = (path) => {
      if (path === CRONJOBS) return plainNotFound;
      if (path === "/api/v1/replicationcontrollers") return refusal(404, "NotFound");
      if (path === "/apis") return groups({ name: "batch", versions: [{ version: "v1" }, { version: "v1beta1" }] });
      if (path === "/apis/batch/v1") return resources("jobs");
      if (path === "/apis/batch/v1beta1") return resources("others");
      return path === PODS ? listOf(path, [pod("r/one")]) : core(path);
    };
    expect(await all()).toEqual(["r/one"]);
    answer = (path) => (path === "/apis" ? groups() : path.startsWith("/apis/") ? plainNotFound : undefined);
    expect(await all()).toEqual([]);
  });

  test.each<[string, Answer]>([
    [
      "has it in the version that was asked for",
      (path) => (path === "/apis/batch/v1" ? resources("cronjobs") : undefined),
    ],
    [
      "has it in another version",
      (path) =>
        path === "/apis/batch/v1"
          ? resources("jobs")
          : path === "/apis/batch/v1beta1"
            ? resources("cronjobs")
            : undefined,
    ],
    ["does not say", (path) => (path === "/apis" ? plainNotFound : undefined)],
    ["may not be asked", (path) => (path === "/apis" ? refusal(403, "Forbidden") : undefined)],
    ["says what nobody can read", (path) => (path === "/apis" ? { status: 200, body: { kind: "Status" } } : undefined)],
    [
      "names a version that climbs",
      (path) => (path === "/apis" ? groups({ name: "batch", versions: [{ version: "../../api/v1" }] }) : undefined),
    ],
  ])("is a failure when the server %s", async (_, says) => {
    answer = (path, query) => {
      if (path === CRONJOBS) return plainNotFound;
      const said = says(path, query);
      if (said !== undefined) return said;
      return path === "/apis"
        ? groups({ name: "batch", versions: [{ version: "v1" }, { version: "v1beta1" }] })
        : undefined;
    };
    await expect(all()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(of(PODS)).toEqual([]);
  });

  test("is none in the middle of its list", async () => {
    answer = (path, query) => {
      if (path === "/apis") return groups();
      if (path !== CRONJOBS) return undefined;
      return query.has("continue") ? plainNotFound : listOf(path, [], "next");
    };
    await expect(all()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });
});

describe("what cannot be read whole", () => {
  test.each(Object.keys(LISTS))("a refusal of %s is a failure, whatever else was read", async (refused) => {
    answer = (path) => (path === refused ? refusal(403, "Forbidden") : undefined);
    await expect(all()).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: false,
      failure: { status: 403, code: "Forbidden" },
    });
  });

  test.each<[string, Reply, boolean]>([
    ["an item without a spec", listOf(PODS, [pod("r/one"), { metadata: {} }]), true],
    ["another list", listOf(CRONJOBS), true],
    ["a page of something in between", { status: 200, body: "<html>" }, true],
    ["a sign-in that is not taken", refusal(401, "Unauthorized"), false],
    ["a redirect", { status: 302, body: "" }, true],
  ])("%s", async (_, reply, retryable) => {
    answer = (path) => (path === PODS ? reply : undefined);
    await expect(all()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", retryable });
  });

  test("a list that leads back to itself", async () => {
    answer = (path) => (path === PODS ? listOf(path, [pod("r/one")], "again") : undefined);
    await expect(all()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(of(PODS)).toHaveLength(2);
  });

  test("a page after the first", async () => {
    answer = (path, query) =>
      path === PODS ? (query.has("continue") ? refusal(403, "Forbidden") : listOf(path, [], "next")) : undefined;
    await expect(all()).rejects.toBeInstanceOf(UpstreamError);
  });

  test("a stopped cluster is not asked, and may be later", async () => {
    await expect(all({ isRunning: false })).rejects.toBeInstanceOf(NotNowError);
    expect(asked).toEqual([]);
  });
});

test.each([
  [{ hasEntra: true, hasAzureRbac: true }, /Azure Kubernetes Service RBAC Reader/],
  [{ hasEntra: true, hasAzureRbac: false }, /ClusterRole view/],
  [{ hasEntra: false, hasAzureRbac: false }, /ClusterRole view/],
])("a refusal names the role that is missing: %j", async (changes, role) => {
  answer = () => refusal(403, "Forbidden");
  await expect(all(changes)).rejects.toThrow(role);
});

test("whoever gives up is told his own reason, before the first list and between two pages", async () => {
  const reason = new Error("cancelled");
  await expect(list({}, AbortSignal.abort(reason))[Symbol.asyncIterator]().next()).rejects.toBe(reason);
  expect(asked).toEqual([]);
  const giveUp = new AbortController();
  answer = (path) => (path === PODS ? listOf(path, [pod("r/one")], "next") : undefined);
  const images = list({}, giveUp.signal)[Symbol.asyncIterator]();
  await images.next();
  giveUp.abort(reason);
  await expect(images.next()).rejects.toBe(reason);
});
