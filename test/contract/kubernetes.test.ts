/** API servers of the local clusters: who gets in, what he may do, tokens of ServiceAccounts that die with a Secret. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tokenOf } from "../support/application-tokens.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { administratorOf, CLUSTER_SCOPE, clusterRequest, clusterUrl } from "../support/local-clusters.ts";

let azure: LocalAzure;
let demo: string;
let token: string;

let stateDir: string;
/** Of research-vision/training, where everybody signs in with it. */
let administrator: Awaited<ReturnType<typeof administratorOf>>;
/** Of research-speech/training, which takes none. */
let refusedAdministrator: Awaited<ReturnType<typeof administratorOf>>;
let training: string;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "latchkey-clusters-"));
  administrator = await administratorOf(stateDir, "research-vision", "training");
  refusedAdministrator = await administratorOf(stateDir, "research-speech", "training");
  azure = await startLocalAzure({ stateDir });
  training = clusterUrl(azure, "research-vision", "training");
  demo = clusterUrl(azure, "demo-zenml-demos", "demo-zenml-terraform-cluster");
  token = await tokenOf(azure, "zenml-connector", CLUSTER_SCOPE);
  await settings({ tokenCacheSeconds: 0 });
});

afterAll(async () => {
  await azure?.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

const settings = async (body: unknown) => {
  const headers = { "content-type": "application/json" };
  await fetch(`${azure.controlUrl}/kubernetes`, { method: "PATCH", headers, body: JSON.stringify(body) });
};
const call = (method: string, path: string, options: Parameters<typeof clusterRequest>[3] = {}) =>
  clusterRequest(azure, method, `${demo}${path}`, { token, ...options });
const failure = (code: number, reason: string) => ({
  status: code,
  json: {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    code,
    reason,
    message: expect.any(String),
  },
});
/** A Secret made for the test and a token of `latchkey` in `vision` bound to it. */
async function boundToken(name: string) {
  const made = await call("POST", "/api/v1/namespaces/vision/secrets", {
    body: { apiVersion: "v1", kind: "Secret", metadata: { name } },
  });
  const uid = Reflect.get(Reflect.get(Object(made.json), "metadata"), "uid") as string;
  const answer = await call("POST", "/api/v1/namespaces/vision/serviceaccounts/latchkey/token", {
    body: { spec: { expirationSeconds: 900, boundObjectRef: { kind: "Secret", apiVersion: "v1", name, uid } } },
  });
  expect(answer.status).toBe(201);
  const status = Reflect.get(Object(answer.json), "status");
  return { uid, token: String(Reflect.get(Object(status), "token")), answer };
}

test("a token of Entra lists pods, a token of another audience or none gets 401", async () => {
  const pods = await call("GET", "/api/v1/namespaces/vision/pods");
  expect(pods).toMatchObject({ status: 200, json: { kind: "PodList", apiVersion: "v1" } });
  const arm = await tokenOf(azure, "zenml-connector", "https://management.azure.com/.default");
  expect(await call("GET", "/api/v1/namespaces/vision/pods", { token: arm })).toMatchObject(
    failure(401, "Unauthorized"),
  );
  const bare = await clusterRequest(azure, "GET", `${demo}/version`);
  expect(bare.headers["content-type"]).toBe("application/json");
  expect(bare).toMatchObject(failure(401, "Unauthorized"));
  expect(bare.body).toBe(
    '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}\n',
  );
});

test("a bound token works in its namespace as its role says, and dies with its Secret", async () => {
  const { token: bound, uid } = await boundToken("lease-one");
  const as = (path: string) => clusterRequest(azure, "GET", `${demo}${path}`, { token: bound });
  expect((await as("/api/v1/namespaces/vision/pods")).status).toBe(200);
  expect(await as("/api/v1/namespaces/vision/secrets")).toMatchObject(failure(403, "Forbidden"));
  expect(await as("/api/v1/namespaces/speech/pods")).toMatchObject(failure(403, "Forbidden"));
  const gone = await call("DELETE", "/api/v1/namespaces/vision/secrets/lease-one", {
    body: { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid } },
  });
  expect(gone).toMatchObject({
    status: 200,
    json: {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Success",
      details: { name: "lease-one", kind: "secrets", uid },
    },
  });
  expect(await as("/api/v1/namespaces/vision/pods")).toMatchObject(failure(401, "Unauthorized"));
});

test("a token that was good is believed for as long as the cache says", async () => {
  await settings({ tokenCacheSeconds: 60 });
  try {
    const { token: bound } = await boundToken("lease-cached");
    const pods = () => clusterRequest(azure, "GET", `${demo}/api/v1/namespaces/vision/pods`, { token: bound });
    expect((await pods()).status).toBe(200);
    expect((await call("DELETE", "/api/v1/namespaces/vision/secrets/lease-cached")).status).toBe(200);
    expect((await pods()).status).toBe(200);
    await settings({ tokenCacheSeconds: 0 });
    expect((await pods()).status).toBe(401);
  } finally {
    await settings({ tokenCacheSeconds: 0 });
  }
});

test("a Secret of the same name made again does not bring a token back", async () => {
  const first = await boundToken("lease-again");
  await call("DELETE", "/api/v1/namespaces/vision/secrets/lease-again");
  await boundToken("lease-again");
  const pods = `${demo}/api/v1/namespaces/vision/pods`;
  expect(await clusterRequest(azure, "GET", pods, { token: first.token })).toMatchObject(failure(401, "Unauthorized"));
});

test("certificate and static token of a cluster's own authority are its administrator; elsewhere they are nobody", async () => {
  const secret = `${training}/api/v1/namespaces/speech/secrets/speech-api`;
  const { certificate, token: fixed } = administrator;
  expect(await clusterRequest(azure, "GET", secret, { certificate })).toMatchObject({
    status: 200,
    json: { type: "Opaque" },
  });
  expect((await clusterRequest(azure, "GET", secret, { token: fixed })).status).toBe(200);
  // The certificate counts, whatever stands in the header.
  expect((await clusterRequest(azure, "GET", secret, { certificate, token: "nonsense" })).status).toBe(200);
  for (const proof of [{ certificate }, { token: fixed }]) {
    const answer = await clusterRequest(azure, "GET", `${demo}/version`, proof);
    expect(answer).toMatchObject(failure(401, "Unauthorized"));
  }
});

test("a cluster without local accounts takes no certificate, one without Entra no token of Entra", async () => {
  const closed = clusterUrl(azure, "research-speech", "training");
  for (const proof of [{ certificate: refusedAdministrator.certificate }, { token: refusedAdministrator.token }]) {
    expect(await clusterRequest(azure, "GET", `${closed}/version`, proof)).toMatchObject(failure(401, "Unauthorized"));
  }
  expect(await clusterRequest(azure, "GET", `${training}/version`, { token })).toMatchObject(
    failure(401, "Unauthorized"),
  );
});

test("a ServiceAccount's token is good at its own cluster alone", async () => {
  const { token: bound } = await boundToken("lease-elsewhere");
  const { certificate } = administrator;
  // That cluster has a key of its own by then.
  const own = `${training}/api/v1/namespaces/vision/serviceaccounts/latchkey/token`;
  expect((await clusterRequest(azure, "POST", own, { certificate, body: {} })).status).toBe(201);
  for (const host of [training, clusterUrl(azure, "research-vision", "demo-zenml-terraform-cluster")]) {
    const answer = await clusterRequest(azure, "GET", `${host}/api/v1/namespaces/vision/pods`, { token: bound });
    expect(answer).toMatchObject(failure(401, "Unauthorized"));
  }
});

test("a token for another audience is issued, and refused by the API server", async () => {
  const answer = await call("POST", "/api/v1/namespaces/vision/serviceaccounts/latchkey/token", {
    body: { spec: { audiences: ["vault"] } },
  });
  expect(answer).toMatchObject({ status: 201, json: { spec: { audiences: ["vault"], expirationSeconds: 3600 } } });
  const issued = String(Reflect.get(Object(Reflect.get(Object(answer.json), "status")), "token"));
  expect(await call("GET", "/version", { token: issued })).toMatchObject(failure(401, "Unauthorized"));
});

test("on a cluster without Azure roles, bindings decide; a Reader of Azure roles may not ask for tokens", async () => {
  const research = await tokenOf(azure, "research-connector", CLUSTER_SCOPE);
  const kube = clusterUrl(azure, "research-vision", "demo-zenml-terraform-cluster");
  const speech = clusterUrl(azure, "research-speech", "training");
  const ask = (url: string) => clusterRequest(azure, "POST", `${url}/token`, { token: research, body: {} });
  expect((await ask(`${kube}/api/v1/namespaces/vision/serviceaccounts/latchkey`)).status).toBe(201);
  expect(await ask(`${kube}/api/v1/namespaces/speech/serviceaccounts/default`)).toMatchObject(
    failure(403, "Forbidden"),
  );
  const refused = await ask(`${speech}/api/v1/namespaces/speech/serviceaccounts/latchkey`);
  expect(refused).toMatchObject(failure(403, "Forbidden"));
  expect(Reflect.get(Object(refused.json), "message")).toBe(
    'serviceaccounts "latchkey" is forbidden: User "2e5ea2c4-c0de-4c0a-9e1b-6d7e8f901a32" cannot create resource "serviceaccounts/token" in API group "" in the namespace "speech": User does not have access to the resource in Azure. Update role assignment to allow access.',
  );
});

test.each([
  ["an account that is not there", "nobody", {}, 404, "NotFound"],
  [
    "a Secret that is not there",
    "latchkey",
    { boundObjectRef: { kind: "Secret", apiVersion: "v1", name: "gone" } },
    404,
    "NotFound",
  ],
  ["less than ten minutes", "latchkey", { expirationSeconds: 599 }, 422, "Invalid"],
  ["more than 2^32 seconds", "latchkey", { expirationSeconds: 2 ** 32 + 1 }, 422, "Invalid"],
  [
    "another kind",
    "latchkey",
    { boundObjectRef: { kind: "ConfigMap", apiVersion: "v1", name: "x" } },
    400,
    "BadRequest",
  ],
] as const)("TokenRequest for %s", async (_what, name, spec, code, reason) => {
  const path = `/api/v1/namespaces/vision/serviceaccounts/${name}/token`;
  expect(await call("POST", path, { body: { spec } })).toMatchObject(failure(code, reason));
});

test("TokenRequest with the uid of another Secret is a conflict; a longer life than allowed is shortened with a warning", async () => {
  await boundToken("lease-uid");
  const path = "/api/v1/namespaces/vision/serviceaccounts/latchkey/token";
  const boundObjectRef = {
    kind: "Secret",
    apiVersion: "v1",
    name: "lease-uid",
    uid: "00000000-0000-4000-8000-000000000000",
  };
  expect(await call("POST", path, { body: { spec: { boundObjectRef } } })).toMatchObject(failure(409, "Conflict"));
  await settings({ maxTokenSeconds: 1_200 });
  const answer = await call("POST", path, { body: { spec: { expirationSeconds: 7_200 } } });
  await settings({ maxTokenSeconds: 0 });
  expect(answer).toMatchObject({ status: 201, json: { spec: { expirationSeconds: 1_200 } } });
  expect(answer.headers.warning).toBe('299 - "requested expiration of 7200 seconds shortened to 1200 seconds"');
});

test("Secrets: a name twice, a name that is none, a namespace that is none, a precondition that does not hold", async () => {
  const create = (name: string, namespace = "vision") =>
    call("POST", `/api/v1/namespaces/${namespace}/secrets`, { body: { metadata: { name }, stringData: { a: "b" } } });
  expect(await create("twice")).toMatchObject({ status: 201, json: { type: "Opaque", data: { a: "Yg==" } } });
  expect(await create("twice")).toMatchObject(failure(409, "AlreadyExists"));
  expect(await create("Not_A_Name")).toMatchObject(failure(422, "Invalid"));
  expect(await create("x", "nowhere")).toMatchObject(failure(404, "NotFound"));
  const remove = (body: unknown) => call("DELETE", "/api/v1/namespaces/vision/secrets/twice", { body });
  expect(await remove({ preconditions: { uid: "another" } })).toMatchObject(failure(409, "Conflict"));
  expect((await remove({})).status).toBe(200);
  expect(await remove({})).toMatchObject(failure(404, "NotFound"));
});

test("lists come in pages and by label", async () => {
  for (const name of ["page-a", "page-b", "page-c"]) {
    const metadata = { name, labels: { lot: name === "page-b" ? "two" : "one" } };
    await call("POST", "/api/v1/namespaces/vision/secrets", { body: { metadata } });
  }
  const list = async (query: string) => {
    const { json } = await call("GET", `/api/v1/namespaces/vision/secrets?${query}`);
    const { items, metadata } = json as { items: { metadata: { name: string } }[]; metadata: Record<string, unknown> };
    return { names: items.map((item) => item.metadata.name), metadata };
  };
  expect((await list("labelSelector=lot%3Done")).names).toEqual(["page-a", "page-c"]);
  expect((await list("labelSelector=lot+in+(two)")).names).toEqual(["page-b"]);
  const first = await list("labelSelector=lot&limit=2");
  expect(first.names).toEqual(["page-a", "page-b"]);
  const second = await list(`labelSelector=lot&limit=2&continue=${String(first.metadata.continue)}`);
  expect(second.names).toEqual(["page-c"]);
  expect(second.metadata).not.toHaveProperty("continue");
});

test("what is not there is 404, what is not emulated 501", async () => {
  const asAdmin = (method: string, path: string) =>
    clusterRequest(azure, method, `${training}${path}`, { certificate: administrator.certificate });
  expect(await asAdmin("GET", "/api/v1/namespaces/vision/pods/none")).toMatchObject(failure(404, "NotFound"));
  expect(await asAdmin("GET", "/api/v1/unknowns")).toMatchObject(failure(404, "NotFound"));
  expect(await asAdmin("GET", "/apis/unknown.example/v1/things")).toMatchObject({
    status: 404,
    body: "404 page not found\n",
  });
  expect(await asAdmin("GET", "/api/v1/configmaps")).toMatchObject(failure(501, "NotImplemented"));
  expect(await asAdmin("PATCH", "/api/v1/namespaces/vision/pods/x")).toMatchObject(failure(501, "NotImplemented"));
});

test("a stopped and a private cluster have names that do not resolve", async () => {
  for (const [group, name] of [
    ["research-vision", "nightly"],
    ["research-speech", "secure"],
  ] as const) {
    const answer = await clusterRequest(azure, "GET", `${clusterUrl(azure, group, name)}/version`, { token });
    expect(answer.status).toBe(502);
  }
});

test("what was made is there after a restart, and tokens are still good", async () => {
  const { token: bound } = await boundToken("lease-kept");
  await azure.stop();
  azure = await startLocalAzure({ stateDir });
  const pods = () => clusterRequest(azure, "GET", `${demo}/api/v1/namespaces/vision/pods`, { token: bound });
  expect((await pods()).status).toBe(200);
});
