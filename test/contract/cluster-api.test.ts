/** The API servers of clusters, reached with a connector's sign-in: who signs in where, whom it trusts, how refusals are told. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import { createOpenClusterApi } from "../../shared/azure/cluster-api.ts";
import {
  createReadCluster,
  createReadClusterAdmin,
  createReadClusterServer,
  createReadClusterUser,
  type ReadClusterUser,
} from "../../shared/azure/cluster-credentials.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import type { Cluster } from "../../shared/connectors/ports.ts";
import { type Control, createControl } from "../support/control.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { clusterRequest } from "../support/local-clusters.ts";
import { makePem } from "../support/pem.ts";
import { HANG_MS, signInOf } from "../support/product-parts.ts";

const DEMO = { as: "zenml-connector", group: "demo-zenml-demos", name: "demo-zenml-terraform-cluster" };
const RESEARCH = { as: "research-connector", group: "research-vision", name: "demo-zenml-terraform-cluster" };
const TRAINING = { as: "research-connector", group: "research-vision", name: "training" };
const READ_ONLY = { as: "research-connector", group: "research-speech", name: "training" };
type Place = typeof DEMO;
const FROM = new Date("2026-01-01");
const TO = new Date("2056-01-01");

let azure: LocalAzure;
let control: Control;
const identities = createConnectorIdentities();
const readUser = createReadClusterUser(identities);
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ tokenCacheSeconds: 0 });
  await fetch(`${azure.controlUrl}/kubernetes`, { method: "PATCH", headers, body });
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

async function opened({ as, group, name }: Place, changes: Partial<Cluster> = {}) {
  const signIn = signInOf(azure, as);
  const view = createOpenAzure(identities)(signIn);
  for (const { subscriptionId } of await view.subscriptions()) {
    const clusters = await view.clusters(subscriptionId, group);
    const cluster = clusters.find((one) => one.cluster === name);
    if (cluster !== undefined) return { signIn, cluster: { ...cluster, ...changes } };
  }
  throw new Error(`no cluster ${group}/${name}`);
}
const openApi = async (place: Place, read: ReadClusterUser = readUser) =>
  createOpenClusterApi({ identities, readUser: read })(await opened(place));
let made = 0;
const newSecret = () => ({ namespace: "vision", name: `latchkey-test-${++made}`, leaseId: `lease-${made}` });
const account = { namespace: "vision", name: "latchkey" };
const refused = (code: string, changes: object = {}) => expect.objectContaining({ code, ...changes });

describe("what ARM gives", () => {
  test("the server of each cluster is one of its own names", async () => {
    for (const place of [DEMO, RESEARCH, TRAINING]) {
      const { signIn, cluster } = await opened(place);
      const server = await createReadClusterServer(readUser)({ signIn, cluster });
      expect(server.url).toBe(`https://${cluster.fqdn}:443`);
    }
  });

  test("a kubeconfig for another host is not used", async () => {
    const { signIn, cluster } = await opened(DEMO, { fqdn: "other-dns-1.hcp.westeurope.azmk8s.io" });
    await expect(readUser({ signIn, cluster })).rejects.toEqual(refused("UPSTREAM_REFUSED", { retryable: false }));
  });

  test("the administrator's certificate with its end, where there are local accounts and the role", async () => {
    const readAdmin = createReadClusterAdmin(identities);
    const { user, endsAt } = await readAdmin(await opened(DEMO));
    expect(Buffer.from(user.certificateData, "base64").toString()).toContain("BEGIN CERTIFICATE");
    expect(endsAt.getTime()).toBeGreaterThan(Date.now());
    await expect(readAdmin(await opened(TRAINING))).rejects.toEqual(refused("UPSTREAM_REFUSED"));
  });

  test("a cluster that is no more is none; one that cannot be read is a failure", async () => {
    const read = createReadCluster(identities);
    const { signIn, cluster } = await opened(DEMO);
    expect(await read({ signIn, cluster })).toEqual(cluster);
    expect(await read({ signIn, cluster: { ...cluster, cluster: "gone" } })).toBeNull();
    await control.fault({ service: "arm", status: 503 });
    await expect(read({ signIn, cluster })).rejects.toEqual(refused("UPSTREAM_REFUSED", { retryable: true }));
    await control.clear();
    // What hides a whole subscription would have every lease in it taken for removed.
    for (const code of ["SubscriptionNotFound", "InvalidAuthenticationTokenTenant", "NotFound"]) {
      const text = JSON.stringify({ error: { code, message: "not seen" } });
      await control.fault({ service: "arm", reply: { status: 404, text, contentType: "application/json" } });
      await expect(read({ signIn, cluster }), code).rejects.toEqual(refused("UPSTREAM_REFUSED"));
      await control.clear();
    }
  });

  const answerOf = (kubeconfigs: readonly { name: string; value: string }[]) => ({
    service: "arm",
    path: "/listCluster(User|Admin)Credential",
    reply: { status: 200, text: JSON.stringify({ kubeconfigs }), contentType: "application/json" },
  });
  async function given(place: Place, user: object) {
    const { signIn, cluster } = await opened(place);
    const { url, authorityData } = await createReadClusterServer(readUser)({ signIn, cluster });
    const config = {
      clusters: [{ name: "c", cluster: { server: url, "certificate-authority-data": authorityData } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      users: [{ name: "u", user }],
    };
    return Buffer.from(JSON.stringify(config)).toString("base64");
  }

  test("of two kubeconfigs of one name none is taken, and one of another name is passed over", async () => {
    const value = await given(TRAINING, { token: "static" });
    const place = await opened(TRAINING);
    await control.fault(
      answerOf([
        { name: "clusterMonitoringUser", value },
        { name: "clusterUser", value },
      ]),
    );
    expect(await readUser(place)).toMatchObject({ token: "static" });
    await control.clear();
    await control.fault(
      answerOf([
        { name: "clusterUser", value },
        { name: "clusterUser", value },
      ]),
    );
    await expect(readUser(place)).rejects.toEqual(refused("UPSTREAM_REFUSED", { retryable: false }));
  });

  test("an administrator's certificate is lent with its own key alone", async () => {
    const [one, other] = [await makePem(FROM, TO), await makePem(FROM, TO)];
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const readAdmin = createReadClusterAdmin(identities);
    for (const [key, isTaken] of [
      [one.key, true],
      [other.key, false],
    ] as const) {
      const user = { "client-certificate-data": base64(one.certificate), "client-key-data": base64(key) };
      await control.fault(answerOf([{ name: "clusterAdmin", value: await given(DEMO, user) }]));
      const reading = readAdmin(await opened(DEMO));
      if (isTaken) expect(await reading).toMatchObject({ user: { keyData: base64(key) }, endsAt: TO });
      else await expect(reading).rejects.toEqual(refused("UPSTREAM_REFUSED", { retryable: false }));
      await control.clear();
    }
  });

  test("a kubeconfig is not had without its role", async () => {
    const { cluster } = await opened(DEMO);
    const reading = readUser({ signIn: signInOf(azure, "research-connector"), cluster });
    await expect(reading).rejects.toEqual(refused("UPSTREAM_REFUSED", { retryable: false }));
  });
});

describe.each([
  ["with Entra and Azure roles", DEMO],
  ["with Entra and its own roles", RESEARCH],
  ["without Entra, by the certificate of its users", TRAINING],
])("a cluster %s", (_, place) => {
  test("gives a token that works in its namespace alone and dies with its Secret", async () => {
    const api = await openApi(place);
    const secret = newSecret();
    const created = await api.createSecret(secret);
    if (created.kind !== "made") throw new Error(created.kind);
    const { uid } = created;
    expect(await api.createSecret(secret)).toEqual({ kind: "exists" });
    expect(await api.findSecret(secret)).toEqual({ uid, leaseId: secret.leaseId });

    const answer = await api.requestToken({ account, seconds: 900, secret: { name: secret.name, uid } });
    if (answer.kind !== "token") throw new Error(answer.kind);
    const get = (path: string) => clusterRequest(azure, "GET", `${new URL(api.server.url).origin}${path}`, answer);
    expect((await get("/api/v1/namespaces/vision/pods")).status).toBe(200);
    expect((await get("/api/v1/namespaces/speech/pods")).status).toBe(403);

    await api.deleteSecret({ ...secret, uid: "another" });
    expect((await get("/api/v1/namespaces/vision/pods")).status).toBe(200);
    await api.deleteSecret({ ...secret, uid });
    expect((await get("/api/v1/namespaces/vision/pods")).status).toBe(401);
    await api.deleteSecret({ ...secret, uid });
    expect(await api.findSecret(secret)).toBeNull();
    expect(await api.requestToken({ account, seconds: 900, secret: { name: secret.name, uid } })).toEqual({
      kind: "no-secret",
    });
  });
});

test("a Secret of the name with another uid, an account and a namespace that are not there are told apart", async () => {
  const api = await openApi(TRAINING);
  const secret = newSecret();
  const created = await api.createSecret(secret);
  if (created.kind !== "made") throw new Error(created.kind);
  const { name } = secret;
  const other = { name, uid: "11111111-2222-4333-8444-555555555555" };
  expect(await api.requestToken({ account, seconds: 900, secret: other })).toEqual({ kind: "no-secret" });
  const nobody = { namespace: "vision", name: "nobody" };
  const own = { name, uid: created.uid };
  expect(await api.requestToken({ account: nobody, seconds: 900, secret: own })).toEqual({ kind: "no-account" });
  expect(await api.createSecret({ ...secret, namespace: "nowhere" })).toEqual({ kind: "absent" });
  await api.deleteSecret({ ...secret, uid: created.uid });
});

describe("refusals", () => {
  test("an identity without the right in the cluster is refused for good", async () => {
    const api = await openApi(READ_ONLY);
    const making = api.createSecret({ ...newSecret(), namespace: "speech" });
    await expect(making).rejects.toEqual(
      refused("UPSTREAM_REFUSED", {
        retryable: false,
        failure: expect.objectContaining({ status: 403, code: "Forbidden" }),
      }),
    );
  });

  test("an identity with the rights that the documentation gives makes tokens of the account that is lent alone", async () => {
    const api = await openApi(RESEARCH);
    const secret = newSecret();
    const created = await api.createSecret(secret);
    if (created.kind !== "made") throw new Error(created.kind);
    const bound = { name: secret.name, uid: created.uid };
    const asking = api.requestToken({ account: { ...account, name: "default" }, seconds: 900, secret: bound });
    await expect(asking).rejects.toEqual(refused("UPSTREAM_REFUSED", { retryable: false }));
    expect(await api.requestToken({ account, seconds: 900, secret: bound })).toMatchObject({ kind: "token" });
    await api.deleteSecret({ ...secret, uid: created.uid });
  });

  test("whoever has no certificate of the cluster's authority gets nothing", async () => {
    const { certificate } = await makePem(FROM, TO);
    const authorityData = Buffer.from(certificate).toString("base64");
    for (const place of [DEMO, TRAINING]) {
      const api = await openApi(place, async (asked) => {
        const given = await readUser(asked);
        return { ...given, server: { ...given.server, authorityData } };
      });
      await control.fault({ service: "kubernetes", status: 503 });
      await expect(api.findSecret(newSecret())).rejects.toEqual(refused("UPSTREAM_REFUSED", { retryable: false }));
      expect(await control.clear()).toBe(0);
    }
  });

  test("a host that is no more, as that of a stopped cluster, may come back", async () => {
    const { signIn, cluster } = await opened(TRAINING);
    const api = await createOpenClusterApi({
      identities,
      readUser: async (asked) => {
        const given = await readUser(asked);
        return { ...given, server: { ...given.server, url: "https://nightly-dns-1.hcp.westeurope.azmk8s.io:443" } };
      },
    })({ signIn, cluster });
    await expect(api.findSecret(newSecret())).rejects.toEqual(expect.objectContaining({ retryable: true }));
  });

  const reply = (status: number, text: string, contentType = "application/json") => ({
    service: "kubernetes",
    reply: { status, text, contentType },
  });
  const status = (code: number, reason: string) => JSON.stringify({ kind: "Status", status: "Failure", code, reason });
  test.each([
    ["not signed in", reply(401, status(401, "Unauthorized")), false],
    ["too much asked", { service: "kubernetes", status: 429, retryAfterSeconds: 60 } as const, true],
    ["its own failure", { service: "kubernetes", status: 500 } as const, true],
    ["a page of something in between", reply(404, "<html>not here</html>", "text/html"), true],
    ["a 404 of another service", reply(404, '{"error":{"code":"ResourceNotFound"}}'), true],
    ["an object that is no Secret", reply(200, '{"kind":"ConfigMap","metadata":{"uid":"1"}}'), true],
    ["a Secret that cannot be told from others", reply(200, '{"kind":"Secret","metadata":{}}'), true],
    ["nothing", reply(200, ""), true],
    ["another place", reply(302, ""), true],
  ])("%s is a failure, not a missing Secret", async (_, rule, retryable) => {
    const api = await openApi(TRAINING);
    await control.fault(rule);
    await expect(api.findSecret(newSecret())).rejects.toEqual(refused("UPSTREAM_REFUSED", { retryable }));
  });

  test("a name that is taken is told from all else that may be in the way of a Secret", async () => {
    const api = await openApi(TRAINING);
    await control.fault(reply(409, status(409, "AlreadyExists")));
    expect(await api.createSecret(newSecret())).toEqual({ kind: "exists" });
    await control.clear();
    await control.fault(reply(409, status(409, "Conflict")));
    await expect(api.createSecret(newSecret())).rejects.toEqual(refused("UPSTREAM_REFUSED"));
  });

  test("an API server that hangs is given up", { timeout: 30_000 }, async () => {
    const api = await openApi(TRAINING);
    await control.fault({ service: "kubernetes", latencyMs: HANG_MS });
    await expect(api.findSecret(newSecret())).rejects.toEqual(refused("UPSTREAM_TIMEOUT", { retryable: true }));
  });

  test("a lost reply is made up for", async () => {
    const api = await openApi(TRAINING);
    const secret = newSecret();
    await control.fault({ service: "kubernetes", method: "POST", dropReply: true, times: 1 });
    const created = await api.createSecret(secret).catch(() => null);
    // The library may have tried again, and met its own Secret.
    if (created !== null) expect(created).toEqual({ kind: "exists" });
    expect(await api.findSecret(secret)).toMatchObject({ leaseId: secret.leaseId });
  });
});
