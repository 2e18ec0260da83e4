import { describe, expect, test } from "vitest";
import { accountUrl, CLOUD_NAMES, cloudOf, KEY_VAULT_NAME, STORAGE_ACCOUNT_NAME } from "../../../shared/cloud.ts";

test("three clouds are served, each with hosts of its own", () => {
  expect(CLOUD_NAMES).toEqual(["public", "us-government", "china"]);
  expect(cloudOf("public")).toMatchObject({
    authorityHost: "https://login.microsoftonline.com",
    resourceManager: "https://management.azure.com",
    blobSuffix: "blob.core.windows.net",
    tableSuffix: "table.core.windows.net",
    keyVaultSuffix: "vault.azure.net",
    registrySuffix: "azurecr.io",
    v1Issuer: "https://sts.windows.net/",
    exchangeAudience: "api://AzureADTokenExchange",
    audiences: {
      arm: "https://management.azure.com",
      storage: "https://storage.azure.com",
      "key-vault": "https://vault.azure.net",
    },
  });
  for (const field of [
    "authorityHost",
    "resourceManager",
    "oldArmAudience",
    "blobSuffix",
    "tableSuffix",
    "keyVaultSuffix",
    "registrySuffix",
    "exchangeAudience",
    "v2Issuer",
  ] as const) {
    expect(new Set(CLOUD_NAMES.map((name) => cloudOf(name)[field])).size).toBe(CLOUD_NAMES.length);
  }
});

test.each(CLOUD_NAMES)(
  "%s: an address of ARM or a sign-in has no slash at its end, a suffix no dot in front",
  (name) => {
    const { authorityHost, authorityAliases, resourceManager, oldArmAudience, v2Issuer, ...cloud } = cloudOf(name);
    for (const url of [authorityHost, ...authorityAliases, resourceManager, oldArmAudience, v2Issuer]) {
      expect(new URL(url).origin).toBe(url);
    }
    for (const suffix of [cloud.blobSuffix, cloud.tableSuffix, cloud.keyVaultSuffix, cloud.registrySuffix]) {
      expect(suffix).toMatch(/^[a-z]+(?:\.[a-z]+)+$/);
    }
  },
);

const ATTACKS = [
  "",
  "a.b",
  "a/b",
  "a@b",
  "a:1",
  "a?b",
  "a#b",
  "a%2fb",
  "..",
  "abc\n",
  " abc",
  "ａｂｃ",
  "аbc",
  "abc\0",
];

describe("names that become hosts", () => {
  test.each([...ATTACKS, "ab", "a".repeat(25), "Abc", "a-bc"])("not a storage account: %j", (name) => {
    expect(STORAGE_ACCOUNT_NAME.test(name)).toBe(false);
  });
  test.each(["abc", "0a1", "a".repeat(24)])("a storage account: %s", (name) => {
    expect(STORAGE_ACCOUNT_NAME.test(name)).toBe(true);
  });
  test.each([...ATTACKS, "1abc", "-abc", "abc-", "a--b", "a_bc"])("not a key vault: %j", (name) => {
    expect(KEY_VAULT_NAME.test(name)).toBe(false);
  });
  test.each(["abc", "Latchkey-Vault", "a-1-b"])("a key vault: %s", (name) => {
    expect(KEY_VAULT_NAME.test(name)).toBe(true);
  });
  test("the URL is https under the suffix", () => {
    expect(accountUrl("abc", "blob.core.windows.net")).toBe("https://abc.blob.core.windows.net");
  });
});
