/** Kubeconfigs over HTTP, each form: what is answered, what the cluster does with it, whose it is, and what is left of it. */
import { X509Certificate } from "node:crypto";
import { KubeConfig } from "@kubernetes/client-node";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createApi, type Plan } from "../support/api.ts";
import {
  borrowCluster,
  CLUSTER_ID,
  type LentBody,
  lent,
  NO_ENTRA_ID,
  NO_LOCAL_ID,
  PRIVATE_ID,
  RESEARCH_CLUSTER_ID,
  registerContainers,
  STOPPED_ID,
} from "../support/containers.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";
import { makeDue, sweepNow } from "../support/sweep-now.ts";
import { leftInCluster, listIn, serverOf } from "../support/use-lent.ts";

const WHOLE_SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
/** An API server goes by a token that it knows for 10 seconds; the rest is for a busy machine. */
const UNTIL_DEAD = { timeout: 40_000, interval: 500 };

const system = sharedSystem();
const api = createApi(system);
let state: StateAccount;
const ids: Record<string, string> = {};
/** Of CLUSTER_ID. */
let server: string;

beforeAll(async () => {
  state = openStateAccount(system);
  for (const name of ["vision", "bare", "whole"]) ids[name] = await registerContainers(system, api, `clusters-${name}`);
  for (const name of ["both", "research", "denied"]) {
    ids[name] = await registerContainers(system, api, `clusters-${name}`, "research-connector");
  }
  server = serverOf(lent(await borrow("whole", { form: "exec" })).credential.kubeconfig);
});
afterAll(async () => {
  for (const row of await state.rows("LeaseDue")) await api.call("DELETE", `leases/${row.rowKey}`);
  expect(await leftInCluster(system, api, server, "vision")).toEqual([]);
});

const borrow = (connector: string, changes: object = {}) => borrowCluster(api, `clusters-${connector}`, changes);
const revoke = (leaseId: string) => api.call<Revoked>("DELETE", `leases/${leaseId}`);
type Revoked = LentBody & { readonly state: string; readonly done: string[]; readonly notDone: string[] };

function userIn(kubeconfig: string) {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  expect([config.clusters.length, config.users.length, config.contexts.length]).toEqual([1, 1, 1]);
  return { user: config.getCurrentUser(), cluster: config.getCurrentCluster(), config };
}

describe("service-account", () => {
  it("is answered with every member of the contract, and a token bound to a Secret of the lease", async () => {
    const { status, body, text } = await borrow("vision", { ttlSeconds: 900 });
    expect(status, text).toBe(201);
    expect(body).toEqual({
      leaseId: expect.any(String),
      connector: { id: ids.vision, name: "clusters-vision" },
      resourceType: "kubernetes-cluster",
      resourceId: CLUSTER_ID,
      displayName: "demo-zenml-demos/demo-zenml-terraform-cluster",
      access: ["use"],
      scope: { namespace: "vision" },
      form: "service-account",
      issuedAt: expect.stringMatching(WHOLE_SECONDS),
      expiresAt: expect.stringMatching(WHOLE_SECONDS),
      refreshAfter: expect.stringMatching(WHOLE_SECONDS),
      revocation: "immediate",
      exposedUntil: body.expiresAt,
      rule: "grant:clusters-vision-0",
      warnings: [],
      credential: {
        kind: "kubeconfig",
        kubeconfig: expect.any(String),
        context: expect.stringMatching(/^latchkey-demo-zenml-terraform-cluster-vision-[0-9a-f]+$/),
        namespace: "vision",
      },
      env: {},
    });
    const { user, cluster, config } = userIn(body.credential.kubeconfig);
    expect(config.getCurrentContext()).toBe(body.credential.context);
    expect(Object.keys(user ?? {}).filter((key) => Reflect.get(user ?? {}, key) !== undefined)).toEqual([
      "name",
      "token",
    ]);
    expect(cluster?.server).toMatch(/^https:\/\/[a-z0-9-]+\.hcp\.westeurope\.azmk8s\.io:443$/);
    const claims = decodeJwt<{ "kubernetes.io": { secret: { name: string } } }>(user?.token ?? "");
    expect(claims.sub).toBe("system:serviceaccount:vision:latchkey");
    expect(await leftInCluster(system, api, server, "vision")).toContain(claims["kubernetes.io"].secret.name);
    expect(claims["kubernetes.io"].secret.name).toBe(`latchkey-${body.leaseId.split("-")[1]}`);
  });

  it("does what its RoleBindings allow in its namespace, and nothing in another", async () => {
    const { kubeconfig } = lent(await borrow("vision")).credential;
    expect(await listIn(system, kubeconfig, "vision")).toContain("vision-train-7j4wq");
    expect(await listIn(system, kubeconfig, "vision", "jobs")).toEqual([]);
    expect(await listIn(system, kubeconfig, "vision", "secrets")).toBe(403);
    for (const namespace of ["speech", "zenml", "kube-system", "default"]) {
      expect(await listIn(system, kubeconfig, namespace)).toBe(403);
    }
  });

  it("is dead after revoke, and its Secret is gone; another lease's token lives on", async () => {
    const [one, other] = [lent(await borrow("vision")), lent(await borrow("vision"))];
    expect(await listIn(system, one.credential.kubeconfig, "vision")).not.toBe(401);
    const before = Date.now();
    const { status, body } = await revoke(one.leaseId);
    expect([status, body.state, body.done.length > 0]).toEqual([200, "revoked", true]);
    expect(Date.parse(body.exposedUntil) - before).toBeLessThan(90_000);
    const secrets = await leftInCluster(system, api, server, "vision");
    expect(secrets).not.toContain(`latchkey-${one.leaseId.split("-")[1]}`);
    await expect.poll(() => listIn(system, one.credential.kubeconfig, "vision"), UNTIL_DEAD).toBe(401);
    expect(await listIn(system, other.credential.kubeconfig, "vision")).toContain("vision-train-7j4wq");
    const renewed = await api.call("POST", `leases/${one.leaseId}/renew`, { body: {} });
    expect([renewed.status, renewed.body.code]).toEqual([409, "LEASE_CLOSED"]);
  });

  it("is another token after a renewal, under the same lease and Secret; revoking ends both", async () => {
    const first = lent(await borrow("vision"));
    const secrets = await leftInCluster(system, api, server, "vision");
    const renewed = lent(await api.call<LentBody>("POST", `leases/${first.leaseId}/renew`, { body: {} }));
    expect(renewed.credential.context).toBe(first.credential.context);
    expect(userIn(renewed.credential.kubeconfig).user?.token === userIn(first.credential.kubeconfig).user?.token).toBe(
      false,
    );
    expect(await leftInCluster(system, api, server, "vision")).toEqual(secrets);
    expect((await revoke(first.leaseId)).status).toBe(200);
    for (const { credential } of [first, renewed]) {
      await expect.poll(() => listIn(system, credential.kubeconfig, "vision"), UNTIL_DEAD).toBe(401);
    }
  });

  it("whose time is up is removed by the sweep, and its lease is expired", async () => {
    const { leaseId } = lent(await borrow("vision"));
    await makeDue(system, leaseId);
    await sweepNow(system);
    expect(await leftInCluster(system, api, server, "vision")).not.toContain(`latchkey-${leaseId.split("-")[1]}`);
    expect((await api.call<Revoked>("GET", `leases/${leaseId}`)).body.state).toBe("expired");
    expect((await state.rows("LeaseDue")).filter(({ rowKey }) => rowKey === leaseId)).toEqual([]);
  });

  it("works on a cluster with roles inside it, and on one without Entra", async () => {
    for (const resourceId of [RESEARCH_CLUSTER_ID, NO_ENTRA_ID]) {
      const { leaseId, credential } = lent(await borrow("research", { resourceId }));
      expect(await listIn(system, credential.kubeconfig, "vision")).toHaveLength(1);
      expect(await listIn(system, credential.kubeconfig, "speech", "secrets")).toBe(403);
      expect((await revoke(leaseId)).body.state).toBe("revoked");
    }
  });

  it("is on record with namespace, form and Secret, and without its token; no list shows it", async () => {
    const { leaseId, credential } = lent(await borrow("vision", { reason: "train 42" }));
    const audit = (await state.rows("Audit")).find((row) => row.leaseId === leaseId);
    expect(JSON.parse(String(audit?.detailJson))).toMatchObject({
      ...{ form: "service-account", namespace: "vision", reason: "train 42", secretUid: expect.any(String) },
    });
    const token = userIn(credential.kubeconfig).user?.token ?? "none";
    const said = await Promise.all(["leases?limit=500", `leases/${leaseId}`].map((path) => api.call("GET", path)));
    expect([JSON.stringify((await state.read()).tables), ...said.map(({ text }) => text)].join()).not.toContain(token);
  });
});

describe("forms for a whole cluster, each by its own grant", () => {
  it("exec holds no secret, names kubelogin, and leaves a lease that is over", async () => {
    const body = lent(await borrow("whole", { form: "exec", scope: { namespace: "vision" } }));
    expect(body).toMatchObject({ expiresAt: null, refreshAfter: null, revocation: "expiry-only" });
    expect([body.exposedUntil, body.warnings.length]).toEqual([body.issuedAt, 1]);
    const { user } = userIn(body.credential.kubeconfig);
    expect(user?.exec).toMatchObject({ command: "kubelogin", args: expect.arrayContaining(["get-token", "azurecli"]) });
    expect(body.credential.kubeconfig).not.toMatch(/token:|client-key|password|eyJ/);
  });

  it("entra-token is the connector's own, and says so", async () => {
    const body = lent(await borrow("whole", { form: "entra-token" }));
    expect(body).toMatchObject({ scope: {}, revocation: "expiry-only", exposedUntil: body.expiresAt });
    expect(body.warnings).not.toEqual([]);
    for (const namespace of ["vision", "speech"]) {
      expect(await listIn(system, body.credential.kubeconfig, namespace)).toHaveLength(namespace === "vision" ? 2 : 1);
    }
  });

  it("admin is the administrator's certificate, without the token beside it", async () => {
    const body = lent(await borrow("whole", { form: "admin", access: ["admin"] }));
    expect(body).toMatchObject({ expiresAt: null, exposedUntil: null, revocation: "expiry-only" });
    expect(body.warnings).toHaveLength(1);
    const { user } = userIn(body.credential.kubeconfig);
    expect([user?.token, user?.certData === undefined]).toEqual([undefined, false]);
    const certificate = new X509Certificate(Buffer.from(user?.certData ?? "", "base64"));
    expect(certificate.subject).toContain("system:masters");
    expect(await listIn(system, body.credential.kubeconfig, "speech", "secrets")).toContain("speech-api");
  });

  it.each<[string, object]>([
    ["exec", { form: "exec" }],
    ["entra-token", { form: "entra-token", scope: {} }],
    ["admin", { form: "admin", access: ["admin"], scope: {} }],
  ])("%s is not given by a grant of the default form", async (_form, changes) => {
    const { status, body, text } = await borrow("vision", changes);
    expect([status, body.code], text).toEqual([403, "SCOPE_TOO_WIDE"]);
  });

  it.each<[string, object, string]>([
    ["a namespace for entra-token", { form: "entra-token", scope: { namespace: "vision" } }, "/scope/namespace"],
    ["a namespace for admin", { form: "admin", access: ["admin"], scope: { namespace: "vision" } }, "/scope/namespace"],
    ["the right admin for another form", { form: "exec", access: ["admin"] }, "/access"],
    ["another right for admin", { form: "admin", access: ["use"] }, "/access"],
    ["a life for exec", { form: "exec", ttlSeconds: 900 }, "/ttlSeconds"],
  ])("%s is refused", async (_what, changes, path) => {
    const { status, body, text } = await borrow("whole", changes);
    expect([status, body.code, body.problems?.[0]?.path], text).toEqual([400, "INVALID_REQUEST", path]);
  });

  it("a deny on another cluster that the token would reach refuses entra-token, and not service-account", async () => {
    const { status, body } = await borrow("denied", { form: "entra-token" });
    expect([status, body.code]).toEqual([403, "DENIED"]);
    const plan = await api.call<Plan>("POST", "access/explain", {
      body: {
        ...{ connector: "clusters-denied", resourceType: "kubernetes-cluster", resourceId: CLUSTER_ID },
        ...{ access: ["use"], form: "service-account" },
      },
    });
    expect(plan.body.checks.find(({ id }) => id === "deny")?.ok ?? true).toBe(true);
  });
});

describe("a plan says what issuing would", () => {
  it.each<[string, string, object, number, string]>([
    ["a stopped cluster", "research", { resourceId: STOPPED_ID }, 422, "MODE_UNSUPPORTED"],
    ["one without Entra", "research", { resourceId: NO_ENTRA_ID, form: "exec" }, 422, "MODE_UNSUPPORTED"],
    [
      "one without local accounts",
      "research",
      { resourceId: NO_LOCAL_ID, form: "admin", access: ["admin"] },
      422,
      "MODE_UNSUPPORTED",
    ],
    ["a name of two", "both", { resourceId: "demo-zenml-terraform-cluster" }, 409, "AMBIGUOUS_RESOURCE"],
    ["a cluster of no grant", "vision", { resourceId: PRIVATE_ID }, 403, "DENIED"],
    ["another namespace", "vision", { scope: { namespace: "speech" } }, 403, "SCOPE_TOO_WIDE"],
    ["a longer life", "vision", { ttlSeconds: 3601 }, 403, "SCOPE_TOO_WIDE"],
  ])("for %s", async (_what, connector, changes, status, code) => {
    const refused = await borrow(connector, changes);
    expect([refused.status, refused.body.code], refused.text).toEqual([status, code]);
    const answer = await borrowCluster(api, `clusters-${connector}`, changes, "?plan=true");
    expect([answer.status, JSON.parse(answer.text).allowed], answer.text).toEqual([200, false]);
    if (status === 422) expect(answer.text).toContain(code);
  });
});
