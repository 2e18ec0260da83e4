import { describe, expect, test } from "vitest";
import { credentialReaches } from "../../../../shared/credentials/reach.ts";
import { SUBSCRIPTION } from "../../../support/fakes.ts";
import { containerId } from "../../../support/fakes-access.ts";

const OWN = `/subscriptions/${SUBSCRIPTION}`;
const OTHER = "/subscriptions/99999999-2222-4333-8444-555555555555";
const GROUP = `${OWN}/resourceGroups/group`;
const ACCOUNT = `${GROUP}/providers/Microsoft.Storage/storageAccounts/accountone`;
const VAULT = "https://examplevault.vault.azure.net";
const reaches = (audience: string | undefined, denied: string) =>
  credentialReaches(
    { resourceType: "azure-generic", resourceId: OWN, form: "access-token", scope: { audience } },
    denied,
  );

describe("a token reaches", () => {
  // A token works wherever the identity has a role, so in other subscriptions as well.
  const EVERYTHING = [
    "*",
    OTHER,
    `${OTHER}/resourceGroups/group`,
    "/subscriptions",
    OWN,
    OWN.toUpperCase(),
    `${OWN}/`,
    GROUP,
    "everything",
  ];
  test.each([
    ...["arm", "https://other.example", "Storage", "KEY-VAULT", "constructor", "__proto__", undefined].flatMap(
      (audience) => [...EVERYTHING, ACCOUNT, containerId("data"), VAULT].map((denied) => [audience, denied] as const),
    ),
    ...["storage", "key-vault"].flatMap((audience) => EVERYTHING.map((denied) => [audience, denied] as const)),
    ["storage", ACCOUNT] as const,
    ["storage", containerId("data").toUpperCase()] as const,
    // What is no vault could be an account under its other name.
    ["storage", "https://accountone.blob.core.windows.net"] as const,
    ["key-vault", VAULT] as const,
    ["key-vault", `${VAULT}/secrets/one`] as const,
    ["key-vault", "https://accountone.blob.core.windows.net"] as const,
  ])("for %s: %s", (audience, denied) => expect(reaches(audience, denied)).toBe(true));
});

describe("a token certainly does not reach", () => {
  test.each([
    ["storage", VAULT],
    ["storage", `${VAULT}/secrets/one`.toUpperCase()],
    ["key-vault", ACCOUNT],
    ["key-vault", containerId("data").toUpperCase()],
  ])("for %s: %s", (audience, denied) => expect(reaches(audience, denied)).toBe(false));
});

test.each(["blob-container", "key-vault-secret", "docker-registry", "kubernetes-cluster"])(
  "what is lent of the type %s ends at its resource",
  (resourceType) => {
    expect(credentialReaches({ resourceType, resourceId: containerId("data"), form: "", scope: {} }, "*")).toBe(false);
  },
);
test.each(["constructor", "__proto__", "other"])(
  "the type %s, which nobody knows, reaches everything",
  (resourceType) => {
    expect(credentialReaches({ resourceType, resourceId: OWN, form: "", scope: {} }, VAULT)).toBe(true);
  },
);

describe("a token for clusters", () => {
  const CLUSTER = `${GROUP}/providers/Microsoft.ContainerService/managedClusters/train`;
  const entra = (denied: string) =>
    credentialReaches(
      { resourceType: "kubernetes-cluster", resourceId: CLUSTER, form: "entra-token", scope: {} },
      denied,
    );

  test.each([
    "*",
    OWN,
    OTHER,
    GROUP,
    `${OTHER}/resourceGroups/group`,
    `${CLUSTER}2`,
    `${OTHER}/resourceGroups/GROUP/providers/microsoft.containerservice/managedclusters/serve`,
  ])("reaches every cluster, and so what stands on %s", (denied) => expect(entra(denied)).toBe(true));
  test.each([VAULT, ACCOUNT, containerId("data"), `${GROUP}/providers/Microsoft.ContainerRegistry/registries/images`])(
    "does not reach %s",
    (denied) => expect(entra(denied)).toBe(false),
  );
});

describe("what cannot be limited inside its resource", () => {
  const PROVIDERS = `${GROUP}/providers`;
  const REGISTRY = `${PROVIDERS}/Microsoft.ContainerRegistry/registries/images1`;
  const CLUSTER = `${PROVIDERS}/Microsoft.ContainerService/managedClusters/train`;
  const whole = [
    { resourceType: "docker-registry", resourceId: REGISTRY, form: "registry-wide", scope: {} },
    { resourceType: "kubernetes-cluster", resourceId: CLUSTER, form: "admin", scope: {} },
  ];
  const narrow = [
    { ...whole[0], form: "access-token" },
    { ...whole[0], form: "docker-login" },
    { ...whole[1], form: "service-account" },
    { ...whole[1], form: "exec" },
  ] as typeof whole;

  test.each(whole)("$form is refused by a denial of any right at or above it", (lent) => {
    for (const denied of ["*", OWN, `${OWN}/`, GROUP.toUpperCase(), lent.resourceId, lent.resourceId.toLowerCase()]) {
      expect([denied, credentialReaches(lent, denied)]).toEqual([denied, true]);
    }
    for (const denied of [OTHER, `${lent.resourceId}2`, ACCOUNT, VAULT]) {
      expect([denied, credentialReaches(lent, denied)]).toEqual([denied, false]);
    }
  });
  test.each(narrow)("$form is not: its rights are compared", (lent) => {
    expect(credentialReaches(lent, lent.resourceId)).toBe(false);
  });
});
