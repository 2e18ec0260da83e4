/** Tokens for a registry's content: how many are made, what they hold, and what becomes of those that are not taken. */
import { describe, expect, test } from "vitest";
import { pagesOf } from "../../../support/acr-client.ts";
import { type AcrAnswer, all, fakeAcr, HOST, refusal } from "../../../support/fakes-acr.ts";

const signal = new AbortController().signal;
const DIGEST = `sha256:${"a".repeat(64)}`;
const ACCEPTED: AcrAnswer = { status: 202 };
const accepted = () => ACCEPTED;
const unauthorized = refusal(401, "UNAUTHORIZED");
const names = (count: number) => Array.from({ length: count }, (_, index) => `app${index}`);
const tokenCalls = (calls: readonly string[]) => calls.filter((call) => call.includes("/oauth2/"));
const listing = ({ url }: { readonly url: string }): AcrAnswer => {
  const [, name = ""] = /\/acr\/v1\/([^/]+)\//.exec(url) ?? [];
  return { status: 200, body: { registry: HOST, imageName: decodeURIComponent(name), tags: [] } };
};

describe("a token", () => {
  test("is made once for many calls of a repository and an action, and again for another", async () => {
    const { content, scopes } = fakeAcr(accepted);
    await Promise.all(Array.from({ length: 50 }, (_, index) => content.deleteTag("app", `t${index}`, signal)));
    await content.deleteManifest("app", DIGEST, signal);
    expect(scopes).toEqual(["repository:app:delete"]);
    await content.deleteManifest("team/app", DIGEST, signal);
    expect(scopes.slice(1)).toEqual(["repository:team/app:delete"]);
  });

  test("holds the one action that the call needs", async () => {
    const { content, scopes } = fakeAcr((request) =>
      request.method === "PATCH" ? { status: 200, body: {} } : refusal(404, "NAME_UNKNOWN"),
    );
    await pagesOf(content.tags("app", signal));
    await pagesOf(content.manifests("app", signal));
    await content.facts("app", DIGEST, signal);
    await content.referrers("app", DIGEST, signal);
    await content.deleteTag("app", "a", signal);
    await content.setTagLock("app", "a", true, signal);
    await pagesOf(content.repositories(signal)).catch(() => []);
    const actions = ["metadata_read", "pull", "delete", "metadata_write"].map((action) => `repository:app:${action}`);
    expect(scopes).toEqual([...actions, "registry:catalog:*"]);
  });

  test.each(["legacy", "abac"] as const)("is shared by ten repositories that begin together (%s)", async (mode) => {
    const { content, scopes, calls } = fakeAcr(listing, { mode });
    await Promise.all(names(25).map((name) => pagesOf(content.tags(name, signal))));
    expect(scopes.map((scope) => scope.split(" ").length)).toEqual([10, 10, 5]);
    expect(new Set(scopes.join(" ").split(" ")).size).toBe(25);
    expect(calls.filter((call) => call.endsWith("/oauth2/exchange"))).toHaveLength(1);
  });

  test("is used until a minute before its end", async () => {
    const { content, scopes, pass } = fakeAcr(accepted, { life: 3_600 });
    await content.deleteTag("app", "a", signal);
    pass(3_539_000);
    await content.deleteTag("app", "a", signal);
    expect(scopes).toHaveLength(1);
    pass(1_001);
    await content.deleteTag("app", "a", signal);
    expect(scopes).toHaveLength(2);
  });

  test("with a short life is used for nine tenths of it", async () => {
    const { content, scopes, pass } = fakeAcr(accepted, { life: 60 });
    await content.deleteTag("app", "a", signal);
    pass(53_000);
    await content.deleteTag("app", "a", signal);
    expect(scopes).toHaveLength(1);
    pass(1_001);
    await content.deleteTag("app", "a", signal);
    expect(scopes).toHaveLength(2);
  });
});

describe("what was granted", () => {
  test.each([
    ["legacy", "delete", "AcrDelete"],
    ["abac", "delete", "Container Registry Repository Contributor"],
    ["legacy", "tags", "AcrPull"],
    ["abac", "tags", "Container Registry Repository Reader"],
    ["abac", "facts", "Container Registry Repository Reader"],
    ["legacy", "lock", "AcrPush"],
    ["abac", "lock", "Container Registry Repository Writer"],
    ["legacy", "repositories", "AcrPull"],
    ["abac", "repositories", "Container Registry Repository Catalog Lister"],
  ] as const)("less: in %s mode %s is refused, naming %s, and nothing is sent", async (mode, what, role) => {
    const { content, requests } = fakeAcr(accepted, { mode, grant: () => [] });
    const done = {
      delete: () => content.deleteTag("app", "a", signal),
      tags: () => pagesOf(content.tags("app", signal)),
      facts: () => content.facts("app", DIGEST, signal),
      lock: () => content.setTagLock("app", "a", true, signal),
      repositories: () => pagesOf(content.repositories(signal)),
    }[what]();
    await expect(done).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: false,
      message: expect.stringContaining(role),
    });
    expect(requests).toEqual([]);
  });

  test("less for one repository leaves the others theirs, and is believed for a minute", async () => {
    const grant = (scope: string) => all(scope).filter(({ name }) => name !== "app1");
    const { content, scopes, pass } = fakeAcr(accepted, { grant });
    const outcomes = await Promise.allSettled(names(3).map((name) => content.deleteTag(name, "a", signal)));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    const made = scopes.length;
    for (let index = 0; index < 20; index++) await expect(content.deleteTag("app1", "a", signal)).rejects.toThrow();
    expect(scopes).toHaveLength(made);
    pass(60_001);
    await expect(content.deleteTag("app1", "a", signal)).rejects.toThrow();
    expect(scopes.length).toBeGreaterThan(made);
  });

  test.each([
    ["an action", (scope: string) => all(scope).map((one) => ({ ...one, actions: [...one.actions, "push"] }))],
    ["a repository", (scope: string) => [...all(scope), { type: "repository", name: "other", actions: ["delete"] }]],
    ["the catalog", (scope: string) => [...all(scope), { type: "registry", name: "catalog", actions: ["*"] }]],
    ["everything", () => [{ type: "repository", name: "*", actions: ["*"] }]],
  ] as const)("more by %s: it is not used", async (_what, grant) => {
    const { content, requests } = fakeAcr(accepted, { grant });
    await expect(content.deleteTag("app", "a", signal)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(requests).toEqual([]);
  });

  test("more than the catalog: it is not used either", async () => {
    const { content, requests } = fakeAcr(accepted, {
      grant: (scope) => [...all(scope), { type: "repository", name: "app", actions: ["pull"] }],
    });
    await expect(pagesOf(content.repositories(signal))).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(requests).toEqual([]);
  });
});

describe("a token that is not taken", () => {
  test("in the middle of a run costs one sign-in and one token for all workers, and no item", async () => {
    const ended = new Set<string>();
    const { content, calls, requests } = fakeAcr(({ headers }) =>
      ended.has(headers.get("authorization") ?? "") ? unauthorized : ACCEPTED,
    );
    await content.deleteTag("app", "first", signal);
    ended.add(requests[0]?.headers.get("authorization") ?? "");
    const before = calls.length;
    const deletes = Array.from({ length: 20 }, (_, index) => content.deleteTag("app", `t${index}`, signal));
    expect(await Promise.all(deletes)).toEqual(deletes.map(() => true));
    expect(tokenCalls(calls.slice(before))).toEqual(["POST /oauth2/exchange", "POST /oauth2/token"]);
    expect(calls.slice(before)).toHaveLength(42);
  });

  test("and whose successor is not taken either fails the call; the next ones fail at once, for a minute", async () => {
    const { content, calls, pass } = fakeAcr(() => unauthorized);
    const failing = () =>
      expect(content.deleteTag("app", "a", signal)).rejects.toMatchObject({
        code: "UPSTREAM_REFUSED",
        failure: { status: 401 },
      });
    await failing();
    expect(tokenCalls(calls)).toEqual([
      "POST /oauth2/exchange",
      "POST /oauth2/token",
      "POST /oauth2/exchange",
      "POST /oauth2/token",
    ]);
    expect(calls).toHaveLength(6);
    for (let index = 0; index < 10; index++) await failing();
    expect(calls).toHaveLength(16);
    pass(60_001);
    await failing();
    expect(tokenCalls(calls).length).toBeGreaterThan(4);
  });
});

describe("a token service", () => {
  test("that asks for quiet puts the call off", async () => {
    let isQuiet = true;
    const grant = (scope: string) => {
      const answer = isQuiet ? refusal(429, "TOOMANYREQUESTS", { "retry-after": "9" }) : all(scope);
      isQuiet = false;
      return answer;
    };
    const { content, waits, requests } = fakeAcr(accepted, { grant });
    expect(await content.deleteTag("app", "a", signal)).toBe(true);
    expect(waits).toEqual([9_000]);
    expect(requests).toHaveLength(1);
  });

  test("that fails for a while does not make what was not there before ours", async () => {
    let failures = 0;
    // As often as the client of token services tries by itself.
    const grant = (scope: string) => (++failures <= 3 ? refusal(503, "UNAVAILABLE") : all(scope));
    const { content, requests } = fakeAcr(() => refusal(404, "TAG_UNKNOWN"), { grant });
    expect(await content.deleteTag("app", "a", signal)).toBe(false);
    expect(requests).toHaveLength(1);
    expect(failures).toBe(4);
  });

  test("that refuses fails the call, and is asked anew for the next", async () => {
    let isRefusing = true;
    const { content } = fakeAcr(accepted, { grant: (scope) => (isRefusing ? refusal(403, "DENIED") : all(scope)) });
    await expect(content.deleteTag("app", "a", signal)).rejects.toMatchObject({ failure: { status: 403 } });
    isRefusing = false;
    expect(await content.deleteTag("app", "a", signal)).toBe(true);
  });
});
