import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CLOUD_NAMES, type CloudName, cloudOf } from "../../../shared/cloud.ts";
import { mayReceiveToken } from "../../../shared/token-host.ts";

/** One host of each kind that a token is for. */
function hostsOf(cloud: CloudName): string[] {
  const { resourceManager, blobSuffix, tableSuffix, keyVaultSuffix, registrySuffix } = cloudOf(cloud);
  return [
    new URL(resourceManager).host,
    `account1.${blobSuffix}`,
    `account1.${tableSuffix}`,
    `my-vault.${keyVaultSuffix}`,
    `registry1.${registrySuffix}`,
  ];
}
const cloudNames = fc.constantFrom(...CLOUD_NAMES);
const goodHosts = cloudNames.chain((cloud) =>
  fc.record({ cloud: fc.constant(cloud), host: fc.constantFrom(...hostsOf(cloud)) }),
);

describe("a token may go to", () => {
  test.each(CLOUD_NAMES.flatMap((cloud) => hostsOf(cloud).map((host) => [cloud, host] as const)))(
    "%s: https://%s, with a path, a query, in capitals, and with the port of https",
    (cloud, host) => {
      for (const end of ["", "/", "?a=b", "/subscriptions?api-version=1&$skiptoken=a%2Fb:c@d"]) {
        expect(mayReceiveToken(`https://${host}${end}`, cloud)).toBe(true);
        expect(mayReceiveToken(`HTTPS://${host.toUpperCase()}:443${end}`, cloud)).toBe(true);
      }
    },
  );

  test("a registry whose name ends in a hash", () => {
    expect(mayReceiveToken("https://registry1-abc123.azurecr.io/v2/", "public")).toBe(true);
  });
});

describe("a token may not go to", () => {
  test("a host of another cloud", () => {
    for (const cloud of CLOUD_NAMES) {
      for (const other of CLOUD_NAMES.filter((name) => name !== cloud)) {
        for (const host of hostsOf(other)) expect(mayReceiveToken(`https://${host}/`, cloud)).toBe(false);
      }
    }
  });

  test.each<[string, (host: string) => string]>([
    ["http", (host) => `http://${host}/`],
    ["no scheme", (host) => `//${host}/`],
    ["a scheme that ends alike", (host) => `xhttps://${host}/`],
    ["space in front", (host) => ` https://${host}/`],
    ["a line break in front", (host) => `https://evil.example/\nhttps://${host}/`],
    ["a user", (host) => `https://user@${host}/`],
    ["the host as a user", (host) => `https://${host}@evil.example/`],
    ["the host as a user with a password", (host) => `https://${host}:443@evil.example/`],
    ["another port", (host) => `https://${host}:444/`],
    ["a port that goes on", (host) => `https://${host}:4433/`],
    ["no port behind the colon", (host) => `https://${host}:/`],
    ["a dot behind", (host) => `https://${host}./`],
    ["another domain behind", (host) => `https://${host}.evil.example/`],
    ["more letters behind", (host) => `https://${host}m/`],
    ["another name in front", (host) => `https://evil.${host}/`],
    ["letters in front", (host) => `https://evil-${host.slice(host.indexOf("."))}/`],
    ["the host in the path", (host) => `https://evil.example/${host}`],
    ["the host in the query", (host) => `https://evil.example/?${host}`],
    ["the host in the fragment", (host) => `https://evil.example#${host}`],
    ["a fragment behind", (host) => `https://${host}#/`],
    ["a backslash", (host) => `https://evil.example\\@${host}/`],
    ["backslashes for slashes", (host) => `https:\\\\${host}/`],
    ["three slashes", (host) => `https:///${host}/`],
    ["an encoded dot", (host) => `https://${host.replace(".", "%2e")}/`],
    ["an encoded slash", (host) => `https://evil.example%2f.${host}/`],
    ["a tab inside", (host) => `https://${host.slice(0, 4)}\t${host.slice(4)}/`],
    ["a zero inside", (host) => `https://${host}\0/`],
    ["a full-width dot", (host) => `https://${host.replace(".", "．")}/`],
    ["a cyrillic letter", (host) => `https://${host.replace("a", "а")}/`],
    ["punycode in front", (host) => `https://xn--80ak6aa92e.${host}/`],
    ["an underscore", (host) => `https://_${host}/`],
  ])("%s", (_what, url) => {
    for (const cloud of CLOUD_NAMES)
      for (const host of hostsOf(cloud)) expect(mayReceiveToken(url(host), cloud)).toBe(false);
  });

  test.each([
    "",
    "https://",
    "https:///",
    "https://blob.core.windows.net/",
    "https://.blob.core.windows.net/",
    "https://ab.blob.core.windows.net/",
    "https://Account_1.blob.core.windows.net/",
    "https://account1.file.core.windows.net/",
    "https://1vault.vault.azure.net/",
    "https://vault--x.vault.azure.net/",
    `https://${"v".repeat(25)}.vault.azure.net/`,
    "https://abcd.azurecr.io/",
    "https://registry1.westeurope.data.azurecr.io/",
    "https://x.management.azure.com/",
    "https://management.core.windows.net/",
    "https://login.microsoftonline.com/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://localhost/",
  ])("%s", (url) => {
    expect(mayReceiveToken(url, "public")).toBe(false);
  });
});

describe("whatever the text", () => {
  /** What stands in a URL, and what has been put there to mislead. */
  const pieces = fc.constantFrom(
    "@",
    ":",
    "/",
    "\\",
    "?",
    "#",
    ".",
    "%2e",
    "%2f",
    "evil.example",
    "443",
    "а",
    "。",
    "\t",
    "\n",
    " ",
    "-",
    "a",
  );
  const misleading = goodHosts.chain(({ cloud, host }) =>
    fc
      .tuple(
        fc.array(pieces, { maxLength: 4 }),
        fc.nat(host.length),
        fc.array(pieces, { maxLength: 4 }),
        fc.array(pieces, { maxLength: 4 }),
      )
      .map(([before, at, inside, after]) => ({
        cloud,
        url: `https://${before.join("")}${host.slice(0, at)}${inside.join("")}${host.slice(at)}${after.join("")}`,
      })),
  );

  test("what is let through is sent by the platform's own parser to a host of this cloud, over https at its port, as nobody", () => {
    fc.assert(
      fc.property(fc.oneof(misleading, fc.record({ cloud: cloudNames, url: fc.webUrl() })), ({ cloud, url }) => {
        if (!mayReceiveToken(url, cloud)) return;
        const { protocol, host, username, password } = new URL(url);
        expect([protocol, username, password]).toEqual(["https:", "", ""]);
        const known = hostsOf(cloud).map((good) => good.slice(good.indexOf(".")));
        expect(host === hostsOf(cloud)[0] || known.includes(host.slice(host.indexOf(".")))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  test("a good host with any path in plain characters is let through", () => {
    const path = fc
      .array(fc.constantFrom(..."abcXYZ019-._~/?=&$%:@+,;()'*![]"), { maxLength: 40 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(goodHosts, path, ({ cloud, host }, rest) => {
        expect(mayReceiveToken(`https://${host}/${rest}`, cloud)).toBe(true);
      }),
    );
  });
});
