/** Blobs of the local container registries, and who may: the distribution protocol as Azure answers it. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

import {
  createRegistryClient,
  digestOf,
  errorOf,
  NOBODY_HAS,
  pushBlob,
  type RegistryClient,
} from "../support/registry-images.ts";
import { accessTokenFor, basic, LABELLED_REGISTRY, REGISTRY, refreshTokenOf } from "../support/registry-requests.ts";

let azure: LocalAzure;
let refresh: string;
/** May pull, push and list in every repository, and list the catalog. */
let token: string;
let send: RegistryClient;

beforeAll(async () => {
  azure = await startLocalAzure();
  refresh = await refreshTokenOf(azure, "zenml-connector");
  token = await accessTokenFor(azure, refresh, "registry:catalog:* repository:*:pull,push,metadata_read");
  send = createRegistryClient(azure, token);
});
afterAll(async () => azure?.stop());

const oneRepository = (name: string, actions: string) =>
  accessTokenFor(azure, refresh, `repository:${name}:${actions}`);

describe("who may", () => {
  test("without a token: 401, where to get one, and headers that every answer has", async () => {
    const answer = await jsonRequest(azure, "GET", `https://${REGISTRY}/v2/`);
    expect(answer.status).toBe(401);
    expect(answer.body).toHaveLength(149);
    expect(answer.json).toEqual({ errors: [{ code: "UNAUTHORIZED", message: expect.any(String), detail: null }] });
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer realm="https://${REGISTRY}/oauth2/token",service="${REGISTRY}"`,
    );
    expect(answer.headers["docker-distribution-api-version"]).toBe("registry/2.0");
    expect(answer.headers["x-ms-correlation-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(await send("GET", "/v2/")).toMatchObject({ status: 200, json: {} });
    expect(await send("GET", "/v2")).toMatchObject({ status: 200 });
  });

  test.each([
    ["GET", "/v2/zenml/manifests/latest", "pull", ["pull"]],
    ["HEAD", "/v2/zenml/manifests/latest", "pull", ["pull"]],
    ["PUT", "/v2/zenml/manifests/latest", "pull,push", ["pull", "push"]],
    ["DELETE", `/v2/zenml/manifests/${NOBODY_HAS}`, "delete", ["delete"]],
    ["GET", "/v2/zenml/tags/list", "metadata_read", ["metadata_read"]],
    ["GET", `/v2/zenml/referrers/${NOBODY_HAS}`, "pull", ["pull"]],
    ["GET", `/v2/zenml/blobs/${NOBODY_HAS}`, "pull", ["pull"]],
    ["DELETE", `/v2/zenml/blobs/${NOBODY_HAS}`, "delete", ["delete"]],
    ["POST", "/v2/zenml/blobs/uploads/", "pull,push", ["pull", "push"]],
  ])("%s %s with a token for another repository needs %s", async (method, path, scope, actions) => {
    const answer = await send(method, path, { token: await oneRepository("vision/train", "pull,push,metadata_read") });
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer realm="https://${REGISTRY}/oauth2/token",service="${REGISTRY}",scope="repository:zenml:${scope}",error="insufficient_scope"`,
    );
    if (method === "HEAD") return;
    const detail = actions.map((action) => ({ Type: "repository", Name: "zenml", Action: action }));
    expect(answer.json).toMatchObject({ errors: [{ code: "UNAUTHORIZED", detail }] });
  });

  test("a refresh token, another registry's token and one that was changed are no access tokens", async () => {
    const [head, payload, signature = ""] = token.split(".");
    const changed = [head, payload, signature.replace(/^./, (first) => (first === "A" ? "B" : "A"))].join(".");
    for (const [host, bad] of [
      [REGISTRY, refresh],
      [REGISTRY, changed],
      [LABELLED_REGISTRY, token],
    ] as const) {
      const answer = await send("GET", "/v2/zenml/tags/list", { host, token: bad });
      expect(answer.status).toBe(401);
      expect(answer.headers["www-authenticate"]).toContain(`error="invalid_token"`);
    }
  });

  test("a password is not good here: the challenge asks for another", async () => {
    const answer = await jsonRequest(azure, "GET", `https://${REGISTRY}/v2/`, { headers: basic("name", "password") });
    expect(answer).toMatchObject({
      status: 401,
      headers: { "www-authenticate": `Basic realm="Azure Container Registry"` },
    });
  });

  test.each(["A", "a%2F..%2Fb", "a%252Fb", "a/%2e%2e/b", "a//b", "a%5Cb", "%zz"])(
    "no repository is named %s",
    async (name) => {
      for (const rest of ["tags/list", "manifests/latest", "blobs/uploads/"]) {
        const method = rest.startsWith("blobs") ? "POST" : "GET";
        expect(await send(method, `/v2/${name}/${rest}`)).toMatchObject({ status: 400, json: errorOf("NAME_INVALID") });
      }
    },
  );
});

describe("blobs", () => {
  test("in chunks, each where the last one ended", async () => {
    const start = await send("POST", "/v2/push/chunks/blobs/uploads/");
    expect(start).toMatchObject({ status: 202, headers: { range: "0-0", "content-length": "0" } });
    const id = start.headers["docker-upload-uuid"];
    expect(start.headers.location).toMatch(`/v2/push/chunks/blobs/uploads/${id}?_nouploadcache=false&_state=`);
    const first = await send("PATCH", start.headers.location ?? "", {
      headers: { "content-range": "0-5" },
      body: "hello ",
    });
    expect(first).toMatchObject({ status: 202, headers: { range: "0-5" } });
    const next = first.headers.location ?? "";
    const wrong = await send("PATCH", next, { headers: { "content-range": "0-4" }, body: "world" });
    expect(wrong).toMatchObject({ status: 416, json: errorOf("RANGE_INVALID") });
    expect(await send("GET", next)).toMatchObject({ status: 204, headers: { range: "0-5" } });
    const digest = digestOf("hello world");
    const end = await send("PUT", `${next}&digest=${digest}`, { body: "world" });
    const location = `/v2/push/chunks/blobs/${digest}`;
    expect(end).toMatchObject({ status: 201, headers: { location, "docker-content-digest": digest } });
    expect(await send("GET", location)).toMatchObject({ status: 200, body: "hello world" });
    expect(await send("HEAD", location)).toMatchObject({ status: 200, headers: { "content-length": "11" } });
    const part = await send("GET", location, { headers: { range: "bytes=6-" } });
    expect(part).toMatchObject({ status: 206, body: "world", headers: { "content-range": "bytes 6-10/11" } });
    expect(await send("GET", location, { headers: { range: "bytes=11-" } })).toMatchObject({ status: 416 });
    expect(await send("GET", next)).toMatchObject({ status: 404, json: errorOf("BLOB_UPLOAD_UNKNOWN") });
  });

  test("content with another digest is not taken, whatever type it is sent as", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    for (const body of ["a=b", ""]) {
      const start = await send("POST", "/v2/push/bad/blobs/uploads/");
      const answer = await send("PUT", `${start.headers.location}&digest=${digestOf("c")}`, { headers, body });
      expect(answer).toMatchObject({ status: 400, json: errorOf("DIGEST_INVALID") });
    }
    expect(await send("HEAD", `/v2/push/bad/blobs/${digestOf("c")}`)).toMatchObject({ status: 404 });
    const start = await send("POST", "/v2/push/bad/blobs/uploads/");
    expect(await send("PUT", `${start.headers.location}`)).toMatchObject({
      status: 400,
      json: errorOf("DIGEST_INVALID"),
    });
  });

  test("an upload can be cancelled, and is not another repository's", async () => {
    const start = await send("POST", "/v2/push/cancel/blobs/uploads/");
    const id = start.headers["docker-upload-uuid"];
    expect(await send("GET", `/v2/push/other/blobs/uploads/${id}`)).toMatchObject({ status: 404 });
    expect(await send("DELETE", `/v2/push/cancel/blobs/uploads/${id}`)).toMatchObject({ status: 204 });
    expect(await send("GET", `/v2/push/cancel/blobs/uploads/${id}`)).toMatchObject({ status: 404 });
  });

  test("a mount needs to pull from where the blob is", async () => {
    const digest = await pushBlob(send, "mount/from", "mounted");
    const path = `/v2/mount/to/blobs/uploads/?mount=${digest}&from=mount/from`;
    const alone = await oneRepository("mount/to", "pull,push");
    const refused = await send("POST", path, { token: alone });
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toContain("repository:mount/from:pull");
    const location = `/v2/mount/to/blobs/${digest}`;
    expect(await send("HEAD", location)).toMatchObject({ status: 404 });
    expect(await send("POST", path)).toMatchObject({
      status: 201,
      headers: { location, "docker-content-digest": digest },
    });
    expect(await send("GET", location)).toMatchObject({ body: "mounted" });
    const missing = await send("POST", `/v2/mount/to/blobs/uploads/?mount=${NOBODY_HAS}&from=mount/from`);
    expect(missing).toMatchObject({ status: 202, headers: { "docker-upload-uuid": expect.any(String) } });
  });

  test("a blob is where it was pushed, and nowhere else", async () => {
    const digest = await pushBlob(send, "push/mine", "mine");
    expect(await send("GET", `/v2/push/yours/blobs/${digest}`)).toMatchObject({
      status: 404,
      json: errorOf("BLOB_UNKNOWN"),
    });
    expect(
      await send("GET", `/v2/push/mine/blobs/${digest}`, { token: await oneRepository("push/mine", "pull") }),
    ).toMatchObject({ status: 200 });
  });
});
