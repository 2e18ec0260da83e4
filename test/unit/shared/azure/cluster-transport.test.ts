/** The way to an API server without a proxy: whom it trusts, with what it signs in, what it does not follow or read. */
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createOpenClusterApi } from "../../../../shared/azure/cluster-api.ts";
import type { GivenKubeconfig } from "../../../../shared/azure/given-kubeconfig.ts";
import { signIn } from "../../../support/fakes.ts";
import { cluster } from "../../../support/fakes-cluster.ts";
import { makePem, type Pem } from "../../../support/pem.ts";

const FROM = new Date("2026-01-01");
const TO = new Date("2056-01-01");
const TOKEN = "a-token-that-must-not-be-seen";

type Seen = { readonly path: string; readonly authorization: string | undefined; readonly peer: string | undefined };
type Reply = { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string | Buffer };

let own: Pem;
let client: Pem;
let stranger: Pem;
let server: Server;
let url: string;
let seen: Seen[];
let reply: (path: string) => Reply;
const secret = JSON.stringify({ kind: "Secret", metadata: { uid: "uid-1" } });

beforeAll(async () => {
  [own, client, stranger] = await Promise.all([
    makePem(FROM, TO, "ec", "localhost"),
    makePem(FROM, TO, "ec"),
    makePem(FROM, TO, "ec", "localhost"),
  ]);
  const tls = {
    cert: own.certificate,
    key: own.key,
    ca: client.certificate,
    requestCert: true,
    rejectUnauthorized: false,
  };
  server = createServer(tls, (request, response) => {
    const socket = request.socket as TLSSocket;
    const { authorization } = request.headers;
    const peer = socket.authorized ? socket.getPeerCertificate().subject?.CN : undefined;
    seen.push({ path: request.url ?? "", authorization, peer: Array.isArray(peer) ? peer[0] : peer });
    const { status, headers = {}, body = "" } = reply(request.url ?? "");
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  seen = [];
  reply = () => ({ status: 200, body: secret });
});

const base64 = (text: string) => Buffer.from(text).toString("base64");
type Options = { readonly hasEntra?: boolean; readonly authority?: Pem; readonly given?: Partial<GivenKubeconfig> };
async function find({ hasEntra = true, authority = own, given = {} }: Options = {}) {
  const scopes: unknown[] = [];
  const open = createOpenClusterApi({
    identities: () => ({
      async getToken(asked) {
        scopes.push(asked);
        return { token: TOKEN, expiresOnTimestamp: Number.MAX_SAFE_INTEGER };
      },
    }),
    readUser: async () => ({
      server: { url, authorityData: base64(authority.certificate) },
      certificate: null,
      token: null,
      ...given,
    }),
  });
  const api = await open({ signIn: signIn(), cluster: cluster({ hasEntra }) });
  return { found: await api.findSecret({ namespace: "vision", name: "one" }), scopes };
}

test("with Entra the connector's identity signs in, by a token for API servers and nothing of the kubeconfig", async () => {
  const certificate = { certificateData: base64(client.certificate), keyData: base64(client.key) };
  const { found, scopes } = await find({ given: { certificate, token: "static" } });
  expect(found).toEqual({ uid: "uid-1", leaseId: null });
  expect(scopes).toEqual(["6dae42f8-4368-4678-94ff-3960e28e3630/.default"]);
  const path = "/api/v1/namespaces/vision/secrets/one";
  expect(seen).toEqual([{ path, authorization: `Bearer ${TOKEN}`, peer: undefined }]);
});

test("without Entra the certificate signs in, else the token, and the identity is not asked", async () => {
  const certificate = { certificateData: base64(client.certificate), keyData: base64(client.key) };
  const byCertificate = await find({ hasEntra: false, given: { certificate, token: "static" } });
  const byToken = await find({ hasEntra: false, given: { token: "static" } });
  expect([byCertificate.scopes, byToken.scopes]).toEqual([[], []]);
  expect(seen).toMatchObject([
    { authorization: undefined, peer: "test" },
    { authorization: "Bearer static", peer: undefined },
  ]);
  await expect(find({ hasEntra: false })).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
});

test("another authority's server gets nothing", async () => {
  const failed: unknown = await find({ authority: stranger }).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: "UPSTREAM_REFUSED", retryable: false });
  expect(inspect(failed, { depth: Number.POSITIVE_INFINITY })).not.toContain(TOKEN);
  expect(seen).toEqual([]);
});

test("the right authority opens no connection for who trusts another", async () => {
  await find();
  await expect(find({ authority: stranger })).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  expect(seen).toHaveLength(1);
});

test("an authority that was rotated since it was read is read anew, once, and is the one that is passed on", async () => {
  const authorityOf = (pem: Pem) => ({ url, authorityData: base64(pem.certificate) });
  const asked: unknown[] = [];
  const openFor = (latest: Pem) =>
    createOpenClusterApi({
      identities: () => ({ getToken: async () => ({ token: TOKEN, expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) }),
      async readUser(_, isDoubted = false) {
        asked.push(isDoubted);
        return { server: authorityOf(isDoubted ? latest : stranger), certificate: null, token: null };
      },
    })({ signIn: signIn(), cluster: cluster() });
  const api = await openFor(own);
  await api.createSecret({ namespace: "vision", name: "one", leaseId: "l" });
  await api.findSecret({ namespace: "vision", name: "one" });
  expect(api.server).toEqual(authorityOf(own));
  expect([asked, seen.length]).toEqual([[false, true], 2]);
  for (const latest of [stranger, client]) {
    const wrong = await openFor(latest);
    const finding = wrong.findSecret({ namespace: "vision", name: "one" });
    await expect(finding).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", retryable: false });
  }
  expect(asked).toHaveLength(6);
  expect(seen).toHaveLength(2);
});

test.each(["/elsewhere", "https://evil.example/"])("a redirect to %s is not followed", async (location) => {
  reply = () => ({ status: 307, headers: { location } });
  await expect(find()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  expect(new Set(seen.map(({ path }) => path))).toEqual(new Set(["/api/v1/namespaces/vision/secrets/one"]));
});

test("an answer that is too large is not read to its end, packed or not", async () => {
  const body = JSON.stringify({ kind: "Secret", metadata: { uid: "uid-1" }, filler: "x".repeat(3_000_000) });
  reply = () => ({ status: 200, body });
  await expect(find()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  reply = () => ({ status: 200, body: gzipSync(body), headers: { "content-encoding": "gzip" } });
  await expect(find()).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
});

test.each(["vision/../kube-system", "vision?x=1", "vision#x", "..", "", "vision%2f", "Vision"])(
  "a name that could climb out of a path is never asked for: %j",
  async (name) => {
    const open = createOpenClusterApi({
      identities: () => ({ getToken: async () => ({ token: TOKEN, expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) }),
      readUser: async () => ({
        server: { url, authorityData: base64(own.certificate) },
        certificate: null,
        token: null,
      }),
    });
    const api = await open({ signIn: signIn(), cluster: cluster() });
    const good = "vision";
    const asked = [
      () => api.findSecret({ namespace: name, name: good }),
      () => api.findSecret({ namespace: good, name }),
      () => api.createSecret({ namespace: name, name: good, leaseId: "l" }),
      () => api.deleteSecret({ namespace: good, name, uid: "u" }),
      () => api.requestToken({ account: { namespace: good, name }, seconds: 600, secret: { name: good, uid: "u" } }),
    ];
    for (const ask of asked) await expect(ask()).rejects.toThrow();
    expect(seen).toEqual([]);
  },
);
