/** What the control endpoint does to the local container registries: limits, counts, many images, other times. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { createRegistryClient, errorOf, IMAGE, pushImage, type RegistryClient } from "../support/registry-images.ts";
import { accessTokenFor, exchangeOf, REGISTRY, refreshTokenOf } from "../support/registry-requests.ts";

let azure: LocalAzure;
let send: RegistryClient;
let other: RegistryClient;

beforeAll(async () => {
  azure = await startLocalAzure();
  const scope = "repository:*:pull,push,metadata_read";
  const refresh = await refreshTokenOf(azure, "platform-automation");
  send = createRegistryClient(azure, await accessTokenFor(azure, refresh, "repository:*:*"));
  const another = await refreshTokenOf(azure, "zenml-connector");
  other = createRegistryClient(azure, await accessTokenFor(azure, another, scope));
});
afterEach(async () => steer("DELETE", ""));
afterAll(async () => azure?.stop());

const member = (value: unknown, name: string) => Object(value)[name];
async function steer(method: string, path: string, body?: object) {
  const sent = body === undefined ? {} : { headers: { "content-type": "application/json" } };
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(`${azure.controlUrl}/registry${path}`, { method, ...sent, ...text });
  const json: unknown = answer.status === 204 ? undefined : await answer.json();
  return { status: answer.status, json };
}

describe("limits", () => {
  test("each category and each identity has its own bucket, and a refused request takes from none", async () => {
    const slow = { capacity: 2, perMinute: 0.01 };
    await steer("PATCH", "", { limits: { identity: { read: slow }, registry: { read: { ...slow, capacity: 3 } } } });
    const read = (client: RegistryClient) => client("GET", "/acr/v1/zenml/_tags");
    expect([(await read(send)).status, (await read(send)).status]).toEqual([200, 200]);
    const refused = await read(send);
    expect(refused).toMatchObject({ status: 429, json: errorOf("TOOMANYREQUESTS") });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(5_900);
    expect((await read(other)).status).toBe(200);
    expect((await read(other)).status).toBe(429);
    expect((await send("DELETE", "/acr/v1/zenml/_tags/nobody")).status).toBe(404);
    expect((await exchangeOf(azure, "zenml-connector")).status).toBe(200);
  });

  test("what a refusal says of the time can be left out, or be the next full minute", async () => {
    const limits = { registry: { delete: { capacity: 1, perMinute: 0.01 } } };
    await steer("PATCH", "", { limits, retryAfter: "none" });
    const remove = () => send("DELETE", "/acr/v1/zenml/_tags/nobody");
    await remove();
    const silent = await remove();
    expect(silent.status).toBe(429);
    expect(silent.headers).not.toHaveProperty("retry-after");
    await steer("PATCH", "", { retryAfter: "nextMinute" });
    const minute = Number((await remove()).headers["retry-after"]);
    expect(minute).toBeGreaterThanOrEqual(1);
    expect(minute).toBeLessThanOrEqual(60);
    await steer("PATCH", "", { limits: null });
    expect((await remove()).status).toBe(404);
  });

  test("sign-in is counted for the registry as a whole", async () => {
    await steer("PATCH", "", { limits: { registry: { oauth: { capacity: 1, perMinute: 0.01 } } } });
    const statuses = [await exchangeOf(azure, "zenml-connector"), await exchangeOf(azure, "platform-automation")];
    expect(statuses.map(({ status }) => status)).toEqual([200, 429]);
  });

  test("those of a tier can be named, and nothing else is taken", async () => {
    expect((await steer("PATCH", "", { limits: "Premium" })).json).toMatchObject({ limits: "Premium" });
    for (const limits of [
      "Free",
      { registry: { delete: { perMinute: 0 } } },
      { identity: { oauth: { perMinute: 1 } } },
    ]) {
      expect((await steer("PATCH", "", { limits })).status).toBe(400);
    }
    expect((await steer("GET", "")).json).toMatchObject({ limits: "Premium" });
  });
});

test("requests are counted by category and status, refusals too", async () => {
  await steer("DELETE", "/requests");
  await send("GET", "/acr/v1/zenml/_tags");
  await send("GET", "/acr/v1/zenml/_manifests", { token: "x.y.z" });
  await send("DELETE", "/acr/v1/zenml/_tags/nobody");
  await send("GET", `/v2/zenml/referrers/sha256:${"0".repeat(64)}`);
  const count = (category: string, status: number) => ({ loginServer: REGISTRY, category, status, count: 1 });
  expect((await steer("GET", "/requests")).json).toEqual({
    total: 4,
    items: [count("read", 200), count("read", 401), count("delete", 404), count("listReferrers", 200)],
  });
});

test("many images of one call are listed, newest last, and can be pulled", async () => {
  const repository = "many/images";
  const given = { loginServer: REGISTRY, repository, count: 2_500, ageSeconds: 86_400, stepSeconds: 60 };
  expect(await steer("POST", "/images", given)).toEqual({ status: 201, json: { manifests: 2_500, tags: 2_500 } });
  expect(
    await steer("POST", "/images", { ...given, count: 3, firstNumber: 9_000, tagged: false, ownLayers: true }),
  ).toMatchObject({ status: 201, json: { manifests: 3, tags: 0 } });
  expect(await send("GET", `/acr/v1/${repository}`)).toMatchObject({ json: { manifestCount: 2_503, tagCount: 2_500 } });
  const { json } = await send("GET", `/acr/v1/${repository}/_tags?orderby=timedesc&n=2`);
  const [newest, before] = member(json, "tags");
  expect([newest.name, before.name]).toEqual(["v2499", "v2498"]);
  expect(Date.parse(newest.lastUpdateTime) - Date.parse(before.lastUpdateTime)).toBe(60_000);
  expect(Date.now() - Date.parse(newest.lastUpdateTime)).toBeGreaterThan(86_000_000);
  const manifest = await send("GET", `/v2/${repository}/manifests/v7`, { headers: { accept: IMAGE } });
  const { config, layers } = Object(manifest.json);
  for (const { digest, size } of [config, ...layers]) {
    const blob = await send("HEAD", `/v2/${repository}/blobs/${digest}`);
    expect(blob).toMatchObject({ status: 200, headers: { "content-length": String(size) } });
  }
});

test("times of a tag, a manifest, or of everything in a repository can be changed", async () => {
  const { digest } = await pushImage(send, "many/old", "v1");
  await pushImage(send, "many/old", "v2");
  const target = { loginServer: REGISTRY, repository: "many/old" };
  const tag = async (name: string) => member((await send("GET", `/acr/v1/many/old/_tags/${name}`)).json, "tag");
  expect(await steer("POST", "/times", { ...target, tag: "v1", lastUpdateTime: "2025-01-02T03:04:05.6Z" })).toEqual({
    status: 200,
    json: { changed: 1 },
  });
  const changed = await tag("v1");
  expect(changed.lastUpdateTime).toBe("2025-01-02T03:04:05.6Z");
  expect(changed.createdTime).not.toBe(changed.lastUpdateTime);
  await steer("POST", "/times", { ...target, digest, createdTime: "2024-01-01T00:00:00Z" });
  const { json } = await send("GET", `/acr/v1/many/old/_manifests/${digest}`);
  expect(member(json, "manifest")).toMatchObject({ createdTime: "2024-01-01T00:00:00Z" });
  expect((await steer("POST", "/times", { ...target, all: true, ageSeconds: 1_000 })).json).toEqual({ changed: 5 });
  const age = Date.now() - Date.parse((await tag("v2")).lastUpdateTime);
  expect(age).toBeGreaterThanOrEqual(999_000);
});

test.each([
  ["an unknown registry", { loginServer: "nobody.azurecr.io", repository: "a", tag: "a", ageSeconds: 1 }, 404],
  ["an unknown tag", { loginServer: REGISTRY, repository: "zenml", tag: "a", ageSeconds: 1 }, 404],
  ["a name that is none", { loginServer: REGISTRY, repository: "../zenml", tag: "a", ageSeconds: 1 }, 400],
  ["two targets", { loginServer: REGISTRY, repository: "zenml", tag: "a", all: true, ageSeconds: 1 }, 400],
  ["no time", { loginServer: REGISTRY, repository: "zenml", all: true }, 400],
  [
    "an age and a time",
    { loginServer: REGISTRY, repository: "a", all: true, ageSeconds: 1, createdTime: "2025-01-01T00:00:00Z" },
    400,
  ],
])("times are not changed for %s", async (_what, body, status) => {
  expect((await steer("POST", "/times", body)).status).toBe(status);
});

test("lists can be without the type and the subject of artifacts", async () => {
  const image = await pushImage(send, "many/signed", "v1");
  const subject = { mediaType: IMAGE, digest: image.digest, size: image.size };
  const { digest } = await pushImage(send, "many/signed", "digest", { subject, artifactType: "a/signature" });
  const show = async () => member((await send("GET", `/acr/v1/many/signed/_manifests/${digest}`)).json, "manifest");
  expect(await show()).toMatchObject({ artifactType: "a/signature", subject: { digest: image.digest } });
  await steer("PATCH", "", { artifactFields: false });
  const bare = await show();
  expect(bare).not.toHaveProperty("artifactType");
  expect(bare).not.toHaveProperty("subject");
});
