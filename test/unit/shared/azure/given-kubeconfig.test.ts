import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { readGivenKubeconfig, serverHost } from "../../../../shared/azure/given-kubeconfig.ts";
import { makePem } from "../../../support/pem.ts";

const FQDN = "training-dns-1.hcp.westeurope.azmk8s.io";
const PRIVATE = "training-dns-1.0f1e2d3c.privatelink.westeurope.azmk8s.io";
const ARM = { fqdn: FQDN, privateFqdn: PRIVATE };

let authority: string;
let key: string;
beforeAll(async () => {
  const pem = await makePem(new Date("2026-01-01"), new Date("2056-01-01"), "ec");
  authority = pem.certificate;
  key = pem.key;
});
const base64 = (text: string) => Buffer.from(text).toString("base64");

type Parts = { cluster?: object; user?: object | null; context?: object; top?: object };
/** As AKS writes them, with changes. */
function kubeconfig({ cluster = {}, user = {}, context = {}, top = {} }: Parts = {}) {
  return {
    apiVersion: "v1",
    kind: "Config",
    preferences: {},
    clusters: [
      {
        name: "training",
        cluster: { server: `https://${FQDN}:443`, "certificate-authority-data": base64(authority), ...cluster },
      },
    ],
    users: [{ name: "clusterUser_ml_training", user: user === null ? null : { ...user } }],
    contexts: [{ name: "training", context: { cluster: "training", user: "clusterUser_ml_training", ...context } }],
    "current-context": "training",
    ...top,
  };
}
const readText = (text: string) => readGivenKubeconfig(Buffer.from(text), ARM, "public");
const read = (parts: Parts = {}) => readText(stringify(kubeconfig(parts)));

describe("takes over", () => {
  test("server and authority of an Entra cluster, whose user holds a program alone", async () => {
    const exec = { apiVersion: "client.authentication.k8s.io/v1beta1", command: "kubelogin", args: ["get-token"] };
    const server = { url: `https://${FQDN}:443`, authorityData: expect.any(String) };
    expect(await read({ user: { exec } })).toEqual({ server, certificate: null, token: null });
    expect(await read({ user: null })).toEqual({ server, certificate: null, token: null });
  });

  test("certificate, key and token of a cluster without", async () => {
    const user = { "client-certificate-data": base64(authority), "client-key-data": base64(key), token: "0af1" };
    expect(await read({ user })).toMatchObject({
      certificate: { certificateData: base64(authority), keyData: base64(key) },
      token: "0af1",
    });
  });

  test("the private name, whatever its case and port", async () => {
    const given = await read({ cluster: { server: `https://${PRIVATE.toUpperCase()}` } });
    expect(given?.server.url).toBe(`https://${PRIVATE}:443`);
  });

  test("two authorities, while one is rotated", async () => {
    const given = await read({ cluster: { "certificate-authority-data": base64(authority + authority) } });
    expect(Buffer.from(given?.server.authorityData ?? "", "base64").toString()).toBe(authority + authority);
  });
});

test.each([
  ["a way around", { cluster: { "proxy-url": "http://evil.example" } }],
  ["another name in the certificate", { cluster: { "tls-server-name": "evil.example" } }],
  ["no check at all", { cluster: { "insecure-skip-tls-verify": true } }],
  ["a file", { cluster: { "certificate-authority": "/etc/passwd" } }],
  ["an extension", { cluster: { extensions: [{ name: "client.authentication.k8s.io/exec", extension: {} }] } }],
  ["a program", { user: { exec: { command: "/bin/sh", args: ["-c", "id"] } } }],
  ["an old plugin", { user: { "auth-provider": { name: "gcp", config: { "cmd-path": "/bin/sh" } } } }],
  ["other files", { user: { tokenFile: "/x", "client-certificate": "/x", "client-key": "/x" } }],
  ["another person", { user: { "act-as": "system:admin" } }],
  ["a namespace", { context: { namespace: "kube-system" } }],
])("%s is not taken over", async (_, parts) => {
  expect(await read(parts)).toEqual(await read());
});

describe("refuses", () => {
  test.each([
    ["http", `http://${FQDN}`],
    ["another port", `https://${FQDN}:8443`],
    ["a path", `https://${FQDN}/proxy`],
    ["a query", `https://${FQDN}?x`],
    ["somebody before the host", `https://evil.example@${FQDN}`],
    ["the host before another", `https://${FQDN}@evil.example`],
    ["another cluster of the cloud", "https://other-dns-1.hcp.westeurope.azmk8s.io"],
    ["another host", "https://evil.example"],
    ["a longer host", `https://${FQDN}.evil.example`],
    ["a host that ends alike", `https://evil${FQDN}`],
    ["a dot more", `https://${FQDN}.`],
    ["a backslash", `https://${FQDN}\\@evil.example`],
    ["a line more", `https://${FQDN}\n`],
    ["nothing", ""],
  ])("%s as server", async (_, server) => {
    expect(await read({ cluster: { server } })).toBeNull();
  });

  test("a host of no cloud, although ARM should list it", async () => {
    const fqdn = "training.hcp.westeurope.evil.example";
    const bytes = Buffer.from(stringify(kubeconfig({ cluster: { server: `https://${fqdn}` } })));
    expect(await readGivenKubeconfig(bytes, { fqdn, privateFqdn: null }, "public")).toBeNull();
    expect(await readGivenKubeconfig(bytes, ARM, "public")).toBeNull();
  });

  test.each([
    ["none", undefined],
    ["empty", ""],
    ["no certificate", base64("hello")],
    ["no base64", "***"],
    ["half a certificate", base64("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")],
  ])("an authority that is %s", async (_, data) => {
    expect(await read({ cluster: { "certificate-authority-data": data } })).toBeNull();
  });

  test("a key or anything else beside the authority", async () => {
    expect(await read({ cluster: { "certificate-authority-data": base64(authority + key) } })).toBeNull();
    const many = Array.from({ length: 11 }, () => authority).join("");
    expect(await read({ cluster: { "certificate-authority-data": base64(many) } })).toBeNull();
  });

  test("a certificate without its key", async () => {
    expect(await read({ user: { "client-certificate-data": base64(authority) } })).toBeNull();
    expect(await read({ user: { "client-key-data": base64(key) } })).toBeNull();
  });

  test.each(["clusters", "users", "contexts"] as const)("several or none of %s", async (list) => {
    const [one] = kubeconfig()[list];
    expect(await read({ top: { [list]: [one, one] } })).toBeNull();
    expect(await read({ top: { [list]: [] } })).toBeNull();
  });

  test("a context of something else", async () => {
    expect(await read({ context: { cluster: "other" } })).toBeNull();
    expect(await read({ context: { user: "other" } })).toBeNull();
  });

  test("YAML that means more than it shows", async () => {
    const text = stringify(kubeconfig());
    expect(await readText(text)).not.toBeNull();
    expect(await readText(`${text}---\n${text}`)).toBeNull();
    expect(await readText(`${text}current-context: other\n`)).toBeNull();
    expect(await readText(`a: &a [1]\nb: *a\n${text}`)).toBeNull();
    expect(await readText(text.replace("kind: Config", "kind: !!js/function Config"))).toBeNull();
    expect(await readText(`${text}# ${"x".repeat(131_072)}\n`)).toBeNull();
    expect(await readGivenKubeconfig(Uint8Array.of(0xff, 0xfe, 0x00), ARM, "public")).toBeNull();
  });
});

test("whatever text comes, nothing but its own host, authority, certificate and token goes on", async () => {
  const anything = fc.jsonValue({ maxDepth: 3 });
  const member = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom("exec", "proxy-url", "tls-server-name", "act-as"),
  );
  const object = fc.dictionary(member, anything, { maxKeys: 4 });
  let taken = 0;
  const parts = fc.record({ cluster: object, user: object, context: object, top: object }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(parts, async (changes) => {
      const given = await read(changes);
      if (given === null) return;
      taken++;
      expect(Object.keys(given).sort()).toEqual(["certificate", "server", "token"]);
      expect(given.server.url).toBe(`https://${FQDN}:443`);
      expect(Buffer.from(given.server.authorityData, "base64").toString()).toBe(authority);
    }),
    { numRuns: 150 },
  );
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 200 }), async (text) => {
      expect(await readText(text)).toBeNull();
    }),
    { numRuns: 150 },
  );
  expect(taken).toBeGreaterThan(0);
});

describe("hosts of API servers", () => {
  test.each([
    ["public", `https://${FQDN}`],
    ["public", `https://${PRIVATE}:443/`],
    ["public", "https://a.privatelink.westeurope.azmk8s.io"],
    ["public", "https://a.sub.private.westeurope.azmk8s.io"],
    ["us-government", "https://a.hcp.usgovvirginia.cx.aks.containerservice.azure.us"],
    ["china", "https://a.hcp.chinaeast2.cx.prod.service.azk8s.cn"],
  ] as const)("of %s: %s", (cloud, url) => {
    expect(serverHost(url, cloud)).toBe(new URL(url).hostname);
  });

  test.each([
    ["public", "https://hcp.westeurope.azmk8s.io"],
    ["public", "https://a.portal.westeurope.azmk8s.io"],
    ["public", "https://azmk8s.io"],
    ["public", "https://a.hcp.westeurope.azmk8s.io.evil.example"],
    ["public", "https://-a.hcp.westeurope.azmk8s.io"],
    ["china", `https://${FQDN}`],
  ] as const)("not of %s: %s", (cloud, url) => {
    expect(serverHost(url, cloud)).toBeNull();
  });
});
