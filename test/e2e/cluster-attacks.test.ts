/** Clusters attacked over HTTP: names with tricks, kubeconfigs from ARM that lead astray, tokens at the wrong API server. */
import { KubeConfig } from "@kubernetes/client-node";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { createApi } from "../support/api.ts";
import { borrowCluster, CLUSTER_ID, lent, RESEARCH_CLUSTER_ID, registerContainers } from "../support/containers.ts";
import { createControl } from "../support/control.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { listIn } from "../support/use-lent.ts";

const system = sharedSystem();
const api = createApi(system);
const control = createControl(system);
let state: StateAccount;
/** As ARM gives them for the cluster. */
let server: string;
let authority: string;

beforeAll(async () => {
  state = openStateAccount(system);
  for (const [name, application] of [
    ["clusters-vision", "zenml-connector"],
    ["clusters-whole", "zenml-connector"],
    ["clusters-attacked", "zenml-connector"],
    ["clusters-research", "research-connector"],
  ] as const) {
    await registerContainers(system, api, name, application);
  }
  const config = new KubeConfig();
  config.loadFromString(lent(await borrowCluster(api, "clusters-whole", { form: "exec" })).credential.kubeconfig);
  server = config.getCurrentCluster()?.server ?? "";
  authority = config.getCurrentCluster()?.caData ?? "";
});
afterEach(async () => {
  await control.clear();
});

describe("a namespace", () => {
  it.each([
    "vision/../speech",
    "../speech",
    "vision%2fpods",
    "Vision",
    "*",
    "",
    "vision\n",
    "visi\u00f6n",
    "-vision",
    "vision-",
    "vision.speech",
    "vision?x=1",
    "v".repeat(64),
    ["vision"],
    { name: "vision" },
    null,
  ])("%j is none", async (namespace) => {
    const before = await state.rows("Leases");
    const { status, body, text } = await borrowCluster(api, "clusters-vision", { scope: { namespace } });
    expect([status, body.code], text).toEqual([400, "INVALID_REQUEST"]);
    expect(await state.rows("Leases")).toEqual(before);
  });

  it.each(["kube-system", "default", "speech", "visio", "vision2"])("%s is not the granted one", async (namespace) => {
    const { status, body } = await borrowCluster(api, "clusters-vision", { scope: { namespace } });
    expect([status, body.code]).toEqual([403, "SCOPE_TOO_WIDE"]);
  });
});

it.each([
  ["a path", "demo-zenml-demos/../research-vision/demo-zenml-terraform-cluster"],
  ["an id that goes on", `${CLUSTER_ID}/agentPools/x`],
  ["an id with a way out", `${CLUSTER_ID}/../training`],
  ["the id of another cluster of the name", RESEARCH_CLUSTER_ID],
  ["another group's", "research-vision/demo-zenml-terraform-cluster"],
  ["an address", "https://demo-zenml-terraform-cluster.hcp.westeurope.azmk8s.io"],
  ["somebody's address", "https://example.com/#demo-zenml-terraform-cluster"],
])("%s never means the granted cluster", async (_what, resourceId) => {
  const { status, body, text } = await borrowCluster(api, "clusters-vision", { resourceId });
  expect([400, 403, 404], text).toContain(status);
  expect(["INVALID_REQUEST", "DENIED", "RESOURCE_NOT_FOUND"]).toContain(body.code);
});

it.each([
  ["a server", { server: "https://example.com" }],
  ["a kubeconfig", { kubeconfig: "apiVersion: v1" }],
  ["a ServiceAccount", { scope: { namespace: "vision", serviceAccount: "zenml-server" } }],
])("%s of the caller's is not taken", async (_what, changes) => {
  const { status, body } = await borrowCluster(api, "clusters-vision", changes);
  expect([status, body.code]).toEqual([400, "INVALID_REQUEST"]);
});

it("a token of one cluster is nothing to another, whichever of the two kubeconfigs names it", async () => {
  const one = lent(await borrowCluster(api, "clusters-vision"));
  const other = lent(await borrowCluster(api, "clusters-research", { resourceId: RESEARCH_CLUSTER_ID }));
  const tokens = [one, other].map(({ credential }) => {
    const config = new KubeConfig();
    config.loadFromString(credential.kubeconfig);
    return config.getCurrentUser()?.token ?? "";
  });
  const [token = "", otherToken = ""] = tokens;
  for (const [kubeconfig, own, foreign] of [
    [one.credential.kubeconfig, token, otherToken],
    [other.credential.kubeconfig, otherToken, token],
  ] as const) {
    expect(await listIn(system, kubeconfig, "vision")).not.toBe(401);
    expect(await listIn(system, kubeconfig.replace(own, foreign), "vision")).toBe(401);
  }
  for (const { leaseId } of [one, other]) await api.call("DELETE", `leases/${leaseId}`);
});

describe("a kubeconfig of ARM's", () => {
  type Parts = { readonly cluster?: object; readonly user?: object; readonly more?: object };
  const kubeconfig = ({ cluster = {}, user = {}, more = {} }: Parts) =>
    stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server, "certificate-authority-data": authority, ...cluster } }],
      users: [{ name: "u", user }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
      ...more,
    });
  const answerWith = (path: string, kubeconfigs: readonly { name: string; text: string }[]) => {
    const items = kubeconfigs.map(({ name, text }) => ({ name, value: Buffer.from(text).toString("base64") }));
    const text = JSON.stringify({ kubeconfigs: items });
    return control.fault({ service: "arm", path, reply: { status: 200, contentType: "application/json", text } });
  };
  const EVIL = "evil-marker";

  it.each<[string, Parts]>([
    ["another server", { cluster: { server: "https://evil-marker.example.com:443" } }],
    ["a server with somebody in it", { cluster: { server: `https://evil-marker@${"example.com"}` } }],
    ["a server without TLS", { cluster: { server: "http://evil-marker" } }],
    ["another cluster's kind of host", { cluster: { server: "https://evil-marker.hcp.westeurope.azmk8s.io:443" } }],
    ["no authority", { cluster: { "certificate-authority-data": undefined } }],
    ["an authority that is none", { cluster: { "certificate-authority-data": Buffer.from(EVIL).toString("base64") } }],
  ])("with %s is not used", async (_what, parts) => {
    await answerWith("listClusterUserCredential", [{ name: "clusterUser", text: kubeconfig(parts) }]);
    const { status, body, text } = await borrowCluster(api, "clusters-attacked", { form: "exec" });
    expect(await control.clear()).toBeGreaterThan(0);
    expect([status, body.code], text).toEqual([502, "UPSTREAM_REFUSED"]);
  });

  it("that comes twice is not used", async () => {
    const twice = [
      { name: "clusterUser", text: kubeconfig({}) },
      { name: "clusterUser", text: kubeconfig({}) },
    ];
    await answerWith("listClusterUserCredential", twice);
    expect((await borrowCluster(api, "clusters-attacked", { form: "exec" })).body.code).toBe("UPSTREAM_REFUSED");
  });

  it("for the administrator without a certificate and its key is not lent", async () => {
    const user = { token: EVIL, exec: { command: EVIL } };
    await answerWith("listClusterAdminCredential", [{ name: "clusterAdmin", text: kubeconfig({ user }) }]);
    const answer = await borrowCluster(api, "clusters-attacked", { form: "admin", access: ["admin"] });
    expect(await control.clear()).toBeGreaterThan(0);
    expect([answer.status, answer.body.code], answer.text).toEqual([502, "UPSTREAM_REFUSED"]);
    expect(answer.text).not.toContain(EVIL);
  });

  // The last: what was found good is remembered.
  it("with programs to run and ways around is lent without any of them", async () => {
    const user = {
      exec: { apiVersion: "client.authentication.k8s.io/v1beta1", command: `/bin/${EVIL}`, args: [EVIL] },
      "auth-provider": { name: EVIL, config: { "cmd-path": EVIL } },
      "act-as": EVIL,
      tokenFile: `/${EVIL}`,
    };
    const cluster = { "proxy-url": `http://${EVIL}`, "tls-server-name": EVIL, "insecure-skip-tls-verify": true };
    await answerWith("listClusterUserCredential", [
      { name: "clusterUser", text: kubeconfig({ user, cluster, more: { preferences: { [EVIL]: true } } }) },
    ]);
    const answer = await borrowCluster(api, "clusters-attacked", { form: "exec" });
    expect(await control.clear()).toBeGreaterThan(0);
    expect(answer.text).not.toContain(EVIL);
    expect([201, 502]).toContain(answer.status);
    if (answer.status === 201) expect(answer.body.credential.kubeconfig).toContain("command: kubelogin");
  });
});
