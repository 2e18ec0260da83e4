import { describe, expect, test } from "vitest";
import { clusterArmId } from "../../../../shared/connectors/cluster.ts";
import { RESOURCES } from "../../../../shared/connectors/find-resources.ts";
import type { Reach } from "../../../../shared/connectors/found.ts";
import type { ArmPlace, AzureView, Registry, Vault } from "../../../../shared/connectors/ports.ts";
import { registryArmId } from "../../../../shared/connectors/registry.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import { azureView, connectorRequest, OWN_ACCOUNTS, OWN_VAULT, SUBSCRIPTION } from "../../../support/fakes.ts";
import { cluster } from "../../../support/fakes-cluster.ts";

const OTHER = "00000000-0000-4000-8000-00000000000b";
const at = (resourceGroup: string, subscriptionId = SUBSCRIPTION): ArmPlace => ({ subscriptionId, resourceGroup });
const clusterAt = (place: ArmPlace, name: string) => cluster({ ...place, cluster: name });
const registry = (place: ArmPlace, name: string, label = name): Registry => ({
  ...place,
  registry: name,
  loginServer: `${label}.azurecr.io`,
  tier: "Standard",
  mode: "legacy",
  adminUserEnabled: false,
  takesArmTokens: true,
});
const vault = (place: ArmPlace, name: string): Vault => ({ ...place, vault: name, hasRbac: true });

const CLUSTERS = [
  clusterAt(at("Demos"), "train"),
  clusterAt(at("other"), "train"),
  clusterAt(at("demos", OTHER), "serve"),
];
const REGISTRIES = [
  registry(at("demos"), "images1"),
  registry(at("other"), "shared", "shared-aaaa"),
  registry(at("other", OTHER), "shared", "shared-bbbb"),
];
const VAULTS = [vault(at("demos"), "keys1"), vault(at("demos"), OWN_VAULT)];

/** Two subscriptions; `broken` cannot be read. What was asked for is in `asked`. */
function world(broken: readonly string[] = []) {
  const asked: string[] = [];
  const list =
    <T extends ArmPlace>(all: readonly T[]) =>
    async (subscriptionId: string, resourceGroup: string | null) => {
      asked.push(`${subscriptionId === SUBSCRIPTION ? "one" : "two"} ${resourceGroup ?? "*"}`);
      if (broken.includes(subscriptionId)) throw new UpstreamError("UPSTREAM_REFUSED", "no", { retryable: false });
      return all.filter(
        (found) =>
          found.subscriptionId === subscriptionId &&
          (resourceGroup === null || found.resourceGroup.toLowerCase() === resourceGroup.toLowerCase()),
      );
    };
  const view: AzureView = {
    ...azureView({ "group/accountone": ["data"] }),
    subscriptions: async () => [
      { subscriptionId: SUBSCRIPTION, displayName: "One" },
      { subscriptionId: OTHER, displayName: "Two" },
    ],
    clusters: list(CLUSTERS),
    registries: list(REGISTRIES),
    vaults: list(VAULTS),
  };
  return { view, asked };
}
const reach = (configuration: Partial<Reach["configuration"]> = {}, resourceId: string | null = null): Reach => ({
  configuration: { ...connectorRequest().configuration, ...configuration },
  resourceId,
  ownAccounts: OWN_ACCOUNTS,
  ownVaults: [OWN_VAULT],
  cloud: "public",
});
const names = async (type: keyof typeof RESOURCES, within: Reach, view = world().view) =>
  (await RESOURCES[type].list(view, within)).found.map(({ displayName }) => displayName);
const armIds = CLUSTERS.map(clusterArmId);

describe("list", () => {
  test("without limits: everything that is visible, as people see it", async () => {
    expect(await names("kubernetes-cluster", reach())).toEqual(["demos/serve", "Demos/train", "other/train"]);
    expect(await names("docker-registry", reach())).toHaveLength(3);
    expect(await names("key-vault-secret", reach())).toEqual(["keys1"]);
    expect(await names("blob-container", reach())).toEqual(["az://data"]);
    expect(await names("azure-generic", reach())).toEqual(["Two", "One"]);
  });

  test.each<[string, Partial<Reach["configuration"]>, string | null, string[], string[]]>([
    [
      "a resource group, in any case",
      { resourceGroup: "DEMOS" },
      null,
      ["demos/serve", "Demos/train"],
      ["one DEMOS", "two DEMOS"],
    ],
    ["a subscription", { subscriptionId: SUBSCRIPTION }, null, ["Demos/train", "other/train"], ["one *"]],
    ["both", { subscriptionId: SUBSCRIPTION, resourceGroup: "other" }, null, ["other/train"], ["one other"]],
    ["one cluster, in any case", {}, armIds[1]?.toUpperCase() ?? "", ["other/train"], ["one OTHER"]],
    ["one registry", {}, registryArmId(registry(at("demos"), "images1")), [], []],
    ["a storage account", { storageAccount: "accountone" }, null, [], []],
  ])(
    "limited to %s: only its clusters, and only there it looks",
    async (_what, configuration, only, expected, calls) => {
      const { view, asked } = world();
      expect(await names("kubernetes-cluster", reach(configuration, only), view)).toEqual(expected);
      expect(asked.toSorted()).toEqual(calls);
    },
  );

  test("a subscription that cannot be read does not hide the others, and is named", async () => {
    const { found, unread } = await RESOURCES["docker-registry"].list(world([OTHER]).view, reach());
    expect(found).toHaveLength(2);
    expect(unread).toMatchObject([{ where: `subscription ${OTHER}`, error: { code: "UPSTREAM_REFUSED" } }]);
  });

  test("the only secret of a connector is told without a look", async () => {
    const { view, asked } = world();
    const only = "https://keys1.vault.azure.net/secrets/token";
    expect(await names("key-vault-secret", reach({}, only), view)).toEqual(["keys1/token"]);
    expect(asked).toEqual([]);
  });
});

describe("resolve", () => {
  const resolve = (type: keyof typeof RESOURCES, text: string, within = reach(), view = world().view) =>
    RESOURCES[type].resolve(view, within, text);

  test.each([
    ["serve", armIds[2]],
    ["demos/TRAIN", armIds[0]],
    [(armIds[1] ?? "").toUpperCase(), armIds[1]],
  ])("a cluster by %s", async (text, expected) => {
    expect((await resolve("kubernetes-cluster", text)).resourceId).toBe(expected);
  });

  test.each(["images1", "IMAGES1.azurecr.io", "https://images1.azurecr.io"])("a registry by %s", async (text) => {
    expect((await resolve("docker-registry", text)).displayName).toBe("images1.azurecr.io");
  });

  test("the same bare name in two groups or subscriptions: ambiguous, with the candidates", async () => {
    await expect(resolve("kubernetes-cluster", "train")).rejects.toMatchObject({
      code: "AMBIGUOUS_RESOURCE",
      candidates: [armIds[0], armIds[1]],
    });
    await expect(resolve("docker-registry", "shared")).rejects.toMatchObject({ code: "AMBIGUOUS_RESOURCE" });
    const one = await resolve("docker-registry", "shared-bbbb.azurecr.io");
    expect(one.resourceId).toContain(OTHER);
  });

  test("a configured group decides between equal names, and a name's group must be it", async () => {
    const within = reach({ resourceGroup: "OTHER" });
    expect((await resolve("kubernetes-cluster", "train", within)).resourceId).toBe(armIds[1]);
    expect((await resolve("kubernetes-cluster", "other/train", within)).resourceId).toBe(armIds[1]);
    const { view, asked } = world();
    await expect(resolve("kubernetes-cluster", "demos/train", within, view)).rejects.toMatchObject({ code: "DENIED" });
    await expect(resolve("kubernetes-cluster", armIds[0] ?? "", within, view)).rejects.toMatchObject({
      code: "DENIED",
    });
    expect(asked).toEqual([]);
  });

  test("what could not be read may hold another: refused, unless Azure gives the name once", async () => {
    const { view } = world([OTHER]);
    for (const text of ["serve", "demos/train", "nothing"]) {
      await expect(resolve("kubernetes-cluster", text, reach(), view)).rejects.toMatchObject({
        code: "UPSTREAM_REFUSED",
      });
    }
    await expect(resolve("docker-registry", "images1", reach(), view)).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
    });
    expect((await resolve("docker-registry", "images1.azurecr.io", reach(), view)).displayName).toBe(
      "images1.azurecr.io",
    );
    expect((await resolve("kubernetes-cluster", armIds[0] ?? "", reach(), view)).resourceId).toBe(armIds[0]);
  });

  test.each(["images1.azurecr.cn", "images1.azurecr.us", "nothing.azurecr.io", "nothing1"])(
    "%s is no registry of this connector",
    async (text) => {
      await expect(resolve("docker-registry", text)).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    },
  );

  test("a secret of the service's own vault is never lent", async () => {
    const own = `https://${OWN_VAULT}.vault.azure.net/secrets/x`;
    await expect(resolve("key-vault-secret", own)).rejects.toMatchObject({ code: "DENIED" });
    expect((await resolve("key-vault-secret", "https://keys1.vault.azure.net/secrets/x")).displayName).toBe("keys1/x");
  });
});
