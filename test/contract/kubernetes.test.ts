/** API servers of the local clusters: who gets in, what he may do, tokens of ServiceAccounts that die with a Secret. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { tokenOf } from "../support/application-tokens.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { CLUSTER_SCOPE, clusterRequest, clusterUrl } from "../support/local-clusters.ts";

let azure: LocalAzure;
let demo: string;
let token: string;

beforeAll(async () => {
  azure = await startLocalAzure();
  demo = clusterUrl(azure, "demo-zenml-demos", "demo-zenml-terraform-cluster");
  token = await tokenOf(azure, "zenml-connector", CLUSTER_SCOPE);
  await settings({ tokenCacheSeconds: 0 });
});

afterAll(async () => azure?.stop());

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
