import { describe, expect, test } from "vitest";
import { mountOf } from "../../../../shared/credentials/key-vault-secret.ts";
import { askOf, credentialRequestSchema } from "../../../../shared/credentials/request.ts";

const SECRET = "https://examplevault.vault.azure.net/secrets/example-secret";
const secret = { resourceType: "key-vault-secret", resourceId: SECRET, access: ["read"] };
const token = { resourceType: "azure-generic", resourceId: "Sub", access: ["use"], scope: { audience: "arm" } };
const images = { resourceType: "docker-registry", resourceId: "reg.azurecr.io", access: ["read"] };
const cluster = { resourceType: "kubernetes-cluster", resourceId: "group/train", access: ["use"] };
const isTaken = (body: object) => credentialRequestSchema.safeParse(body).success;

test.each([
  secret,
  { ...secret, scope: { version: "5f0c" } },
  { ...secret, ttlSeconds: null },
  token,
  images,
  { ...images, access: ["read", "write", "delete"], scope: { repositories: ["a", "b/c"] }, form: "docker-login" },
  { ...images, ttlSeconds: 300 },
  { ...images, ttlSeconds: 43_200, form: "registry-wide" },
  cluster,
  { ...cluster, scope: { namespace: "vision" }, ttlSeconds: 600 },
  { ...cluster, form: "exec" },
])("%j is taken", (body) => {
  expect(isTaken(body)).toBe(true);
});

test.each<[string, object]>([
  ["no type", { ...secret, resourceType: undefined }],
  ["a type that is not served", { ...secret, resourceType: "virtual-machine" }],
  ["a name that objects have", { ...secret, resourceType: "__proto__" }],
  ["another type's right", { ...secret, access: ["write"] }],
  ["a right twice", { ...secret, access: ["read", "read"] }],
  ["no right", { ...token, access: [] }],
  ["a life for a secret", { ...secret, ttlSeconds: 600 }],
  ["a life for a token", { ...token, ttlSeconds: 600 }],
  ["another type's form", { ...secret, form: "sas" }],
  ["another type's scope", { ...secret, scope: { audience: "arm" } }],
  ["a version that climbs", { ...secret, scope: { version: "../keys" } }],
  ["an empty version", { ...secret, scope: { version: "" } }],
  ["a token for nobody in particular", { ...token, scope: {} }],
  ["a token for two", { ...token, scope: { audience: ["arm", "storage"] } }],
  ["an audience with a space", { ...token, scope: { audience: "arm storage" } }],
  ["an unknown member", { ...token, principal: "other" }],
  ["a pattern of repositories", { ...images, scope: { repositories: ["team/*"] } }],
  ["all repositories", { ...images, scope: { repositories: ["*"] } }],
  ["a repository that climbs", { ...images, scope: { repositories: ["a/../b"] } }],
  ["no repository", { ...images, scope: { repositories: [] } }],
  ["a namespace of a registry", { ...images, scope: { namespace: "vision" } }],
  ["a right with a wildcard", { ...images, access: ["*"] }],
  ["a life below five minutes", { ...images, ttlSeconds: 299 }],
  ["a life over twelve hours", { ...images, ttlSeconds: 43_201 }],
  ["a namespace that climbs", { ...cluster, scope: { namespace: "../kube-system" } }],
  ["a life that no cluster gives", { ...cluster, ttlSeconds: 599 }],
  ["a cluster's right that there is not", { ...cluster, access: ["read"] }],
])("%s is refused", (_what, body) => {
  expect(isTaken(body)).toBe(false);
});

describe("askOf", () => {
  const ask = (changes: object) => askOf(credentialRequestSchema.parse({ ...secret, ...changes }), "azure");

  test("moves a version behind the name into the scope, where policy looks", () => {
    expect(ask({ resourceId: `${SECRET}/5f0c` })).toMatchObject({ resourceId: SECRET, scope: { version: "5f0c" } });
    expect(ask({ resourceId: `${SECRET}/5F0C`, scope: { version: "5f0c" } }).scope).toEqual({ version: "5f0c" });
    expect(ask({})).toMatchObject({ resourceId: SECRET, scope: {}, form: "secret", defaultForm: "secret" });
  });

  const misfit = (changes: object) => () => askOf(credentialRequestSchema.parse(changes), "azure");

  test.each<[string, object, string]>([
    [
      "a limit of a whole registry",
      { ...images, form: "registry-wide", scope: { repositories: ["a"] } },
      "/scope/repositories",
    ],
    [
      "a limit of a token for clusters",
      { ...cluster, form: "entra-token", scope: { namespace: "a" } },
      "/scope/namespace",
    ],
    ["administration by another form", { ...cluster, access: ["use", "admin"] }, "/access"],
    ["the form admin without the right", { ...cluster, form: "admin" }, "/access"],
    ["a life of a kubeconfig without a secret", { ...cluster, form: "exec", ttlSeconds: 600 }, "/ttlSeconds"],
    ["a life of a certificate", { ...cluster, form: "admin", access: ["admin"], ttlSeconds: 600 }, "/ttlSeconds"],
  ])("refuses %s, which would do nothing or too much", (_what, body, path) => {
    const problems = [expect.objectContaining({ path })];
    expect(misfit(body)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST", problems }));
  });

  test.each<[object, boolean]>([
    [images, false],
    [{ ...images, form: "docker-login" }, false],
    [{ ...images, form: "registry-wide" }, true],
    [cluster, false],
    [{ ...cluster, form: "exec" }, false],
    [{ ...cluster, form: "entra-token" }, true],
    [{ ...cluster, form: "admin", access: ["admin"] }, true],
  ])("%j cannot be limited: %s", (body, isWhole) => expect(misfit(body)()).toMatchObject({ isWhole }));

  test("refuses two different versions", () => {
    const two = () => ask({ resourceId: `${SECRET}/5f0c`, scope: { version: "abcd" } });
    expect(two).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  });
});

test.each([
  ["db-password", "DB_PASSWORD"],
  ["1st", "_1ST"],
])("the variable of %s is one that shells take: %s", (name, variable) => {
  expect(mountOf("ENV_VAR", name)).toEqual({ kind: "ENV_VAR", variable });
});

test("a file has the name of the secret", () => {
  expect(mountOf("FILE", "db-password")).toEqual({
    kind: "FILE",
    path: "/etc/secrets/db-password",
    name: "db-password",
  });
});
