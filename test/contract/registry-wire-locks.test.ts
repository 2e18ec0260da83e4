/** Locks on the local container registries: each of a repository, a manifest and a tag, on `/acr/v1` and on `/v2`. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { createRegistryClient, errorOf, IMAGE, pushImage, type RegistryClient } from "../support/registry-images.ts";
import { accessTokenFor, refreshTokenOf } from "../support/registry-requests.ts";

const DISALLOWED = { status: 405, json: errorOf("REGISTRY_DISALLOWED_OPERATION") };
const FREE = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
const ACCEPT = { headers: { accept: IMAGE } };

let azure: LocalAzure;
let send: RegistryClient;
let repositories = 0;

beforeAll(async () => {
  azure = await startLocalAzure();
  const refresh = await refreshTokenOf(azure, "platform-automation");
  send = createRegistryClient(azure, await accessTokenFor(azure, refresh, "registry:catalog:* repository:*:*"));
});
afterAll(async () => azure?.stop());

const member = (value: unknown, name: string) => Object(value)[name];
async function lock(path: string, changes: object) {
  const answer = await send("PATCH", `/acr/v1/${path}`, { body: JSON.stringify(changes) });
  expect(answer.status).toBe(200);
  return answer.json;
}
/** A repository of its own with one image. */
async function oneImage() {
  repositories += 1;
  const name = `locks/r${repositories}`;
  return { name, ...(await pushImage(send, name, "v1")) };
}

test("a lock changes what is given, and no time; other attributes are taken and do nothing", async () => {
  const { name, digest } = await oneImage();
  for (const [path, word] of [
    [name, null],
    [`${name}/_tags/v1`, "tag"],
    [`${name}/_manifests/${digest}`, "manifest"],
  ] as const) {
    const of = (json: unknown) => (word === null ? json : member(json, word));
    const before = of((await send("GET", `/acr/v1/${path}`)).json);
    const locked = of(await lock(path, { deleteEnabled: false, quarantineState: "Passed" }));
    expect(locked).toEqual({
      ...before,
      changeableAttributes: { ...before.changeableAttributes, deleteEnabled: false },
    });
    expect(of(await lock(path, { writeEnabled: false }))).toMatchObject({
      changeableAttributes: { ...FREE, deleteEnabled: false, writeEnabled: false },
    });
    expect(of(await lock(path, { deleteEnabled: true, writeEnabled: true }))).toEqual(before);
  }
});

test.each(['{"deleteEnabled":"false"}', '{"deleteEnabled":null}', "[]", "{", ""])(
  "the body %j is refused, and changes nothing",
  async (body) => {
    const { name } = await oneImage();
    expect((await send("PATCH", `/acr/v1/${name}`, { body })).status).toBe(400);
    expect(await send("GET", `/acr/v1/${name}`)).toMatchObject({ json: { changeableAttributes: FREE } });
  },
);

describe.each(["deleteEnabled", "writeEnabled"])("without %s", (attribute) => {
  test("a tag stays, by its name, with its manifest and with its repository", async () => {
    const { name, digest } = await oneImage();
    await lock(`${name}/_tags/v1`, { [attribute]: false });
    expect(await send("DELETE", `/acr/v1/${name}/_tags/v1`)).toMatchObject(DISALLOWED);
    expect(await send("DELETE", `/v2/${name}/manifests/${digest}`)).toMatchObject(DISALLOWED);
    expect(await send("DELETE", `/acr/v1/${name}`)).toMatchObject(DISALLOWED);
    const { json } = await send("GET", `/acr/v1/${name}/_manifests/${digest}`);
    expect(member(json, "manifest")).toMatchObject({ tags: ["v1"], changeableAttributes: FREE });
    await lock(`${name}/_tags/v1`, { [attribute]: true });
    expect((await send("DELETE", `/v2/${name}/manifests/${digest}`)).status).toBe(202);
  });

  test("a manifest stays, though its tag may go", async () => {
    const { name, digest } = await oneImage();
    await lock(`${name}/_manifests/${digest}`, { [attribute]: false });
    expect(await send("DELETE", `/v2/${name}/manifests/${digest}`)).toMatchObject(DISALLOWED);
    expect(await send("DELETE", `/acr/v1/${name}`)).toMatchObject(DISALLOWED);
    expect((await send("DELETE", `/acr/v1/${name}/_tags/v1`)).status).toBe(202);
    expect((await send("GET", `/acr/v1/${name}/_manifests/${digest}`)).status).toBe(200);
  });

  test("a referrer stays, and what it refers to with it", async () => {
    const { name, digest, size } = await oneImage();
    const subject = { mediaType: IMAGE, digest, size };
    const referrer = await pushImage(send, name, "digest", { subject });
    await lock(`${name}/_manifests/${referrer.digest}`, { [attribute]: false });
    expect(await send("DELETE", `/v2/${name}/manifests/${digest}`)).toMatchObject(DISALLOWED);
    expect(await send("GET", `/acr/v1/${name}`)).toMatchObject({ json: { manifestCount: 2, tagCount: 1 } });
  });
});

test("a repository that may not be deleted lets its images go; one that may not be written keeps them", async () => {
  const { name, digest } = await oneImage();
  await pushImage(send, name, "v2");
  await lock(name, { writeEnabled: false });
  expect(await send("DELETE", `/v2/${name}/manifests/${digest}`)).toMatchObject(DISALLOWED);
  expect(await send("DELETE", `/acr/v1/${name}/_tags/v1`)).toMatchObject(DISALLOWED);
  expect(await send("DELETE", `/acr/v1/${name}`)).toMatchObject(DISALLOWED);
  expect(await send("POST", `/v2/${name}/blobs/uploads/`)).toMatchObject(DISALLOWED);
  await lock(name, { writeEnabled: true, deleteEnabled: false });
  expect(await send("DELETE", `/acr/v1/${name}`)).toMatchObject(DISALLOWED);
  expect((await send("DELETE", `/v2/${name}/manifests/${digest}`)).status).toBe(202);
});

test("a tag that may not be written does not move; one that may not be deleted does", async () => {
  const { name, digest, body } = await oneImage();
  const other = await pushImage(send, name, "v2");
  const push = (tag: string, content: string) =>
    send("PUT", `/v2/${name}/manifests/${tag}`, { headers: { "content-type": IMAGE }, body: content });
  await lock(`${name}/_tags/v1`, { writeEnabled: false });
  expect(await push("v1", other.body)).toMatchObject(DISALLOWED);
  expect(member((await send("GET", `/acr/v1/${name}/_tags/v1`)).json, "tag")).toMatchObject({ digest });
  await lock(`${name}/_tags/v1`, { writeEnabled: true, deleteEnabled: false });
  expect((await push("v1", other.body)).status).toBe(201);
  await lock(`${name}/_manifests/${digest}`, { writeEnabled: false });
  expect((await push("v3", body)).status).toBe(201);
  await lock(name, { writeEnabled: false });
  expect(await push("v4", body)).toMatchObject(DISALLOWED);
});

test("what may not be read is not pulled: a repository, a manifest, or a tag by its name alone", async () => {
  const { name, digest } = await oneImage();
  const statuses = async () => {
    const paths = [`manifests/v1`, `manifests/${digest}`, `referrers/${digest}`];
    return Promise.all(paths.map(async (path) => (await send("GET", `/v2/${name}/${path}`, ACCEPT)).status));
  };
  expect(await statuses()).toEqual([200, 200, 200]);
  for (const [path, expected] of [
    [`${name}/_tags/v1`, [405, 200, 200]],
    [`${name}/_manifests/${digest}`, [405, 405, 200]],
    [name, [405, 405, 405]],
  ] as const) {
    await lock(path, { readEnabled: false });
    expect(await statuses()).toEqual(expected);
    await lock(path, { readEnabled: true });
  }
});

test("what may not be listed is in no list, and is there", async () => {
  const { name, digest } = await oneImage();
  const other = await pushImage(send, name, "v2");
  await lock(`${name}/_tags/v1`, { listEnabled: false });
  await lock(`${name}/_manifests/${digest}`, { listEnabled: false });
  expect(await send("GET", `/acr/v1/${name}/_tags`)).toMatchObject({ json: { tags: [{ name: "v2" }] } });
  expect(await send("GET", `/v2/${name}/tags/list`)).toMatchObject({ json: { tags: ["v2"] } });
  const manifests = await send("GET", `/acr/v1/${name}/_manifests?orderby=timedesc`);
  expect(manifests).toMatchObject({ json: { manifests: [{ digest: other.digest }] } });
  expect((await send("GET", `/acr/v1/${name}/_tags/v1`)).status).toBe(200);
  const catalog = async () => member((await send("GET", "/acr/v1/_catalog?n=1000")).json, "repositories");
  expect(await catalog()).toContain(name);
  await lock(name, { listEnabled: false });
  expect(await catalog()).not.toContain(name);
  expect((await send("GET", `/acr/v1/${name}`)).status).toBe(200);
});
