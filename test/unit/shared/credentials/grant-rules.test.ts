import { describe, expect, test } from "vitest";
import { exactResource } from "../../../../shared/connectors/resource-types.ts";
import { type GrantToCheck, grantProblems } from "../../../../shared/credentials/grant-rules.ts";
import { SUBSCRIPTION } from "../../../support/fakes.ts";

const SUBSCRIPTION_ID = `/subscriptions/${SUBSCRIPTION}`;
const ACCOUNT = `${SUBSCRIPTION_ID}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/accountone`;
const CONTAINER = `${ACCOUNT}/blobServices/default/containers/data`;
const SECRET = "https://examplevault.vault.azure.net/secrets/example-secret";

const VAULT = "https://examplevault.vault.azure.net";
const REGISTRY = `${SUBSCRIPTION_ID}/resourceGroups/group/providers/Microsoft.ContainerRegistry/registries/images1`;
const CLUSTER = `${SUBSCRIPTION_ID}/resourceGroups/group/providers/Microsoft.ContainerService/managedClusters/train`;
const images = { resourceId: REGISTRY, scope: { repositories: ["a", "team/*"] } };
const cluster = { resourceId: CLUSTER, access: ["use"], scope: { namespace: "vision" } };

const paths = (changes: Partial<GrantToCheck>) =>
  grantProblems(
    { effect: "allow", resourceId: CONTAINER, access: ["read"], forms: [], scope: {}, maxTtlSeconds: 3600, ...changes },
    exactResource,
  ).map(({ path }) => path);

test.each<[string, Partial<GrantToCheck>]>([
  ["a container", {}],
  ["a container in another case", { resourceId: CONTAINER.toUpperCase() }],
  ["a container with all rights and its form", { access: ["read", "write", "list", "delete"], forms: ["sas"] }],
  ["a secret", { resourceId: SECRET, forms: ["secret"] }],
  ["one version of a secret", { resourceId: SECRET, scope: { version: "5f0c" } }],
  ["a subscription for one audience", { resourceId: SUBSCRIPTION_ID, access: ["use"], scope: { audience: "arm" } }],
  ["some repositories", images],
  ["all of a registry", { ...images, scope: { repositories: ["*"] }, forms: ["registry-wide"] }],
  ["a namespace", cluster],
  ["a namespace, and a kubeconfig without a secret", { ...cluster, forms: ["service-account", "exec"] }],
  ["a whole registry beside some repositories", { ...images, forms: ["docker-login", "registry-wide"] }],
  ["an administrator", { ...cluster, scope: {}, access: ["use", "admin"], forms: ["admin", "entra-token"] }],
  ["the least that a cluster's token lives", { ...cluster, maxTtlSeconds: 600 }],
  ["a whole cluster", { ...cluster, scope: {}, forms: ["entra-token"] }],
  ["a whole cluster for those who sign in themselves", { ...cluster, scope: {}, forms: ["exec"] }],
  ["a deny of a registry", { effect: "deny", resourceId: REGISTRY, access: ["write", "use"] }],
  ["a deny of a cluster", { effect: "deny", resourceId: CLUSTER, access: ["admin"] }],
  [
    "a deny of all clusters of a group",
    { effect: "deny", resourceId: `${SUBSCRIPTION_ID}/resourceGroups/group`, access: ["admin"] },
  ],
  ["a deny of everything", { effect: "deny", resourceId: "*", access: ["read", "use"] }],
  ["a deny of an account", { effect: "deny", resourceId: ACCOUNT, access: ["write"] }],
  [
    "a deny of a subscription with all below it",
    { effect: "deny", resourceId: SUBSCRIPTION_ID, access: ["read", "use"] },
  ],
  ["a deny of a resource group", { effect: "deny", resourceId: `${SUBSCRIPTION_ID}/resourceGroups/group` }],
  ["a deny of a vault", { effect: "deny", resourceId: "https://examplevault.vault.azure.net" }],
  ["a deny of a vault in another case", { effect: "deny", resourceId: "HTTPS://ExampleVault.Vault.Azure.NET" }],
  ["a deny of tokens that reach a container", { effect: "deny", access: ["use"] }],
  ["a deny of tokens that reach a vault", { effect: "deny", resourceId: VAULT, access: ["use"] }],
])("%s is taken", (_what, changes) => {
  expect(paths(changes)).toEqual([]);
});

describe("refused", () => {
  test.each<[string, Partial<GrantToCheck>, string]>([
    ["the alias of a container", { resourceId: "az://data" }, "/resourceId"],
    ["the bare name of a container", { resourceId: "data" }, "/resourceId"],
    ["the bare id of a subscription", { resourceId: SUBSCRIPTION, access: ["use"] }, "/resourceId"],
    ["the name of a subscription", { resourceId: "ZenML Subscription", access: ["use"] }, "/resourceId"],
    ["a secret with its version", { resourceId: `${SECRET}/5f0c` }, "/resourceId"],
    ["a secret on a hostile host", { resourceId: SECRET.replace(".net", ".net.evil.example") }, "/resourceId"],
    ["a whole account", { resourceId: ACCOUNT }, "/resourceId"],
    ["a whole vault", { resourceId: "https://examplevault.vault.azure.net" }, "/resourceId"],
    ["a deny of something unreadable", { effect: "deny", resourceId: "everything" }, "/resourceId"],
    ["a subscription for no audience", { resourceId: SUBSCRIPTION_ID, access: ["use"] }, "/scope"],
    [
      "a container in letters that fold to others",
      { resourceId: CONTAINER.replace("data", "\u212Adata") },
      "/resourceId",
    ],
    ["a container of no subscription", { resourceId: CONTAINER.replace(SUBSCRIPTION, "-".repeat(36)) }, "/resourceId"],
    [
      "a secret's right that no secret has, of a whole vault",
      { effect: "deny", resourceId: VAULT, access: ["write"] },
      "/access",
    ],
    ["a registry without repositories", { ...images, scope: {} }, "/scope"],
    ["a pattern in the middle", { ...images, scope: { repositories: ["*/a"] } }, "/scope"],
    ["a whole registry, limited", { ...images, forms: ["registry-wide"] }, "/scope/repositories"],
    ["an administrator's form without the right", { ...cluster, scope: {}, forms: ["admin"] }, "/access"],
    ["an administrator's right without the form", { ...cluster, access: ["admin"] }, "/forms"],
    ["less than a login lives", { ...images, forms: ["docker-login"], maxTtlSeconds: 299 }, "/maxTtlSeconds"],
    ["less than a cluster's token lives", { ...cluster, maxTtlSeconds: 599 }, "/maxTtlSeconds"],
    ["a registry's host", { ...images, resourceId: "images1.azurecr.io" }, "/resourceId"],
    ["a namespace of a registry", { ...images, scope: { repositories: ["a"], namespace: "a" } }, "/scope"],
    ["a cluster without a namespace", { ...cluster, scope: {} }, "/scope/namespace"],
    [
      "a namespace that cannot hold",
      { ...cluster, access: ["admin"], forms: ["admin", "entra-token"] },
      "/scope/namespace",
    ],
    ["a cluster's alias", { ...cluster, resourceId: "group/train" }, "/resourceId"],
    ["a right of another type", { access: ["use"] }, "/access"],
    ["a right that nothing has", { access: ["read", "own"] }, "/access"],
    ["a container's right on a secret", { resourceId: SECRET, access: ["read", "write"] }, "/access"],
    ["a form of another type", { forms: ["secret"] }, "/forms"],
    ["a scope of another type", { scope: { version: "5f0c" } }, "/scope"],
    ["an audience for a secret", { resourceId: SECRET, scope: { audience: "arm" } }, "/scope"],
    ["a version that no vault has", { resourceId: SECRET, scope: { version: "../x" } }, "/scope"],
    ["an unknown right in a deny of everything", { effect: "deny", resourceId: "*", access: ["own"] }, "/access"],
  ])("%s", (_what, changes, path) => {
    expect(paths(changes)).toEqual([path]);
  });
});

describe("a deny that could never deny is refused", () => {
  test.each([
    `${ACCOUNT}/`,
    `${ACCOUNT}/blobServices/default`,
    `${ACCOUNT}/fileServices/default`,
    `${CONTAINER}/blobs/x`,
    `${SUBSCRIPTION_ID}/`,
    `${SUBSCRIPTION_ID}/resourceGroups`,
    `${SUBSCRIPTION_ID}/resourceGroup/group`,
    `${SUBSCRIPTION_ID}/resourceGroups/group.`,
    `${SUBSCRIPTION_ID}/resourceGroups/group/providers/Microsoft.Compute/virtualMachines/one`,
    `${SUBSCRIPTION_ID}//resourceGroups/group`,
    `${SUBSCRIPTION_ID}/resourceGroups/group/../other`,
    `${SUBSCRIPTION_ID}/resourceGroups/gro%75p`,
    `${SUBSCRIPTION_ID}/resourceGroups/*`,
    ACCOUNT.replace("accountone", "account-one"),
    ACCOUNT.replace(SUBSCRIPTION, "-".repeat(36)),
    ACCOUNT.replace("Microsoft.Storage", "Microsoft.Stora\u0261e"),
    "/subscriptions",
    "/subscriptions/production",
    "/",
    "**",
    "https://examplevault.vault.azure.net/",
    "https://examplevault.vault.azure.net/secrets",
    "https://examplevault.vault.azure.net/keys/one",
    "https://examplevault.vault.azure.net:443",
    "https://examplevault.vault.azure.net.evil.example",
    "https://examplevault.example",
    "https://vault.azure.net",
    "http://examplevault.vault.azure.net",
    "https://demozenmlartifacts.blob.core.windows.net",
    `${SECRET}/5f0c`,
  ])("%s", (resourceId) => expect(paths({ effect: "deny", resourceId })).toEqual(["/resourceId"]));
});
