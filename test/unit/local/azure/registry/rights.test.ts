/** Mirrors infra/local/azure/registry/rights.ts: roles in both modes, and scope maps with their wildcards. */
import { expect, test } from "vitest";
import type { Authorization } from "../../../../../infra/local/azure/ports.ts";
import type { RegistryPlace } from "../../../../../infra/local/azure/registry/registry-directory.ts";
import {
  hasAnyRight,
  legacyActions,
  legacyRights,
  lentRights,
  repositoryRights,
  scopeMapRights,
} from "../../../../../infra/local/azure/registry/rights.ts";

const REGISTRY: RegistryPlace = {
  id: "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r",
  loginServer: "r.azurecr.io",
  tenantId: "t",
  mode: "legacy",
  takesArmTokens: true,
  images: {},
};
const PRINCIPAL = { objectId: "o", groups: [] };
const roles = (plane: string, ...allowed: string[]): Authorization => ({
  allows: (_principal, asked, operation, scope) =>
    asked === plane &&
    scope === REGISTRY.id &&
    allowed.includes(operation.replace("Microsoft.ContainerRegistry/registries/", "")),
});

test.each([
  [["pull/read"], ["read"], ["pull", "metadata_read"]],
  [
    ["pull/read", "push/write"],
    ["read", "write"],
    ["pull", "push", "metadata_read", "metadata_write"],
  ],
  [["artifacts/delete"], ["delete"], ["delete"]],
  [["metadata/read"], ["metadata/read"], ["metadata_read"]],
  [["read"], [], []],
])("legacy mode: %j allows %j", (operations, actions, expected) => {
  const granted = legacyActions(PRINCIPAL, REGISTRY, roles("actions", ...operations));
  expect(granted).toEqual(actions);
  expect(legacyRights(granted).onRepository("any/name")).toEqual(expected);
});

test("legacy mode knows no data actions, and ABAC mode nothing else", () => {
  expect(legacyActions(PRINCIPAL, REGISTRY, roles("dataActions", "pull/read"))).toEqual([]);
  expect(
    hasAnyRight(repositoryRights(PRINCIPAL, REGISTRY, roles("actions", "pull/read", "repositories/content/read"))),
  ).toBe(false);
});

test("ABAC mode: one repository at a time, and the catalog by an action of its own", () => {
  const rights = repositoryRights(
    PRINCIPAL,
    REGISTRY,
    roles("dataActions", "repositories/content/read", "repositories/metadata/read"),
  );
  expect(rights.onRepository("a/b")).toEqual(["pull", "metadata_read"]);
  expect(rights.onRepository("*")).toEqual([]);
  expect(rights.catalog).toBe(false);
  expect(repositoryRights(PRINCIPAL, REGISTRY, roles("dataActions", "catalog/read")).catalog).toBe(true);
});

test.each([
  ["repositories/team/app/content/read", "team/app", ["pull"]],
  ["repositories/team/app/content/read", "team/apple", []],
  ["repositories/team/app/content/read", "team/app/x", []],
  ["repositories/team/*/content/read", "team/app", ["pull"]],
  ["repositories/team/*/content/read", "team/app/deep", ["pull"]],
  ["repositories/team/*/content/read", "team", []],
  ["repositories/team/*/content/read", "teams/app", []],
  ["repositories/*/content/write", "anything/at/all", ["push"]],
  ["repositories/team*/content/read", "teams", []],
  ["repositories/a/*/b/content/read", "a/x/b", []],
  ["repositories/*/x/*/content/read", "a/x/b", []],
  ["Repositories/team/app/Content/Delete", "team/app", ["delete"]],
  ["repositories/team/app/content/own", "team/app", []],
  ["repositories//content/read", "", []],
  ["gateway/x/config/read", "x", []],
])("scope map: %s on %s allows %j", (action, name, expected) => {
  expect(scopeMapRights([action]).onRepository(name)).toEqual(expected);
});

test("rules of a scope map add up, and only the root star lists the catalog", () => {
  const rights = scopeMapRights(["repositories/a/content/read", "repositories/*/metadata/read"]);
  expect(rights.onRepository("a")).toEqual(["pull", "metadata_read"]);
  expect(rights.catalog).toBe(true);
  expect(scopeMapRights(["repositories/a/metadata/read", "repositories/a/*/metadata/read"]).catalog).toBe(false);
});

test("an access token lends what it holds", () => {
  const rights = lentRights([{ type: "repository", name: "a", actions: ["pull"] }]);
  expect(rights.onRepository("a")).toEqual(["pull"]);
  expect(rights.onRepository("b")).toEqual([]);
  expect(rights.onRepository("*")).toEqual([]);
  expect(rights.catalog).toBe(false);
});
