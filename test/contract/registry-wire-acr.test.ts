/** Azure's own operations on the local container registries (`/acr/v1`): attributes, pages, deletions, rights. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import {
  createRegistryClient,
  digestOf,
  errorOf,
  IMAGE,
  INDEX,
  NOBODY_HAS,
  pushBlob,
  pushImage,
  type RegistryClient,
} from "../support/registry-images.ts";
import { ABAC_REGISTRY, accessTokenFor, REGISTRY, refreshTokenOf } from "../support/registry-requests.ts";

const CONFIG = "application/vnd.oci.image.config.v1+json";
/** A time as the service writes it. */
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,6}[1-9])?Z$/);
const FREE = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };

let azure: LocalAzure;
let refresh: string;
let send: RegistryClient;

beforeAll(async () => {
  azure = await startLocalAzure();
  refresh = await refreshTokenOf(azure, "platform-automation");
  send = createRegistryClient(azure, await accessTokenFor(azure, refresh, "registry:catalog:* repository:*:*"));
});
afterAll(async () => azure?.stop());

const member = (value: unknown, name: string) => Object(value)[name];
/** Pushes an image that says what it runs on. */
async function pushLinux(name: string, tag: string, more: object = {}) {
  const body = JSON.stringify({ architecture: "arm64", os: "linux", config: {} });
  const config = { mediaType: CONFIG, digest: await pushBlob(send, name, body), size: body.length };
  return pushImage(send, name, tag, { config, ...more });
}
describe("attributes", () => {
  test("of a repository, under a name that is encoded or not", async () => {
    await pushImage(send, "acr/one", "v1");
    await pushImage(send, "acr/one", "digest");
    for (const path of ["/acr/v1/acr/one", "/acr/v1/acr%2Fone?api-version=2021-07-01"]) {
      const answer = await send("GET", path);
      expect(answer.json).toEqual({
        registry: REGISTRY,
        imageName: "acr/one",
        createdTime: TIME,
        lastUpdateTime: TIME,
        manifestCount: 2,
        tagCount: 1,
        changeableAttributes: { ...FREE, teleportEnabled: false },
      });
      expect(answer.body.endsWith("}\n")).toBe(true);
    }
  });

  test("of a tag and of its manifest", async () => {
    const { digest } = await pushLinux("acr/two", "v1");
    const place = { registry: REGISTRY, imageName: "acr/two" };
    expect((await send("GET", "/acr/v1/acr%2Ftwo/_tags/v1")).json).toEqual({
      ...place,
      tag: {
        name: "v1",
        digest,
        createdTime: TIME,
        lastUpdateTime: TIME,
        signed: false,
        changeableAttributes: FREE,
      },
    });
    const manifest = {
      digest,
      imageSize: 49 + 40,
      createdTime: TIME,
      lastUpdateTime: TIME,
      architecture: "arm64",
      os: "linux",
      mediaType: IMAGE,
      configMediaType: CONFIG,
      tags: ["v1"],
      changeableAttributes: FREE,
    };
    expect((await send("GET", `/acr/v1/acr/two/_manifests/${encodeURIComponent(digest)}`)).json).toEqual({
      ...place,
      manifest,
    });
    await send("DELETE", "/acr/v1/acr%2Ftwo/_tags/v1");
    const { tags: _, ...untagged } = manifest;
    expect((await send("GET", "/acr/v1/acr/two/_manifests")).json).toEqual({ ...place, manifests: [untagged] });
  });

  test("an index has the size of what it names, and says what that runs on", async () => {
    const child = await pushLinux("acr/index", "digest");
    const platform = { architecture: "arm64", os: "linux" };
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [{ mediaType: IMAGE, digest: child.digest, size: child.size, platform }],
    });
    await send("PUT", "/v2/acr/index/manifests/v1", { headers: { "content-type": INDEX }, body });
    const { json } = await send("GET", `/acr/v1/acr/index/_manifests/${digestOf(body)}`);
    expect(member(json, "manifest")).toMatchObject({
      mediaType: INDEX,
      imageSize: 89,
      references: [{ digest: child.digest, ...platform }],
    });
    expect(member(json, "manifest")).not.toHaveProperty("configMediaType");
  });

  test("an artifact says its type and its subject", async () => {
    const image = await pushImage(send, "acr/signed", "v1");
    const subject = { mediaType: IMAGE, digest: image.digest, size: image.size };
    const { digest } = await pushImage(send, "acr/signed", "digest", { subject, artifactType: "a/signature" });
    expect(member((await send("GET", `/acr/v1/acr/signed/_manifests/${digest}`)).json, "manifest")).toMatchObject({
      artifactType: "a/signature",
      subject: { digest: image.digest },
    });
  });

  test("what is not there", async () => {
    await pushImage(send, "acr/there", "v1");
    for (const path of ["", "/_tags", "/_tags/v1", "/_manifests", `/_manifests/${NOBODY_HAS}`]) {
      expect(await send("GET", `/acr/v1/acr/nowhere${path}`)).toMatchObject({
        status: 404,
        json: { errors: [{ code: "NAME_UNKNOWN", detail: { name: "acr/nowhere" } }] },
      });
    }
    const tag = await send("GET", "/acr/v1/acr/there/_tags/v2");
    expect(tag).toMatchObject({ status: 404, json: errorOf("TAG_UNKNOWN") });
    expect(tag.body).not.toContain("detail");
    expect(await send("GET", `/acr/v1/acr/there/_manifests/${NOBODY_HAS}`)).toMatchObject({
      status: 404,
      json: errorOf("MANIFEST_UNKNOWN"),
    });
    expect((await send("GET", "/acr/v1/acr/there/_tags/a%2F..%2Fb")).status).toBe(400);
    expect((await send("GET", "/acr/v1/acr%2F..%2Fthere")).status).toBe(400);
    expect((await send("DELETE", `/acr/v1/acr/there/_manifests/${NOBODY_HAS}`)).status).toBe(405);
    expect(await send("GET", "/acr/v1/acr/there/_deleted")).toMatchObject({
      status: 501,
      json: errorOf("UNSUPPORTED"),
    });
  });

  test("a new tag or a lost one leaves the time of its manifest, and moves that of the repository", async () => {
    const { body, digest } = await pushImage(send, "acr/times", "v1");
    const times = async () => {
      const manifest = member((await send("GET", `/acr/v1/acr/times/_manifests/${digest}`)).json, "manifest");
      return [manifest.lastUpdateTime, member((await send("GET", "/acr/v1/acr/times")).json, "lastUpdateTime")];
    };
    const before = await times();
    await send("PUT", "/v2/acr/times/manifests/v2", { headers: { "content-type": IMAGE }, body });
    const tagged = await times();
    await send("DELETE", "/acr/v1/acr/times/_tags/v1");
    const untagged = await times();
    expect([tagged[0], untagged[0]]).toEqual([before[0], before[0]]);
    expect(new Set([before[1], tagged[1], untagged[1]]).size).toBe(3);
  });
});

describe("deletions", () => {
  test("a tag goes alone; a manifest with its tags, and what refers to it, however far", async () => {
    const image = await pushImage(send, "acr/cascade", "v1");
    const refer = (of: { digest: string; size: number }, tag: string) =>
      pushImage(send, "acr/cascade", tag, { subject: { mediaType: IMAGE, digest: of.digest, size: of.size } });
    const signature = await refer(image, "digest");
    await refer(signature, "tagged-signature-of-it");
    const other = await pushImage(send, "acr/cascade", "v2");
    const untag = await send("DELETE", "/acr/v1/acr%2Fcascade/_tags/v1");
    expect(untag).toMatchObject({ status: 202, body: "", headers: { "content-length": "0" } });
    expect(await send("DELETE", "/acr/v1/acr%2Fcascade/_tags/v1")).toMatchObject({ json: errorOf("TAG_UNKNOWN") });
    expect(await send("GET", "/acr/v1/acr/cascade")).toMatchObject({ json: { manifestCount: 4, tagCount: 2 } });
    expect((await send("DELETE", `/v2/acr/cascade/manifests/${image.digest}`)).status).toBe(202);
    expect(await send("GET", "/acr/v1/acr/cascade/_manifests")).toMatchObject({ json: { manifests: [{}] } });
    expect((await send("GET", `/acr/v1/acr/cascade/_manifests/${other.digest}`)).status).toBe(200);
  });

  test("an index leaves what it named, and stays without it", async () => {
    const child = await pushImage(send, "acr/children", "digest");
    const push = async (tag: string) => {
      const manifests = [{ mediaType: IMAGE, digest: child.digest, size: child.size }];
      const body = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests, annotations: { tag } });
      await send("PUT", `/v2/acr/children/manifests/${tag}`, { headers: { "content-type": INDEX }, body });
      return digestOf(body);
    };
    const [one, two] = [await push("v1"), await push("v2")];
    expect((await send("DELETE", `/v2/acr/children/manifests/${one}`)).status).toBe(202);
    expect((await send("GET", `/acr/v1/acr/children/_manifests/${child.digest}`)).status).toBe(200);
    expect((await send("DELETE", `/v2/acr/children/manifests/${child.digest}`)).status).toBe(202);
    expect((await send("GET", `/acr/v1/acr/children/_manifests/${two}`)).status).toBe(200);
  });

  test("a repository says what went with it", async () => {
    const { digest } = await pushImage(send, "acr/whole", "v1");
    const answer = await send("DELETE", "/acr/v1/acr%2Fwhole");
    expect(answer).toMatchObject({ status: 202, json: { manifestsDeleted: [digest], tagsDeleted: ["v1"] } });
    expect(await send("DELETE", "/acr/v1/acr%2Fwhole")).toMatchObject({
      status: 404,
      json: { errors: [{ code: "NAME_UNKNOWN", detail: { name: "acr/whole" } }] },
    });
    expect((await send("GET", "/v2/acr/whole/tags/list")).status).toBe(404);
  });
});

describe("rights", () => {
  test.each([
    ["GET", "", "metadata_read"],
    ["PATCH", "", "metadata_write"],
    ["DELETE", "", "delete"],
    ["GET", "/_tags", "metadata_read"],
    ["GET", "/_tags/v1", "metadata_read"],
    ["PATCH", "/_tags/v1", "metadata_write"],
    ["DELETE", "/_tags/v1", "delete"],
    ["GET", "/_manifests", "metadata_read"],
    ["GET", `/_manifests/${NOBODY_HAS}`, "metadata_read"],
    ["PATCH", `/_manifests/${NOBODY_HAS}`, "metadata_write"],
  ])("%s %s needs %s in that repository, and nothing else will do", async (method, path, action) => {
    const body = method === "PATCH" ? { body: "{}" } : {};
    const others = ["pull", "push", "delete", "metadata_read", "metadata_write"].filter((one) => one !== action);
    for (const scope of [`repository:acr/rights:${others.join(",")}`, `repository:acr/other:${action}`]) {
      const token = await accessTokenFor(azure, refresh, scope);
      const refused = await send(method, `/acr/v1/acr%2Frights${path}`, { token, ...body });
      expect(refused).toMatchObject({
        status: 401,
        json: { errors: [{ code: "UNAUTHORIZED", detail: [{ Name: "acr/rights", Action: action }] }] },
      });
      expect(refused.headers["www-authenticate"]).toContain(
        `scope="repository:acr/rights:${action}",error="insufficient_scope"`,
      );
    }
    const token = await accessTokenFor(azure, refresh, `repository:acr/rights:${action}`);
    expect((await send(method, `/acr/v1/acr%2Frights${path}`, { token, ...body })).status).toBe(404);
  });

  test("in ABAC mode too, one repository at a time", async () => {
    const abac = await refreshTokenOf(azure, "research-connector", ABAC_REGISTRY);
    const host = ABAC_REGISTRY;
    const everywhere = await accessTokenFor(azure, abac, "repository:*:metadata_read", host);
    const names = await send("GET", "/acr/v1/speech/asr/_tags", { host, token: everywhere });
    expect(names.status).toBe(401);
    const one = await accessTokenFor(azure, abac, "repository:speech/asr:metadata_read", host);
    expect((await send("GET", "/acr/v1/speech/asr/_tags", { host, token: one })).status).not.toBe(401);
    expect((await send("DELETE", "/acr/v1/speech/asr", { host, token: one })).status).toBe(401);
  });
});
