/** Manifests and lists of the local container registries: the distribution protocol as Azure answers it; lists in pages. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { rawRequest } from "../support/raw-request.ts";
import {
  createRegistryClient,
  errorOf,
  IMAGE,
  INDEX,
  NOBODY_HAS,
  pushImage,
  type RegistryClient,
} from "../support/registry-images.ts";
import { accessTokenFor, LABELLED_REGISTRY, REGISTRY, refreshTokenOf } from "../support/registry-requests.ts";

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

describe("manifests", () => {
  test("one is found by tag and by digest, under a name that is encoded or not", async () => {
    const { answer, body, digest } = await pushImage(send, "team/app", "v1");
    const location = `/v2/team/app/manifests/${digest}`;
    expect(answer).toMatchObject({ status: 201, headers: { location, "docker-content-digest": digest } });
    for (const path of ["/v2/team/app/manifests/v1", location, "/v2/team%2Fapp/manifests/v1"]) {
      const found = await send("GET", path, { headers: { accept: IMAGE } });
      expect(found).toMatchObject({
        status: 200,
        body,
        headers: { "content-type": IMAGE, "docker-content-digest": digest },
      });
      const head = await send("HEAD", path, { headers: { accept: `text/plain, ${IMAGE};q=0.5` } });
      expect(head).toMatchObject({ status: 200, body: "", headers: { "content-length": String(body.length) } });
    }
    expect(await send("GET", location)).toMatchObject({ status: 404, json: errorOf("MANIFEST_UNKNOWN") });
    expect(await send("GET", "/v2/team/app/manifests/v2", { headers: { accept: IMAGE } })).toMatchObject({
      status: 404,
      json: errorOf("MANIFEST_UNKNOWN"),
    });
  });

  test("what it names has to be there, and its digest has to be its own", async () => {
    const missing = await pushImage(send, "team/app", "v3", {
      layers: [{ mediaType: "a/b", digest: NOBODY_HAS, size: 1 }],
    });
    expect(missing.answer).toMatchObject({ status: 400, json: errorOf("MANIFEST_BLOB_UNKNOWN") });
    expect((await pushImage(send, "team/app", NOBODY_HAS)).answer).toMatchObject({
      status: 400,
      json: errorOf("DIGEST_INVALID"),
    });
    const body = JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: IMAGE, digest: NOBODY_HAS, size: 1 }] });
    const index = await send("PUT", "/v2/team/app/manifests/v3", { headers: { "content-type": INDEX }, body });
    expect(index).toMatchObject({ status: 400, json: errorOf("MANIFEST_BLOB_UNKNOWN") });
    const long = await send("PUT", "/v2/team/app/manifests/v3", {
      headers: { "content-type": IMAGE },
      body: " ".repeat(4 * 1024 * 1024 + 1),
    });
    expect(long.status).toBe(413);
  });

  test("referrers of an image, all or of one type", async () => {
    const image = await pushImage(send, "team/signed", "v1");
    const subject = { mediaType: IMAGE, digest: image.digest, size: image.size };
    const signature = await pushImage(send, "team/signed", "digest", {
      subject,
      artifactType: "a/signature",
      annotations: { a: "b" },
    });
    const sbom = await pushImage(send, "team/signed", "digest", { subject, artifactType: "a/sbom" });
    expect(signature.answer.headers["oci-subject"]).toBe(image.digest);
    const all = await send("GET", `/v2/team/signed/referrers/${image.digest}`);
    expect(all).toMatchObject({
      status: 200,
      headers: { "content-type": INDEX },
      json: { schemaVersion: 2, mediaType: INDEX },
    });
    expect(all.headers).not.toHaveProperty("oci-filters-applied");
    for (const { digest } of [signature, sbom]) expect(all.body).toContain(digest);
    const some = await send("GET", `/v2/team/signed/referrers/${image.digest}?artifactType=a/signature`);
    const { digest, size } = signature;
    expect(some.headers["oci-filters-applied"]).toBe("artifactType");
    expect(some.json).toMatchObject({
      manifests: [{ mediaType: IMAGE, digest, size, artifactType: "a/signature", annotations: { a: "b" } }],
    });
    expect(await send("GET", `/v2/nothing/here/referrers/${NOBODY_HAS}`)).toMatchObject({ json: { manifests: [] } });
  });

  test("one is deleted by its digest, with its tags", async () => {
    const deleter = await accessTokenFor(azure, await refreshTokenOf(azure, "platform-automation"), "repository:*:*");
    const { digest } = await pushImage(send, "team/gone", "v1");
    const byTag = await send("DELETE", "/v2/team/gone/manifests/v1", { token: deleter });
    expect(byTag).toMatchObject({ status: 400, json: errorOf("DIGEST_INVALID") });
    const path = `/v2/team/gone/manifests/${digest}`;
    expect(await send("DELETE", path, { token: deleter })).toMatchObject({ status: 202, body: "" });
    expect(await send("DELETE", path, { token: deleter })).toMatchObject({
      status: 404,
      json: errorOf("MANIFEST_UNKNOWN"),
    });
    expect(await send("GET", "/v2/team/gone/tags/list")).toMatchObject({
      status: 404,
      json: { errors: [{ code: "NAME_UNKNOWN", detail: { name: "team/gone" } }] },
    });
  });
});

describe("lists", () => {
  test("tags come in pages that the links lead through", async () => {
    const tags = ["a", "b", "c", "d", "e"];
    for (const tag of tags) await pushImage(send, "list/tags", tag);
    const seen: unknown[] = [];
    let path: string | undefined = "/v2/list/tags/tags/list?n=2";
    let pages = 0;
    while (path !== undefined) {
      const page = await send("GET", path);
      seen.push(...Object(page.json).tags);
      pages += 1;
      path = /^<([^>]+)>; rel="next"$/.exec(page.headers.link ?? "")?.[1];
    }
    expect([seen, pages]).toEqual([tags, 3]);
    const first = await send("GET", "/v2/list/tags/tags/list?n=2");
    expect(first.headers.link).toBe(`</v2/list%2Ftags/tags/list?last=b&n=2&orderby=>; rel="next"`);
    expect(await send("GET", "/v2/list/tags/tags/list?n=x")).toMatchObject({
      status: 400,
      json: errorOf("PAGINATION_NUMBER_INVALID"),
    });
  });

  test("the catalog has what the seed says, at both of its paths, and needs a right of its own", async () => {
    const seeded = ["speech/asr", "vision/serve", "vision/train", "zenml", "zenml-pipelines"];
    for (const path of ["/acr/v1/_catalog", "/v2/_catalog"]) {
      const names = Object((await send("GET", path)).json).repositories;
      expect(names).toEqual(expect.arrayContaining(seeded));
      const page = await send("GET", `${path}?n=1&last=vision/serve`);
      expect(page).toMatchObject({ json: { repositories: ["vision/train"] } });
      expect(page.headers.link).toBe(`<${path}?last=vision%2Ftrain&n=1&orderby=>; rel="next"`);
      const refused = await send("GET", path, { token: await oneRepository("zenml", "pull,metadata_read") });
      expect(refused.status).toBe(401);
      expect(refused.headers["www-authenticate"]).toContain(`scope="registry:catalog:*",error="insufficient_scope"`);
    }
  });

  test("a registry with a label in its name is one of its own", async () => {
    const research = await refreshTokenOf(azure, "research-connector", LABELLED_REGISTRY);
    const reader = await accessTokenFor(azure, research, "registry:catalog:*", LABELLED_REGISTRY);
    const answer = await send("GET", "/v2/_catalog", { host: LABELLED_REGISTRY, token: reader });
    expect(answer).toMatchObject({ status: 200, json: { repositories: ["zenml"] } });
  });

  test("what is not there is 501 for who has a token, and another method 405", async () => {
    expect(await send("GET", "/acr/v1/zenml/_deleted")).toMatchObject({ status: 501, json: errorOf("UNSUPPORTED") });
    expect(await send("PATCH", "/v2/zenml/manifests/latest")).toMatchObject({
      status: 405,
      json: errorOf("UNSUPPORTED"),
    });
    const bare = await rawRequest(azure, { method: "GET", url: `https://${REGISTRY}/acr/v1/zenml/_tags` });
    expect(bare.status).toBe(401);
  });
});
