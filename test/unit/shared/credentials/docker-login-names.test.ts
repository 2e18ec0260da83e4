import { describe, expect, test } from "vitest";
import {
  ACTIONS_PER_REPOSITORY,
  type Content,
  contentName,
  MAX_SCOPE_MAP_ACTIONS,
  scopeMapOf,
} from "../../../../shared/credentials/docker-login-names.ts";
import { MAX_REPOSITORIES } from "../../../../shared/scope.ts";
import { newTokenName } from "../../../../shared/store/registry-slot-rows.ts";

const CONTENT: Content = {
  stateAccount: "latchkeystate",
  connectorId: "11111111-2222-4333-8444-555555555555",
  registryId: "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/one",
  repositories: ["team/app", "team/base"],
  access: ["read", "write"],
};

describe("names", () => {
  test("are what Azure takes for tokens, with everything that follows", () => {
    const name = contentName(CONTENT);
    expect(name).toMatch(/^latchkey-[0-9a-f]{24}$/);
    expect(newTokenName(name, "ab87e2363608-aaaaaaaaaaaaaaaaaaaaaaaaaa", 0)).toMatch(/^[A-Za-z0-9-]{5,50}$/);
  });

  test("are one for the same, in whatever order and case it was asked", () => {
    const other = {
      ...CONTENT,
      repositories: ["team/base", "team/app"],
      access: ["write", "read"],
      registryId: CONTENT.registryId.toUpperCase(),
    };
    expect(contentName(other)).toBe(contentName(CONTENT));
  });

  test.each<[string, Partial<Content>]>([
    ["installation", { stateAccount: "otherstate" }],
    ["connector", { connectorId: "11111111-2222-4333-8444-555555555556" }],
    ["registry", { registryId: `${CONTENT.registryId}2` }],
    ["repository", { repositories: ["team/app"] }],
    ["repository whose name joins two", { repositories: ["team/app,team/base"] }],
    ["right", { access: ["read"] }],
  ])("are others for another %s", (_what, changes) => {
    expect(contentName({ ...CONTENT, ...changes })).not.toBe(contentName(CONTENT));
  });
});

describe("the scope map", () => {
  test.each([
    [["read"], ["content/read", "metadata/read"]],
    [["write"], ["content/read", "content/write"]],
    [["delete"], ["content/delete"]],
    [
      ["delete", "write", "read"],
      ["content/read", "metadata/read", "content/write", "content/delete"],
    ],
  ])("%j gives exactly this, each once", (access, kinds) => {
    const { actions } = scopeMapOf("name", { repositories: ["team/app"], access });
    expect(actions).toEqual(kinds.map((kind) => `repositories/team/app/${kind}`));
  });

  test("names every repository and never a wildcard", () => {
    const { actions, description, name } = scopeMapOf("name", CONTENT);
    expect(name).toBe("name");
    expect(new Set(actions.map((action) => action.split("/").slice(1, 3).join("/")))).toEqual(
      new Set(CONTENT.repositories),
    );
    expect(actions.join()).not.toContain("*");
    expect(description).toBe("Latchkey: read, write for team/app, team/base");
  });

  test("of the most and longest repositories fits what Azure takes", () => {
    const repositories = Array.from({ length: MAX_REPOSITORIES }, (_, index) => `${index}`.padStart(255, "r"));
    const { actions, description } = scopeMapOf("name", { repositories, access: ["read", "write", "delete"] });
    expect(actions).toHaveLength(MAX_REPOSITORIES * ACTIONS_PER_REPOSITORY);
    expect(actions.length).toBeLessThanOrEqual(MAX_SCOPE_MAP_ACTIONS);
    expect(description.length).toBeLessThanOrEqual(256);
  });
});
