/** Host names of clusters, and the authority of each: who a certificate stands for, and where it is good. */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { clusterHost, openClusterAuthorities } from "../../../../../infra/local/azure/kubernetes/cluster-identity.ts";
import { openStateStore } from "../../../../../infra/local/state.ts";

const folder = mkdtempSync(join(tmpdir(), "latchkey-clusters-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const START = Date.parse("2026-11-22T10:00:00Z");
const DAY_MS = 24 * 60 * 60 * 1000;
const MASTER = { commonName: "masterclient", organizations: ["system:masters"] };
const idOf = (name: string, group = "g") =>
  `/subscriptions/s/resourceGroups/${group}/providers/Microsoft.ContainerService/managedClusters/${name}`;

function opened(name: string) {
  let at = START;
  const open = () => openClusterAuthorities({ state: openStateStore(join(folder, name)), now: () => new Date(at) });
  return {
    open,
    pass: (milliseconds: number) => {
      at += milliseconds;
    },
  };
}

describe("host names", () => {
  test("clusters of one name in two groups have different ones; the case of an ARM id does not matter", () => {
    const training = { name: "training", private: false };
    const one = clusterHost(idOf("training", "one"), training, "westeurope");
    expect(one.fqdn).toMatch(/^training-dns-[0-9a-f]{8}\.hcp\.westeurope\.azmk8s\.io$/);
    expect(one).toMatchObject({ server: one.fqdn, privateFqdn: null, dnsPrefix: "training-dns" });
    expect(clusterHost(idOf("training", "two"), training, "westeurope").fqdn).not.toBe(one.fqdn);
    expect(clusterHost(idOf("training", "one").toUpperCase(), training, "westeurope")).toEqual(one);
  });

  test("a private cluster is reached by its private name", () => {
    const host = clusterHost(idOf("secure"), { name: "Se_cure", private: true }, "northeurope");
    expect(host.server).toBe(host.privateFqdn);
    expect(host.server).toMatch(/^secure-dns-[0-9a-f]{8}\.[0-9a-f-]{36}\.privatelink\.northeurope\.azmk8s\.io$/);
    expect(host.portalFqdn).toMatch(/\.portal\.hcp\.northeurope\.azmk8s\.io$/);
  });
});

describe("certificates and tokens", () => {
  test("stand for who they were made for, at their own cluster alone", async () => {
    const all = opened("own").open();
    const [mine, other] = [await all.of(idOf("mine")), await all.of(idOf("other"))];
    const { certPem, keyPem } = await mine.issueClientCertificate("someone", "some-group");
    expect(new X509Certificate(certPem).toLegacyObject().subject).toMatchObject({ CN: "someone", O: "some-group" });
    expect(keyPem).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    expect(await mine.verify(certPem)).toEqual({ commonName: "someone", organizations: ["some-group"] });
    expect(await other.verify(certPem)).toBeNull();
    expect(await mine.verify(mine.caPem)).toBeNull();
    expect(await mine.verify("no certificate")).toBeNull();
    const { token } = await mine.administrator();
    expect(mine.verifyStaticToken(token)).toEqual(MASTER);
    expect(other.verifyStaticToken(token)).toBeNull();
    expect(mine.verifyStaticToken("")).toBeNull();
  });

  test("the administrator's are the same each time and after a restart, until they come near their end", async () => {
    const clusters = opened("kept");
    const first = await clusters.open().of(idOf("kept"));
    const [one, two] = await Promise.all([first.administrator(), first.administrator()]);
    expect(one).toEqual(two);
    expect(await first.verify(one.certPem)).toEqual(MASTER);
    const again = await clusters.open().of(idOf("KEPT"));
    expect(again.caPem).toBe(first.caPem);
    expect(await again.administrator()).toEqual(one);
    clusters.pass(2 * 365 * DAY_MS);
    expect(await again.verify(one.certPem)).toBeNull();
    const renewed = await again.administrator();
    expect(renewed.certPem).not.toBe(one.certPem);
    expect(await again.verify(renewed.certPem)).toEqual(MASTER);
  });
});
