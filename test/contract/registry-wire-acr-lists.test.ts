/** Lists of Azure's own operations on the local container registries (`/acr/v1`): orders, pages, links. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { createRegistryClient, errorOf, IMAGE, pushImage, type RegistryClient } from "../support/registry-images.ts";
import { accessTokenFor, refreshTokenOf } from "../support/registry-requests.ts";

let azure: LocalAzure;
let send: RegistryClient;

beforeAll(async () => {
  azure = await startLocalAzure();
  const refresh = await refreshTokenOf(azure, "platform-automation");
  send = createRegistryClient(azure, await accessTokenFor(azure, refresh, "repository:*:*"));
});
afterAll(async () => azure?.stop());

const member = (value: unknown, name: string) => Object(value)[name];
/** All items of a list, and how many pages it took. */
async function walk(path: string, list: string) {
  const items: unknown[] = [];
  let pages = 0;
  for (let next: string | undefined = path; next !== undefined; pages += 1) {
    const answer = await send("GET", next);
    expect(answer.status).toBe(200);
    items.push(...member(answer.json, list));
    next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.link ?? "")?.[1];
  }
  return { items, pages };
}

test.each(["_tags", "_manifests"])("%s come in pages, by name and by time", async (word) => {
  const list = word.slice(1);
  const name = `acr/list${list}`;
  const digests: string[] = [];
  for (const tag of ["c", "a", "e", "b", "d"]) digests.push((await pushImage(send, name, tag)).digest);
  const keyOf = (item: unknown) => member(item, list === "tags" ? "name" : "digest");
  const inTime = list === "tags" ? ["c", "a", "e", "b", "d"] : digests;
  for (const [query, expected] of [
    ["n=2", [...inTime].sort()],
    ["n=2&orderby=", [...inTime].sort()],
    ["n=2&orderby=timeasc", inTime],
    ["n=2&orderby=timedesc", [...inTime].reverse()],
  ] as const) {
    const { items, pages } = await walk(`/acr/v1/${name}/${word}?${query}`, list);
    expect([items.map(keyOf), pages]).toEqual([expected, 3]);
  }
});

test("links are relative and encoded; by time they hold the time left until the end of all times", async () => {
  for (const tag of ["a", "b"]) await pushImage(send, "acr/links", tag);
  const first = await send("GET", "/acr/v1/acr/links/_tags?n=1");
  expect(first.headers.link).toBe(`</acr/v1/acr%2Flinks/_tags?last=a&n=1&orderby=>; rel="next"`);
  const byTime = await send("GET", "/acr/v1/acr/links/_tags?n=1&orderby=timedesc");
  expect(byTime.headers.link).toMatch(
    /^<\/acr\/v1\/acr%2Flinks\/_tags\?last=858\d{16}%26b&n=1&orderby=timedesc>; rel="next"$/,
  );
});

test("deletions between pages lose nothing, in any order", async () => {
  for (const order of ["", "timeasc", "timedesc"]) {
    const name = `acr/deleted${order}`;
    const tags = Array.from({ length: 9 }, (_, index) => `v${index}`);
    for (const tag of tags) await pushImage(send, name, tag);
    const seen: string[] = [];
    let path: string | undefined = `/acr/v1/${name}/_tags?n=2&orderby=${order}`;
    while (path !== undefined) {
      const page = await send("GET", path);
      for (const { name: tag } of member(page.json, "tags")) {
        seen.push(tag);
        expect((await send("DELETE", `/acr/v1/${name}/_tags/${tag}`)).status).toBe(202);
      }
      path = /^<([^>]+)>/.exec(page.headers.link ?? "")?.[1];
    }
    expect(seen.sort()).toEqual(tags);
  }
});

test("tags of one manifest", async () => {
  const { body, digest } = await pushImage(send, "acr/filter", "v1");
  await pushImage(send, "acr/filter", "v2");
  await send("PUT", "/v2/acr/filter/manifests/v3", { headers: { "content-type": IMAGE }, body });
  const { items } = await walk(`/acr/v1/acr/filter/_tags?n=1&digest=${encodeURIComponent(digest)}`, "tags");
  expect(items.map((tag) => member(tag, "name"))).toEqual(["v1", "v3"]);
  const all = await send("GET", "/acr/v1/acr/filter/_tags?digest=latest");
  expect(all).toMatchObject({ status: 400, json: errorOf("DIGEST_INVALID") });
  expect(await send("GET", "/acr/v1/acr/filter/_tags?n=x")).toMatchObject({
    status: 400,
    json: errorOf("PAGINATION_NUMBER_INVALID"),
  });
});
