import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseScope, scopeWithin } from "../../../../shared/access/scope.ts";
import { matchesRepository, type Scope } from "../../../../shared/scope.ts";

const wider = (asked: Scope, granted: Scope, isWhole = false) => scopeWithin(asked, granted, isWhole).wider;

describe("repositories", () => {
  test.each<[string, Scope, Scope]>([
    ["those that are granted", { repositories: ["a", "b"] }, { repositories: ["b", "a", "c"] }],
    ["one below a prefix", { repositories: ["team/app"] }, { repositories: ["team/*"] }],
    ["any, where all are granted", { repositories: ["x/y"] }, { repositories: ["*"] }],
  ])("%s are given as asked", (_what, asked, granted) => {
    expect(scopeWithin(asked, granted, false)).toEqual({ scope: asked, wider: [] });
  });

  test.each<[string, Scope, Scope]>([
    ["one beside", { repositories: ["a", "c"] }, { repositories: ["a"] }],
    ["the prefix itself", { repositories: ["team"] }, { repositories: ["team/*"] }],
    ["any, by a grant that names none", { repositories: ["a"] }, {}],
  ])("%s is refused", (_what, asked, granted) => expect(wider(asked, granted)).toEqual(["repositories"]));

  test("whoever names none gets what the grant names", () => {
    expect(scopeWithin({}, { repositories: ["a", "team/*"] }, false).scope).toEqual({ repositories: ["a", "team/*"] });
  });

  test("nothing outside a grant is ever given, whatever is asked", () => {
    const name = fc.constantFrom("a", "a/b", "a/b/c", "ab", "b", "b/a");
    const pattern = fc.constantFrom("a", "a/*", "a/b/*", "b", "*");
    const some = <T>(item: fc.Arbitrary<T>) => fc.option(fc.uniqueArray(item, { minLength: 1 }), { nil: undefined });
    fc.assert(
      fc.property(some(name), some(pattern), fc.boolean(), (repositories, granted, isWhole) => {
        const asked = repositories === undefined ? {} : { repositories };
        const answer = scopeWithin(asked, granted === undefined ? {} : { repositories: granted }, isWhole);
        if (answer.wider.length > 0) return;
        if (isWhole) {
          expect(granted ?? ["*"]).toContain("*");
          return;
        }
        for (const given of answer.scope.repositories ?? []) {
          const isGranted = (granted ?? []).some((one) => one === given || matchesRepository(one, given));
          expect(isGranted).toBe(true);
        }
      }),
    );
  });
});

describe("a credential that cannot be limited", () => {
  test.each<[string, Scope]>([
    ["some repositories", { repositories: ["a", "team/*"] }],
    ["a namespace", { namespace: "vision" }],
  ])("is refused by a grant of %s", (_what, granted) => {
    expect(wider({}, granted, true)).toEqual(Object.keys(granted));
  });
  test.each<[string, Scope]>([
    ["all repositories", { repositories: ["*"] }],
    ["a whole cluster", {}],
  ])("is given by a grant of %s", (_what, granted) => {
    expect(scopeWithin({}, granted, true)).toEqual({ scope: {}, wider: [] });
  });
});

describe("a namespace", () => {
  test("is that of the grant, named or not", () => {
    expect(scopeWithin({}, { namespace: "vision" }, false)).toEqual({ scope: { namespace: "vision" }, wider: [] });
    expect(wider({ namespace: "vision" }, { namespace: "vision" })).toEqual([]);
  });
  test("beside that of the grant is refused", () => {
    expect(wider({ namespace: "kube-system" }, { namespace: "vision" })).toEqual(["namespace"]);
  });
});

test.each<[string, Scope, Scope, readonly string[]]>([
  ["an audience that the grant names", { audience: "arm" }, { audience: "arm" }, []],
  ["another audience", { audience: "storage" }, { audience: "arm" }, ["audience"]],
  ["an audience of a grant without one", { audience: "arm" }, {}, ["audience"]],
  ["the version of the grant", { version: "1" }, { version: "1" }, []],
  ["every version, by a grant of one", {}, { version: "1" }, ["version"]],
  ["a version, by a grant of all", { version: "1" }, {}, []],
])("%s", (_what, asked, granted, members) => expect(wider(asked, granted)).toEqual(members));

describe("of several grants' scopes", () => {
  const of = (...repositories: string[]): Scope => ({ repositories });

  test.each<[string, Scope, Scope[], number | null]>([
    ["the first of equal ones, in whatever order they are written", {}, [of("a", "b"), of("b", "a", "a")], 0],
    ["the one that all others are within", {}, [of("a/b"), of("a/b/*", "a/b"), of("a/*", "c")], 2],
    ["everything before a part of it", {}, [of("a/*"), of("*")], 1],
    ["a longer prefix within a shorter", {}, [of("a/b/*"), of("a/*")], 1],
    ["none of two that differ", {}, [of("a/*"), of("b")], null],
    ["none where a prefix is not its own name", {}, [of("a"), of("a/*")], null],
    ["none of two namespaces", {}, [{ namespace: "a" }, { namespace: "b" }], null],
    ["what adds nothing, where nothing was asked", {}, [{ namespace: "a" }, {}], 1],
    ["what was asked for", of("a"), [of("a"), of("a")], 0],
    ["none of no scopes", {}, [], null],
  ])("%s is chosen", (_what, asked, scopes, index) => expect(chooseScope(asked, scopes)).toBe(index));
});
