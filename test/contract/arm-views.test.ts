/** What a connector sees of registries, clusters, vaults, identities and its own rights, through the official SDKs. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import type { AzureView } from "../../shared/connectors/ports.ts";
import { SUBSCRIPTION } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { signInOf } from "../support/product-parts.ts";

let azure: LocalAzure;
let reader: AzureView;
let stranger: AzureView;
let research: AzureView;
beforeAll(async () => {
  azure = await startLocalAzure();
  const open = (name: string) => createOpenAzure(createConnectorIdentities())(signInOf(azure, name));
  [reader, stranger, research] = [open("zenml-connector"), open("stranger"), open("research-connector")];
});
afterAll(() => azure.stop());

const PLACE = { subscriptionId: SUBSCRIPTION, resourceGroup: "demo-zenml-demos" };
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/demo-zenml-demos`;

describe("a Reader", () => {
  test("sees the registry with its mode", async () => {
    expect(await reader.registries(SUBSCRIPTION, null)).toContainEqual({
      ...PLACE,
      registry: "demozenmlcontainerregistry",
      tier: "Standard",
      loginServer: "demozenmlcontainerregistry.azurecr.io",
      mode: "legacy",
      adminUserEnabled: false,
      takesArmTokens: true,
    });
  });

  test("sees the cluster, and that it runs", async () => {
    const clusters = await reader.clusters(SUBSCRIPTION, "DEMO-zenml-demos");
    expect(clusters).toMatchObject([{ cluster: "demo-zenml-terraform-cluster", isRunning: true }]);
  });

  test("sees vaults", async () => {
    const vaults = await reader.vaults(SUBSCRIPTION, null);
    expect(vaults.map(({ vault }) => vault)).toContain("examplevault");
  });

  test("sees the identities of a group with the ids that roles are granted to", async () => {
    const identities = await reader.identities(SUBSCRIPTION, "demo-zenml-demos");
    expect(identities.map(({ identity }) => identity).toSorted()).toEqual([
      "flyteuser-speech",
      "flyteuser-vision",
      "userflyterole",
    ]);
    expect(identities).toContainEqual({
      ...identities[0],
      identity: "userflyterole",
      principalId: "f17e0003-71d1-4e5e-8a03-7c8d9e0f1a2c",
      tenantId: azure.seed.tenant.id,
      clientId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  test("may read at a group, and everything below it", async () => {
    for (const scope of [GROUP, `${GROUP}/providers/Microsoft.Storage/storageAccounts/demozenmlartifacts`]) {
      const permissions = await reader.permissions(scope);
      expect(permissions.some(({ actions }) => actions.includes("*/read"))).toBe(true);
    }
  });
});

test("the registry that only the repository roles count for says so", async () => {
  const subscriptions = await research.subscriptions();
  const registries = await Promise.all(
    subscriptions.map(({ subscriptionId }) => research.registries(subscriptionId, null)),
  );
  const found = registries.flat().find(({ registry }) => registry === "researchabacregistry");
  expect(found).toMatchObject({ mode: "abac" });
});

test("somebody without a role is refused, and told so: no empty list", async () => {
  for (const list of [stranger.registries, stranger.clusters, stranger.vaults, stranger.identities]) {
    for (const group of [null, "demo-zenml-demos"]) {
      await expect(list(SUBSCRIPTION, group)).rejects.toMatchObject({
        code: "UPSTREAM_REFUSED",
        failure: { status: 403, code: "AuthorizationFailed" },
      });
    }
  }
});

test("an unknown group has none of anything; an unknown subscription is no empty one", async () => {
  const lists = [reader.registries, reader.clusters, reader.vaults, reader.identities];
  for (const list of lists) {
    expect(await list(SUBSCRIPTION, "nothing")).toEqual([]);
    await expect(list("00000000-0000-4000-8000-000000000000", null)).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      failure: { status: 404 },
    });
  }
});
