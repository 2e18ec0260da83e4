import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { pagesOf } from "../../../support/acr-client.ts";
import { type AcrAnswer, fakeAcr, HOST, type NoAnswer, refusal } from "../../../support/fakes-acr.ts";

const signal = new AbortController().signal;
const DIGEST = `sha256:${"a".repeat(64)}`;
const FREE = { deleteEnabled: true, writeEnabled: true };
const tagsPage = (name: string, ...names: readonly string[]) => ({
  registry: HOST,
  imageName: name,
  tags: names.map((one) => ({
    name: one,
    digest: DIGEST,
    lastUpdateTime: "2026-01-01T00:00:00Z",
    changeableAttributes: FREE,
  })),
});
const next = (target: string) => ({ link: `<${target}>; rel="next"` });
const ACCEPTED: AcrAnswer = { status: 202 };
const answering = (...answers: readonly (AcrAnswer | NoAnswer)[]) =>
  fakeAcr((_, index) => answers[Math.min(index, answers.length - 1)] ?? ACCEPTED);
const refused = { code: "UPSTREAM_REFUSED" };

describe("a list", () => {
  test("is followed over pages of the same list, empty ones too, and ends", async () => {
    const { content, requests } = answering(
      {
        status: 200,
        body: tagsPage("team/app", "a"),
        headers: next("/acr/v1/team%2Fapp/_tags?last=a&n=1000&orderby="),
      },
      { status: 200, body: tagsPage("team/app"), headers: next("/acr/v1/team/app/_tags?last=b&n=1000") },
      { status: 200, body: tagsPage("team/app", "c"), headers: next(`https://${HOST}/acr/v1/team%2fapp/_tags?last=c`) },
      { status: 200, body: tagsPage("team/app", "d") },
    );
    const tags = await pagesOf(content.tags("team/app", signal));
    expect(tags.map(({ name }) => name)).toEqual(["a", "c", "d"]);
    const path = `https://${HOST}/acr/v1/team%2Fapp/_tags`;
    const queries = ["?n=1000", "?last=a&n=1000&orderby=", "?last=b&n=1000", "?last=c"];
    expect(requests.map(({ url }) => url)).toEqual(queries.map((query) => `${path}${query}`));
  });

  test.each([
    "https://evil.example/acr/v1/team%2Fapp/_tags?last=a",
    "//evil.example/acr/v1/team%2Fapp/_tags",
    `http://${HOST}/acr/v1/team%2Fapp/_tags?last=a`,
    `https://user@${HOST}/acr/v1/team%2Fapp/_tags`,
    `https://${HOST}:8443/acr/v1/team%2Fapp/_tags`,
    "/acr/v1/team%2Fother/_tags?last=a",
    "/acr/v1/team%2Fapp/_manifests?last=a",
    "/acr/v1/_catalog?last=a",
    "/acr/v1/team%2Fapp/_tags/../_manifests",
    "/acr/v1/team%2Fapp%2F..%2Fother/_tags",
    "/acr/v1/team%252Fapp/_tags",
    "/oauth2/token?x=/acr/v1/team%2Fapp/_tags",
    "not a link",
  ])("is not followed to %s", async (target) => {
    const { content, requests } = answering({ status: 200, body: tagsPage("team/app", "a"), headers: next(target) });
    await expect(pagesOf(content.tags("team/app", signal))).rejects.toMatchObject(refused);
    expect(new Set(requests.map(({ url }) => url))).toEqual(
      new Set([`https://${HOST}/acr/v1/team%2Fapp/_tags?n=1000`]),
    );
  });

  test.each([["?n=1000"], ["?last=a"]])("that goes round in a circle over %s is broken, not cut", async (query) => {
    const page = { status: 200, body: tagsPage("app", "a"), headers: next(`/acr/v1/app/_tags${query}`) };
    await expect(pagesOf(answering(page).content.tags("app", signal))).rejects.toMatchObject(refused);
  });

  test("of a repository that is not there is empty; of one that goes meanwhile it is broken", async () => {
    const gone = refusal(404, "NAME_UNKNOWN");
    expect(await pagesOf(answering(gone).content.tags("app", signal))).toEqual([]);
    expect(await pagesOf(answering(gone).content.manifests("app", signal))).toEqual([]);
    const first = { status: 200, body: tagsPage("app", "a"), headers: next("/acr/v1/app/_tags?last=a") };
    await expect(pagesOf(answering(first, gone).content.tags("app", signal))).rejects.toMatchObject(refused);
    await expect(pagesOf(answering(gone).content.repositories(signal))).rejects.toMatchObject(refused);
  });

  test.each([
    [
      "a page of something in between",
      { status: 200, body: "<html>no</html>", headers: { "content-type": "text/html" } },
    ],
    ["the same as JSON", { status: 200, body: "<html>no</html>" }],
    ["half a page", { status: 200, body: '{"imageName":"app","tags":[' }],
    ["nothing", { status: 200 }],
    ["a 404 of a stranger", { status: 404, body: "<html>no</html>", headers: { "content-type": "text/html" } }],
    ["a 404 without a code", { status: 404, body: {} }],
    ["a 404 of something else", refusal(404, "TAG_UNKNOWN")],
    ["204", { status: 204 }],
    ["another repository's page", { status: 200, body: tagsPage("other", "a") }],
    ["a redirect", { status: 307, headers: { location: "https://evil.example/" } }],
    ["a redirect to itself", { status: 307, headers: { location: `https://${HOST}/acr/v1/other/_tags` } }],
    ["an endless page", { status: 200, body: tagsPage("app"), blanks: 32 * 1024 * 1024 }],
  ] as const)("is not what %s says", async (_what, answer) => {
    const { content, requests } = answering(answer);
    await expect(pagesOf(content.tags("app", signal))).rejects.toMatchObject(refused);
    expect(new Set(requests.map(({ url }) => url)).size).toBe(1);
  });

  test.each(["..%2f", "../x", "a/../b", "A", "a:b", "a?x=1", "a#b", "a b", "", "*", "a\n"])(
    "of the name %j, which is none, is not asked for",
    async (name) => {
      const { content, calls } = answering(ACCEPTED);
      expect(() => content.tags(name, signal)).toThrow();
      expect(() => content.manifests(name, signal)).toThrow();
      await expect(content.deleteManifest(name, DIGEST, signal)).rejects.toThrow();
      await expect(content.deleteTag(name, "a", signal)).rejects.toThrow();
      await expect(content.facts(name, DIGEST, signal)).rejects.toThrow();
      expect(calls).toEqual([]);
    },
  );
});

describe("a body", () => {
  const body = JSON.stringify({
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [{ digest: DIGEST }],
  });
  const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  const type = { "content-type": "application/vnd.oci.image.index.v1+json" };

  test("is read, and asked for with every type", async () => {
    const { content, requests } = answering({ status: 200, body, headers: type });
    expect(await content.facts("app", digest, signal)).toMatchObject({ digest, children: [DIGEST] });
    expect(requests[0]?.url).toBe(`https://${HOST}/v2/app/manifests/${digest}`);
    expect(requests[0]?.headers.get("accept")).toContain("application/vnd.oci.artifact.manifest.v1+json");
  });

  test("that is not there is null", async () => {
    expect(await answering(refusal(404, "MANIFEST_UNKNOWN")).content.facts("app", digest, signal)).toBeNull();
  });

  test.each([
    ["another body", { status: 200, body: "{}" }],
    ["one byte more", { status: 200, body: `${body}\n` }],
    [
      "a page of something in between",
      { status: 200, body: "<html></html>", headers: { "content-type": "text/html" } },
    ],
    ["a 404 of a stranger", { status: 404, body: "<html></html>", headers: { "content-type": "text/html" } }],
    ["more than four MiB", { status: 200, body, blanks: 4 * 1024 * 1024 }],
  ] as const)("is not %s", async (_what, answer) => {
    await expect(answering(answer).content.facts("app", digest, signal)).rejects.toMatchObject(refused);
  });
});

describe("what refers to a manifest", () => {
  test("is listed over pages, each once", async () => {
    const [one, two] = ["b", "c"].map((letter) => ({ digest: `sha256:${letter.repeat(64)}` }));
    const { content } = answering(
      {
        status: 200,
        body: { manifests: [one, two] },
        headers: next(`/v2/app/referrers/${DIGEST.replace(":", "%3A")}?last=x`),
      },
      { status: 200, body: { manifests: [two] } },
    );
    expect(await content.referrers("app", DIGEST, signal)).toEqual([one?.digest, two?.digest]);
  });

  test.each([404, 405, 501])("is not told by a registry that says %d", async (status) => {
    expect(await answering(refusal(status, "UNSUPPORTED")).content.referrers("app", DIGEST, signal)).toBeNull();
    const plain = { status, body: "404 page not found", headers: { "content-type": "text/plain" } };
    expect(await answering(plain).content.referrers("app", DIGEST, signal)).toBeNull();
  });

  test("of a manifest that the registry does not know says nothing of the others", async () => {
    const { content } = answering(refusal(404, "MANIFEST_UNKNOWN"));
    await expect(content.referrers("app", DIGEST, signal)).rejects.toMatchObject({ failure: { status: 404 } });
  });

  test("is none at all when there is none", async () => {
    expect(await answering({ status: 200, body: { manifests: [] } }).content.referrers("app", DIGEST, signal)).toEqual(
      [],
    );
  });
});

test("no error bears a token", async () => {
  for (const answer of [
    refusal(401, "UNAUTHORIZED"),
    refusal(403, "DENIED"),
    "lost",
    { status: 200, body: "no" },
  ] as const) {
    const thrown: unknown = await answering(answer)
      .content.facts("app", DIGEST, signal)
      .catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(Error);
    expect(inspect(thrown, { depth: null, showHidden: true })).not.toMatch(/eyJ|Bearer/);
  }
});
