import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Lease } from "../../../../shared/credentials/lease.ts";
import type { MintRequest } from "../../../../shared/credentials/minted.ts";
import { createServiceAccountForm } from "../../../../shared/credentials/service-account.ts";
import { NOW, NOW_TEXT } from "../../../support/fakes.ts";
import {
  CLUSTER_ID,
  CLUSTER_SERVER,
  cluster,
  clusterApi,
  clusterRequest,
  openedCluster,
  type TokenClaims,
} from "../../../support/fakes-cluster.ts";
import { lease } from "../../../support/fakes-leases.ts";

const LEASE_ID = "0123456789ab-abcdefghijklmnopqrstuvwxyz";
const SECRET = "latchkey-abcdefghijklmnopqrstuvwxyz";
const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000).toISOString().replace(".000Z", "Z");

let server: ReturnType<typeof clusterApi>;
let isThere: boolean;
let opened: ReturnType<typeof openedCluster>;
let opens: number;
/** Since the request came. */
let secondsPassed: number;
beforeEach(() => {
  server = clusterApi();
  isThere = true;
  opened = openedCluster();
  opens = 0;
  secondsPassed = 0;
});
const form = () =>
  createServiceAccountForm({
    async openCluster() {
      opens++;
      return opened;
    },
    reopenCluster: async () => ({ signIn: opened.signIn, resourceId: CLUSTER_ID, cluster: opened.cluster }),
    readCluster: async () => (isThere ? cluster() : null),
    openClusterApi: async () => server.api,
    now: () => new Date(NOW.getTime() + secondsPassed * 1000),
  });
const issue = async (changes: Partial<MintRequest> = {}) => {
  const made = form();
  const planned = await made.plan(clusterRequest(changes), LEASE_ID, NOW);
  return { planned, minted: await made.make(clusterRequest(changes), planned, NOW, LEASE_ID) };
};
const leaseOf = (upstream: Record<string, string>, changes: Partial<Lease> = {}): Lease =>
  lease({
    id: LEASE_ID,
    resourceType: "kubernetes-cluster",
    resourceId: CLUSTER_ID,
    access: ["use"],
    scope: { namespace: "vision" },
    form: "service-account",
    upstream,
    ...changes,
  });

describe("planning", () => {
  test("names the Secret by the lease and changes nothing", async () => {
    const planned = await form().plan(clusterRequest(), LEASE_ID, NOW);
    expect(planned).toMatchObject({ upstream: { secret: SECRET }, expiresAt: at(3600), resourceId: CLUSTER_ID });
    expect(SECRET).toMatch(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/);
    expect(server.secrets.size).toBe(0);
  });

  test.each([
    ["an hour where nobody chooses", {}, null, 3600],
    ["what is chosen", { ttlSeconds: 900 }, null, 900],
    ["no more than policy gives", { maxTtlSeconds: 700 }, null, 700],
    ["no more than the connector, with room for its clock", {}, at(1200), 1140],
    ["no more than the grant, with the same room", { grantExpiresAt: at(900) }, null, 840],
  ])("lives %s", async (_, changes, connectorEnd, seconds) => {
    opened = openedCluster({}, { connectorEnd });
    expect((await form().plan(clusterRequest(changes), LEASE_ID, NOW)).expiresAt).toBe(at(seconds));
  });

  test.each([
    ["policy", { maxTtlSeconds: 599 }, null],
    ["the connector", {}, at(659)],
    ["the grant", { grantExpiresAt: at(100) }, null],
  ])("refuses what %s gives less than ten minutes for", async (_, changes, connectorEnd) => {
    opened = openedCluster({}, { connectorEnd });
    const planning = form().plan(clusterRequest(changes), LEASE_ID, NOW);
    await expect(planning).rejects.toMatchObject({ code: "SCOPE_TOO_WIDE" });
  });

  test.each([undefined, "", "Vision", "vision/../kube-system", "vision%2f..", "..", "vision\n", "*", "a".repeat(64)])(
    "refuses %j for a namespace",
    async (namespace) => {
      const planning = form().plan(clusterRequest({ scope: { namespace } }), LEASE_ID, NOW);
      await expect(planning).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    },
  );

  test("refuses a stopped cluster", async () => {
    opened = openedCluster({ isRunning: false });
    await expect(form().plan(clusterRequest(), LEASE_ID, NOW)).rejects.toMatchObject({ code: "MODE_UNSUPPORTED" });
  });
});

test("refuses a cluster whose people are in another tenant, by the sign-in's tenant and whatever its case", async () => {
  const planning = () => form().plan(clusterRequest(), LEASE_ID, NOW);
  opened = openedCluster({ tenantId: "99999999-2222-4333-8444-555555555555" });
  await expect(planning()).rejects.toMatchObject({ code: "CROSS_TENANT" });
  opened = openedCluster({ tenantId: null });
  await planning();
  opened = openedCluster({ tenantId: "aaaaaaaa-2222-4333-8444-555555555555" });
  const { configuration } = opened.signIn;
  const signIn = { configuration: { ...configuration, tenantId: "AAAAAAAA-2222-4333-8444-555555555555" } };
  opened = openedCluster({ tenantId: "aaaaaaaa-2222-4333-8444-555555555555" }, { signIn });
  await planning();
});

describe("making", () => {
  test("asks for all of the shortest life, whatever the milliseconds of the clock", async () => {
    const now = new Date(NOW.getTime() + 999);
    const made = form();
    const request = clusterRequest({ ttlSeconds: 600 });
    const planned = await made.plan(request, LEASE_ID, now);
    await made.make(request, planned, now, LEASE_ID);
    expect(server.tokens.map(({ seconds }) => seconds)).toEqual([600]);
  });

  test("a making that takes minutes is not held against the cluster's clock", async () => {
    secondsPassed = 90;
    server.answers.claims = (claims) => ({ ...claims, iat: claims.iat + 90, exp: claims.exp + 90 });
    expect((await issue()).minted.times.expiresAt).toBe(at(3690));
  });

  test.each([
    ["the connector", at(3650), null],
    ["the grant", null, at(3650)],
  ])("nor does it give a token that outlives %s", async (_, connectorEnd, grantExpiresAt) => {
    secondsPassed = 90;
    opened = openedCluster({}, { connectorEnd });
    // Planned to end a minute before.
    server.answers.claims = (claims) => ({ ...claims, iat: claims.iat + 90, exp: claims.exp + 90 });
    await expect(issue({ grantExpiresAt })).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT" });
  });

  test("lends a kubeconfig whose token ends with the Secret, and lists the clusters once", async () => {
    const { minted } = await issue();
    expect(server.secrets.get(`vision/${SECRET}`)).toEqual({ uid: "uid-1", leaseId: LEASE_ID });
    expect(server.tokens).toEqual([{ seconds: 3600, account: "latchkey", secret: SECRET }]);
    expect(minted).toMatchObject({
      times: { issuedAt: NOW_TEXT, expiresAt: at(3600), refreshAfter: at(2880) },
      exposedUntil: at(3600),
      scope: { namespace: "vision" },
      upstream: { secretUid: "uid-1" },
      credential: { kind: "kubeconfig", namespace: "vision" },
    });
    expect(opens).toBe(1);
    if (minted.credential.kind !== "kubeconfig") throw new Error("another kind");
    const { context } = minted.credential;
    expect(parse(minted.credential.kubeconfig)).toEqual({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: context,
          cluster: { server: CLUSTER_SERVER.url, "certificate-authority-data": CLUSTER_SERVER.authorityData },
        },
      ],
      users: [{ name: context, user: { token: minted.marked } }],
      contexts: [{ name: context, context: { cluster: context, user: context, namespace: "vision" } }],
      "current-context": context,
    });
  });

  test("takes the Secret of a request whose reply was lost, and no other's", async () => {
    server.secrets.set(`vision/${SECRET}`, { uid: "uid-lost", leaseId: LEASE_ID });
    expect((await issue()).minted.upstream).toEqual({ secretUid: "uid-lost" });
    for (const leaseId of [null, "0123456789ab-another"]) {
      server.secrets.set(`vision/${SECRET}`, { uid: "uid-theirs", leaseId });
      await expect(issue()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    }
  });

  test.each(["speech", "missing"])("says how to prepare %s, which is not", async (namespace) => {
    await expect(issue({ scope: { namespace } })).rejects.toMatchObject({ code: "MODE_UNSUPPORTED" });
  });

  test("lends for as long as the cluster says, when that is less", async () => {
    server.answers.claims = (claims) => ({ ...claims, exp: claims.iat + 1000 });
    expect((await issue()).minted.times.expiresAt).toBe(at(1000));
  });

  const inCluster = (claims: TokenClaims, changes: object) => ({
    ...claims,
    "kubernetes.io": { ...claims["kubernetes.io"], ...changes },
  });
  test.each<[string, (claims: TokenClaims) => object]>([
    ["another namespace", (claims) => inCluster(claims, { namespace: "kube-system" })],
    ["another namespace's subject", (claims) => ({ ...claims, sub: "system:serviceaccount:kube-system:latchkey" })],
    ["another account", (claims) => inCluster(claims, { serviceaccount: { name: "default", uid: "x" } })],
    ["another account's subject", (claims) => ({ ...claims, sub: "system:serviceaccount:vision:default" })],
    ["a person", (claims) => ({ ...claims, sub: "somebody" })],
    ["no Secret", (claims) => inCluster(claims, { secret: undefined })],
    ["another Secret", (claims) => inCluster(claims, { secret: { name: "other", uid: "uid-1" } })],
    ["another cluster's Secret of the name", (claims) => inCluster(claims, { secret: { name: SECRET, uid: "uid-9" } })],
    ["a pod as well", (claims) => inCluster(claims, { pod: { name: "p", uid: "u" } })],
    ["a longer life", (claims) => ({ ...claims, exp: claims.exp + 1 })],
    [
      "a beginning later than the cluster's clock may be ahead",
      (claims) => ({ ...claims, iat: claims.iat + 61, exp: claims.exp + 61 }),
    ],
    ["a later beginning", (claims) => ({ ...claims, iat: claims.iat + 600, exp: claims.exp + 600 })],
    ["no end", ({ exp: _, ...claims }) => claims],
    ["an end of before", (claims) => ({ ...claims, iat: claims.iat - 7200, exp: claims.exp - 7200 })],
  ])("refuses a token for %s", async (_, change) => {
    server.answers.claims = change;
    await expect(issue()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", retryable: false });
  });
});

describe("renewing", () => {
  test("gives another token under the same Secret, not beyond the lease", async () => {
    const { planned, minted } = await issue();
    const old = leaseOf({ ...planned.upstream, ...minted.upstream }, { maxUntil: at(1000) });
    const renewed = await form().renew(clusterRequest(), old, NOW);
    expect(renewed.times.expiresAt).toBe(at(940));
    expect(server.tokens).toHaveLength(2);
    expect(server.secrets.size).toBe(1);
  });

  test.each([
    ["the connector", at(900), null],
    ["the grant", null, at(900)],
  ])("gives a token that ends before %s does", async (_, connectorEnd, grantExpiresAt) => {
    const { planned, minted } = await issue();
    const old = leaseOf({ ...planned.upstream, ...minted.upstream }, { maxUntil: at(86_400) });
    opened = openedCluster({}, { connectorEnd });
    const renewed = await form().renew(clusterRequest({ grantExpiresAt }), old, NOW);
    expect(renewed.times.expiresAt).toBe(at(840));
  });

  test("does not make anew what is gone or another's", async () => {
    const old = leaseOf({ secret: SECRET, secretUid: "uid-1" });
    await expect(form().renew(clusterRequest(), old, NOW)).rejects.toMatchObject({ code: "LEASE_CLOSED" });
    server.secrets.set(`vision/${SECRET}`, { uid: "uid-2", leaseId: LEASE_ID });
    await expect(form().renew(clusterRequest(), old, NOW)).rejects.toMatchObject({ code: "LEASE_CLOSED" });
    expect(server.secrets.size).toBe(1);
  });
});

describe("removing", () => {
  test("deletes the Secret and says until when its token may still be believed", async () => {
    const { planned, minted } = await issue();
    const { exposedUntil } = await form().remove(leaseOf({ ...planned.upstream, ...minted.upstream }));
    expect(server.secrets.size).toBe(0);
    expect(exposedUntil.getTime() - NOW.getTime()).toBe(70_000);
  });

  test("finds what a process made that died before it said so", async () => {
    server.secrets.set(`vision/${SECRET}`, { uid: "uid-7", leaseId: LEASE_ID });
    await form().remove(leaseOf({ secret: SECRET }, { state: "pending" }));
    expect(server.secrets.size).toBe(0);
  });

  test("leaves alone what is not its own, and is done where nothing is", async () => {
    server.secrets.set(`vision/${SECRET}`, { uid: "uid-8", leaseId: null });
    await form().remove(leaseOf({ secret: SECRET }));
    await form().remove(leaseOf({ secret: SECRET, secretUid: "uid-7" }));
    expect(server.secrets.size).toBe(1);
    server.secrets.clear();
    await form().remove(leaseOf({ secret: SECRET }));
  });

  test("has nothing to do where the cluster is no more", async () => {
    isThere = false;
    server.secrets.set(`vision/${SECRET}`, { uid: "uid-7", leaseId: LEASE_ID });
    await form().remove(leaseOf({ secret: SECRET, secretUid: "uid-7" }));
    expect(server.secrets.size).toBe(1);
  });
});
