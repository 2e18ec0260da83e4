import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  meansVaultSecret,
  parseVaultSecretName,
  readVaultSecretName,
  refuseUnreachableSecret,
  vaultSecretUrl,
} from "../../../../shared/connectors/vault-secret.ts";
import { connector, OWN_VAULT, SUBSCRIPTION } from "../../../support/fakes.ts";

const SECRET = "https://examplevault.vault.azure.net/secrets/example-secret";
const secret = { cloud: "public", vault: "examplevault", name: "example-secret" } as const;

describe("name", () => {
  test.each([
    [SECRET, null],
    [`${SECRET}/5f0c3a1e9b7d4c2f8a6e1d3b5c7f9a02`, "5f0c3a1e9b7d4c2f8a6e1d3b5c7f9a02"],
    [`${SECRET}/Ab1`, "Ab1"],
    [SECRET.replace("examplevault.vault", "ExampleVault.VAULT"), null],
    [SECRET.replace("https", "HTTPS"), null],
  ])("%s is read", (text, version) => {
    expect(parseVaultSecretName(text)).toEqual({ id: secret, version });
  });

  test.each([
    ["another suffix behind", "https://examplevault.vault.azure.net.evil.example/secrets/example-secret"],
    ["another host before", "https://evil.example/examplevault.vault.azure.net/secrets/example-secret"],
    ["the vault as user", "https://examplevault.vault.azure.net@evil.example/secrets/example-secret"],
    ["a user", "https://user@examplevault.vault.azure.net/secrets/example-secret"],
    ["a user and password", "https://u:p@examplevault.vault.azure.net/secrets/example-secret"],
    ["a port", "https://examplevault.vault.azure.net:443/secrets/example-secret"],
    ["a trailing dot", "https://examplevault.vault.azure.net./secrets/example-secret"],
    ["two labels", "https://a1b.examplevault.vault.azure.net/secrets/example-secret"],
    ["no label", "https://vault.azure.net/secrets/example-secret"],
    ["an empty label", "https://.vault.azure.net/secrets/example-secret"],
    ["a suffix without its dot", "https://examplevaultvault.azure.net/secrets/example-secret"],
    ["another script", "https://exаmplevault.vault.azure.net/secrets/example-secret"],
    ["punycode", "https://xn--exmplevault-3nj.vault.azure.net/secrets/example-secret"],
    ["a full-width dot", "https://examplevault。vault.azure.net/secrets/example-secret"],
    ["plain http", "http://examplevault.vault.azure.net/secrets/example-secret"],
    ["no scheme", "examplevault.vault.azure.net/secrets/example-secret"],
    ["a backslash", "https://examplevault.vault.azure.net\\secrets\\example-secret"],
    ["a backslash before the host", "https:\\\\examplevault.vault.azure.net/secrets/example-secret"],
    ["an HSM", "https://examplevault.managedhsm.azure.net/secrets/example-secret"],
    ["a cloud that is not served", "https://examplevault.vault.microsoftazure.de/secrets/example-secret"],
    ["a query", `${SECRET}?api-version=7.4`],
    ["a fragment", `${SECRET}#x`],
    ["a key", "https://examplevault.vault.azure.net/keys/example-secret"],
    ["all secrets", "https://examplevault.vault.azure.net/secrets"],
    ["a trailing slash", `${SECRET}/`],
    ["a further segment", `${SECRET}/abc/def`],
    ["a path that climbs", "https://examplevault.vault.azure.net/secrets/../keys/k"],
    ["an escape", "https://examplevault.vault.azure.net/secrets/example%2Dsecret"],
    ["a deleted secret", "https://examplevault.vault.azure.net/deletedsecrets/example-secret"],
    ["a vault name that starts with a digit", "https://1vault.vault.azure.net/secrets/example-secret"],
    ["a double hyphen in the vault's name", "https://example--vault.vault.azure.net/secrets/example-secret"],
    ["a vault name that is too long", `https://${"v".repeat(25)}.vault.azure.net/secrets/s`],
    ["a vault name that is too short", "https://ab.vault.azure.net/secrets/s"],
    ["a secret name that is too long", `https://examplevault.vault.azure.net/secrets/${"s".repeat(128)}`],
    ["an underscore", "https://examplevault.vault.azure.net/secrets/example_secret"],
    ["a line break", `${SECRET}\n`],
    ["a space before", ` ${SECRET}`],
    ["a tab inside", SECRET.replace("vault.az", "vault.\taz")],
  ])("%s is refused", (_what, text) => {
    expect(readVaultSecretName(text)).toBeNull();
    expect(() => parseVaultSecretName(text)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
    expect(meansVaultSecret(text, SECRET)).toBe(false);
  });

  const hostile = fc.oneof(
    fc.webUrl({ withFragments: true, withQueryParameters: true }),
    fc.string({ unit: "binary", maxLength: 40 }).map((text) => SECRET.replace("examplevault", text)),
    fc
      .tuple(fc.nat(SECRET.length), fc.string({ unit: "binary", minLength: 1, maxLength: 4 }))
      .map(([at, text]) => SECRET.slice(0, at) + text + SECRET.slice(at)),
    fc
      .tuple(fc.nat(SECRET.length - 1), fc.constantFrom("@", ":", "/", "\\", "?", "#", ".", "%2e", "\t", "。"))
      .map(([at, text]) => SECRET.slice(0, at) + text + SECRET.slice(at + 1)),
  );
  test("whatever is taken goes to one vault below the suffix, and nowhere else", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const name = readVaultSecretName(text);
        if (name === null) return;
        const url = new URL(vaultSecretUrl(name.id));
        expect(url.host).toMatch(/^[a-z](?:-?[a-z0-9]){2,23}\.vault\.azure\.net$/);
        expect([url.protocol, url.port, url.username, url.password, url.search, url.hash]).toEqual([
          "https:",
          "",
          "",
          "",
          "",
          "",
        ]);
        // And the text itself, as any client would read it.
        expect(new URL(text).host).toBe(url.host);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("meaning", () => {
  test.each([
    [SECRET, true],
    [SECRET.toUpperCase(), true],
    [`${SECRET}/abc`, true],
    [`${SECRET}-2`, false],
    [SECRET.replace("examplevault", "othervault"), false],
    ["example-secret", false],
  ])("%s means the secret: %s", (text, means) => {
    expect(meansVaultSecret(text, SECRET)).toBe(means);
  });

  test("a grant that names a version as resource means nothing", () => {
    expect(meansVaultSecret(`${SECRET}/abc`, `${SECRET}/abc`)).toBe(false);
  });
});

describe("reach", () => {
  const limited = (changes: Parameters<typeof connector>[0]) => () =>
    refuseUnreachableSecret(secret, connector(changes), [OWN_VAULT]);
  const configuration = connector().configuration;

  test("a connector without limits, or with this secret as its limit, may be used", () => {
    expect(limited({})).not.toThrow();
    expect(limited({ resourceId: SECRET })).not.toThrow();
    expect(limited({ resourceId: SECRET, configuration: { ...configuration, resourceGroup: "g" } })).not.toThrow();
  });

  test.each([
    ["a subscription", { configuration: { ...configuration, subscriptionId: SUBSCRIPTION } }],
    ["a resource group", { configuration: { ...configuration, resourceGroup: "g" } }],
    ["a storage account", { configuration: { ...configuration, storageAccount: "account" } }],
    ["another secret", { resourceId: `${SECRET}-2` }],
    ["a container", { resourceId: `/subscriptions/${SUBSCRIPTION}` }],
  ])("one that is limited to %s is refused", (_what, changes) => {
    expect(limited(changes)).toThrow(expect.objectContaining({ code: "DENIED" }));
  });

  test("the service's own vault is refused, whatever the limit and the case", () => {
    const own = { ...secret, vault: OWN_VAULT.toUpperCase() };
    for (const resourceId of [null, vaultSecretUrl(own)]) {
      const refuse = () => refuseUnreachableSecret(own, connector({ resourceId }), [OWN_VAULT]);
      expect(refuse).toThrow(expect.objectContaining({ code: "DENIED" }));
    }
  });
});
