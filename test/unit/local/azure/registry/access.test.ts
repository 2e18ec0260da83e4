/** Mirrors infra/local/azure/registry/access.ts: scopes as clients write them, and what is granted of them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  grant,
  holds,
  parseScopes,
  REPOSITORY_ACTIONS,
  type Rights,
} from "../../../../../infra/local/azure/registry/access.ts";

const rights = (actions: Rights["onRepository"], catalog = false): Rights => ({ onRepository: actions, catalog });
const PULL = rights((name) => (name === "team/app" ? ["pull", "metadata_read"] : []));

test("scopes may come in one text or in several", () => {
  const train = { type: "repository", name: "vision/train", actions: ["pull", "push"] };
  const catalog = { type: "registry", name: "catalog", actions: ["*"] };
  expect(parseScopes(["registry:catalog:* repository:vision/train:pull,push"])).toEqual([catalog, train]);
  expect(parseScopes(["registry:catalog:*", "repository:vision/train:pull,push"])).toEqual([catalog, train]);
});

test.each(["", "repository", "repository:a", "repository::pull", "repository:A:pull", "repository:a/../b:pull", "x y"])(
  "what is no scope is left out: %s",
  (scope) => {
    expect(parseScopes([scope, "repository:a:pull"])).toEqual([{ type: "repository", name: "a", actions: ["pull"] }]);
  },
);

test("granted is what is asked and allowed, in the order of asking", () => {
  const asked = parseScopes(["repository:team/app:push,metadata_read,pull,pull repository:other:pull"]);
  expect(grant(asked, PULL)).toEqual([{ type: "repository", name: "team/app", actions: ["metadata_read", "pull"] }]);
});

test("a star is every action for who has all, and otherwise those that they have", () => {
  const asked = parseScopes(["repository:team/app:*"]);
  expect(grant(asked, PULL)[0]?.actions).toEqual(["pull", "metadata_read"]);
  expect(
    grant(
      asked,
      rights(() => REPOSITORY_ACTIONS),
    )[0]?.actions,
  ).toEqual(["*"]);
});

test("the catalog is granted as a whole or not", () => {
  const asked = parseScopes(["registry:catalog:*"]);
  expect(
    grant(
      asked,
      rights(() => [], true),
    ),
  ).toEqual(asked);
  expect(grant(asked, PULL)).toEqual([]);
  expect(
    grant(
      parseScopes(["registry:other:*"]),
      rights(() => [], true),
    ),
  ).toEqual([]);
});

test("held is what is granted, and nothing else", () => {
  const name = fc.constantFrom("a", "a/b", "b");
  const actions = fc.uniqueArray(fc.constantFrom(...REPOSITORY_ACTIONS), { minLength: 1 });
  fc.assert(
    fc.property(name, actions, name, actions, (granted, has, wanted, needs) => {
      const entries = [{ type: "repository", name: granted, actions: has }];
      const expected = granted === wanted && needs.every((action) => has.includes(action));
      expect(holds(entries, { type: "repository", name: wanted, actions: needs })).toBe(expected);
    }),
  );
});

test("a star in a token stands for every name or every action of a repository, not for the catalog", () => {
  const all = [{ type: "repository", name: "*", actions: ["*"] }];
  expect(holds(all, { type: "repository", name: "a", actions: ["delete"] })).toBe(true);
  expect(holds(all, { type: "registry", name: "catalog", actions: ["*"] })).toBe(false);
});
