import fc from "fast-check";
import { UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import {
  actionsOf,
  missingRights,
  readRegistryToken,
  repositoriesScope,
} from "../../../../shared/azure/registry-grant.ts";
import { REGISTRY_ACCESS, type RegistryAccess } from "../../../../shared/credentials/docker-registry.ts";
import { MAX_REPOSITORIES } from "../../../../shared/scope.ts";
import { NOW } from "../../../support/fakes.ts";

const HOST = "demozenmlregistry.azurecr.io";
const NOW_SECONDS = NOW.getTime() / 1000;
const refusal = expect.objectContaining({ code: "UPSTREAM_REFUSED", retryable: false });
const entry = (name: string, actions: readonly string[], type = "repository") => ({ type, name, actions });

describe("the scope that is asked for", () => {
  test("is one part for each repository, with the actions of all rights, each once", () => {
    expect(repositoriesScope(["a", "b/c"], ["write", "read"])).toBe(
      "repository:a:metadata_read,pull,push repository:b/c:metadata_read,pull,push",
    );
    expect(repositoriesScope(["a"], ["delete"])).toBe("repository:a:delete");
  });

  test.each(["a:pull repository:b", "a b", "a:*", "*", "team/*", "A", "", "../a", "a\nb"])(
    "is not made for what is no name: %j",
    (name) => {
      expect(() => repositoriesScope([name], ["read"])).toThrow();
      expect(() => repositoriesScope(["fine", name], ["read"])).toThrow();
    },
  );

  test("is not made for nothing, for one repository twice or for too many", () => {
    expect(() => repositoriesScope([], ["read"])).toThrow();
    expect(() => repositoriesScope(["a"], [])).toThrow();
    expect(() => repositoriesScope(["a", "a"], ["read"])).toThrow();
    expect(() =>
      repositoriesScope(
        Array.from({ length: MAX_REPOSITORIES + 1 }, (_, i) => `a${i}`),
        ["read"],
      ),
    ).toThrow();
  });
});

describe("what a token says of itself", () => {
  const read = (claims: object, host = HOST) => readRegistryToken(new UnsecuredJWT({ ...claims }).encode(), host, NOW);
  const good = { aud: HOST, exp: NOW_SECONDS + 60, access: [entry("a", ["pull"])] };

  test("its end, whom it is for, and what it holds", () => {
    expect(read(good)).toMatchObject({ expiresAt: new Date(NOW.getTime() + 60_000), access: good.access });
    expect(read({ ...good, aud: HOST.toUpperCase() })).toMatchObject({ access: good.access });
  });

  test.each<[string, object]>([
    ["another registry's", { ...good, aud: "other.azurecr.io" }],
    ["everybody's", { ...good, aud: undefined }],
    ["also another's", { ...good, aud: [HOST, "other.azurecr.io"] }],
    ["without an end", { ...good, exp: undefined }],
    ["with an end that is none", { ...good, exp: "soon" }],
    ["with an end in a year of its own", { ...good, exp: 9e15 }],
    ["ended", { ...good, exp: NOW_SECONDS }],
  ])("%s is not used", (_what, claims) => {
    expect(() => read(claims)).toThrow(refusal);
  });

  test.each(["", "abc", "a.b.c", "e30.e30", "eyJhbGciOiJub25lIn0.bm90LWpzb24."])("%j is no token", (token) => {
    expect(() => readRegistryToken(token, HOST, NOW)).toThrow(refusal);
  });
});

describe("what a token holds", () => {
  const rights = ["read", "write"] as const;
  const actions = actionsOf(rights);
  const judge = (access: unknown) => missingRights(access, ["a", "b/c"], rights);

  test("is what was asked for, in any order", () => {
    expect(judge([entry("b/c", [...actions].reverse()), entry("a", actions)])).toEqual([]);
  });

  test("may be less: then it is told what is missing and where", () => {
    expect(judge([entry("a", ["pull", "metadata_read"]), entry("b/c", actions)])).toEqual([
      { repository: "a", right: "write" },
    ]);
    expect(judge([entry("a", ["push", "pull"])])).toEqual([
      { repository: "a", right: "read" },
      { repository: "b/c", right: "read" },
      { repository: "b/c", right: "write" },
    ]);
    for (const nothing of [undefined, null, [], [entry("a", []), entry("b/c", [])]])
      expect(judge(nothing)).toHaveLength(4);
  });

  test.each<[string, unknown]>([
    ["an action more", [entry("a", [...actions, "delete"]), entry("b/c", actions)]],
    ["every action", [entry("a", ["*"]), entry("b/c", actions)]],
    ["a repository more", [entry("a", actions), entry("b/c", actions), entry("c", ["pull"])]],
    ["every repository", [entry("*", actions)]],
    ["a prefix", [entry("a", actions), entry("b/*", actions)]],
    ["the name in other letters", [entry("A", actions), entry("b/c", actions)]],
    ["the catalog", [entry("a", actions), entry("b/c", actions), entry("catalog", ["*"], "registry")]],
    ["another type", [entry("a", actions, "registry"), entry("b/c", actions)]],
    ["a repository twice", [entry("a", actions), entry("a", ["pull"]), entry("b/c", actions)]],
    ["actions as a text", [{ type: "repository", name: "a", actions: "pull" }]],
    ["no list", { a: actions }],
    ["texts", ["repository:a:pull"]],
  ])("must not be %s", (_what, access) => {
    expect(() => judge(access)).toThrow(refusal);
  });

  test("only what was asked for, exactly, is lent", () => {
    const name = fc.constantFrom("a", "b", "b/c", "*", "b/*");
    const action = fc.constantFrom("pull", "push", "delete", "metadata_read", "metadata_write", "*");
    const type = fc.constantFrom("repository", "repository", "repository", "registry", "repository(plugin)");
    const access = fc.uniqueArray(fc.record({ type, name, actions: fc.uniqueArray(action) }), {
      selector: (one) => one.name,
      maxLength: 4,
    });
    const names = fc.uniqueArray(fc.constantFrom("a", "b", "b/c"), { minLength: 1 });
    const asked = fc.uniqueArray(fc.constantFrom<RegistryAccess>(...REGISTRY_ACCESS), { minLength: 1 });
    const flat = (entries: readonly ReturnType<typeof entry>[]) =>
      new Set(entries.flatMap((one) => one.actions.map((each) => `${one.type}|${one.name}|${each}`)));
    const property = fc.property(access, names, asked, fc.boolean(), (given, repositories, wanted, isExact) => {
      const exact = repositories.map((repository) => entry(repository, actionsOf(wanted)));
      const granted = isExact ? exact : given;
      const [held, meant] = [flat(granted), flat(exact)];
      // Also an entry that gives nothing must not name what nobody asked for.
      const isForeign = granted.some(
        (one) => one.type !== "repository" || !repositories.some((name) => name === one.name),
      );
      const isMore = isForeign || [...held].some((one) => !meant.has(one));
      const isLess = [...meant].some((one) => !held.has(one));
      const run = () => missingRights(granted, repositories, wanted);
      if (isMore) expect(run).toThrow(refusal);
      else expect(run().length > 0).toBe(isLess);
    });
    fc.assert(property, { numRuns: 500 });
  });
});
