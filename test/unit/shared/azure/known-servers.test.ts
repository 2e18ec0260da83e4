import { expect, test } from "vitest";
import type { GivenKubeconfig } from "../../../../shared/azure/given-kubeconfig.ts";
import { createKnownServers } from "../../../../shared/azure/known-servers.ts";
import type { Cluster } from "../../../../shared/connectors/ports.ts";
import { NOW, signIn } from "../../../support/fakes.ts";
import { cluster } from "../../../support/fakes-cluster.ts";

function world() {
  let at = NOW.getTime();
  let reads = 0;
  const read = createKnownServers(
    async () => {
      reads++;
      return {
        server: { url: "https://train-1.hcp.westeurope.azmk8s.io:443", authorityData: "QQ==" },
        certificate: { certificateData: "QQ==", keyData: "the-key" },
        token: "the-token",
      } as unknown as GivenKubeconfig;
    },
    () => new Date(at),
  );
  return {
    read: (changes: Partial<Cluster> = {}, by: Parameters<typeof signIn>[0] = {}, isDoubted = false) =>
      read({ signIn: signIn(by), cluster: cluster(changes) }, isDoubted),
    reads: () => reads,
    pass: (seconds: number) => {
      at += seconds * 1000;
    },
  };
}

test("a server is asked for once in five minutes, for its sign-in and cluster alone", async () => {
  const { read, reads, pass } = world();
  await Promise.all([read(), read(), read({ resourceGroup: "ML" })]);
  expect(reads()).toBe(1);
  await read({}, { key: "another" });
  await read({ cluster: "other" });
  await read({ resourceGroup: "other" });
  await read({ fqdn: "train-2.hcp.westeurope.azmk8s.io" });
  expect(reads()).toBe(5);
  pass(299);
  await read();
  expect(reads()).toBe(5);
  pass(1);
  await read();
  expect(reads()).toBe(6);
});

test("what has proved wrong is asked for anew, and is what the next one gets", async () => {
  const { read, reads } = world();
  await read();
  await read({}, {}, true);
  await read();
  expect(reads()).toBe(2);
});

test("nothing that signs in is kept or passed on with a server that is", async () => {
  expect(await world().read()).toMatchObject({ certificate: null, token: null });
});

test("of a cluster without Entra, whose kubeconfig holds a key, and of a sign-in without a name nothing is kept", async () => {
  const { read, reads } = world();
  for (const made of [await read({ hasEntra: false }), await read({ hasEntra: false })]) {
    expect(made).toMatchObject({ certificate: { keyData: "the-key" }, token: "the-token" });
  }
  await read({}, { key: null });
  await read({}, { key: null });
  expect(reads()).toBe(4);
});
