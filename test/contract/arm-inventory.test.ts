/** Registries, clusters, vaults and identities of the local Azure, with the official SDKs; pages and api-versions. */
import { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import { ContainerServiceClient } from "@azure/arm-containerservice";
import { KeyVaultManagementClient } from "@azure/arm-keyvault";
import { ManagedServiceIdentityClient } from "@azure/arm-msi";
import { SubscriptionClient } from "@azure/arm-resources-subscriptions";
import { StorageManagementClient } from "@azure/arm-storage";
import { ClientSecretCredential } from "@azure/identity";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const ARM = "https://management.azure.com";

let azure: LocalAzure;
let demo: string;
let research: string;
let partner: string;
let token: string;

beforeAll(async () => {
  azure = await startLocalAzure();
  const idOf = (name: string) => azure.seed.subscriptions.find((one) => one.name === name)?.id ?? "";
  demo = idOf("ZenML Subscription");
  research = idOf("ZenML Research");
  partner = idOf("ZenML Partner Subscription");
  token = await tokenOf(azure, "research-connector", `${ARM}/.default`);
});
afterEach(() => steer("DELETE"));
afterAll(async () => azure?.stop());

async function steer(method: string, settings?: object): Promise<number> {
  const body = settings && { body: JSON.stringify(settings), headers: { "content-type": "application/json" } };
  return (await fetch(`${azure.controlUrl}/arm`, { method, ...body })).status;
}
const get = (path: string, caller = token) => jsonRequest(azure, "GET", `${ARM}${path}`, { token: caller });
async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of pages) all.push(item);
  return all;
}
const named = (items: readonly { readonly name?: string }[]) => items.map(({ name }) => name).toSorted();
const credential = (name = "research-connector") => credentialOf(azure, name);
const errorOf = (code: string) => ({ error: { code, message: expect.any(String) } });

describe("arm-containerregistry SDK", () => {
  const client = (name: string, subscription: string) =>
    new ContainerRegistryManagementClient(credential(name), subscription).registries;

  test("lists the registry of the page, in legacy mode and without an admin user", async () => {
    const [registry, ...more] = await collect(client("zenml-connector", demo).list());
    expect(more).toEqual([]);
    expect(registry).toMatchObject({
      name: "demozenmlcontainerregistry",
      loginServer: "demozenmlcontainerregistry.azurecr.io",
      adminUserEnabled: false,
      roleAssignmentMode: "LegacyRegistryPermissions",
      policies: { azureADAuthenticationAsArmPolicy: { status: "enabled" } },
      creationDate: expect.any(Date),
    });
  });

  test("shows the modes that there are, by subscription and by group", async () => {
    const all = await collect(client("research-connector", research).list());
    expect(named(all)).toEqual(["demozenmlcontainerregistry", "researchabacregistry", "researchadminregistry"]);
    const find = (name: string) => all.find((one) => one.name === name);
    expect(find("demozenmlcontainerregistry")?.loginServer).toBe(
      "demozenmlcontainerregistry-e7ggejfuhzhgedc8.azurecr.io",
    );
    expect(find("researchabacregistry")).toMatchObject({
      roleAssignmentMode: "AbacRepositoryPermissions",
      policies: { azureADAuthenticationAsArmPolicy: { status: "disabled" } },
    });
    expect(find("researchadminregistry")).toMatchObject({ adminUserEnabled: true, location: "northeurope" });
    const inGroup = await collect(client("research-connector", research).listByResourceGroup("RESEARCH-speech"));
    expect(named(inGroup)).toEqual(["researchadminregistry"]);
  });

  test("get: gives one, or tells what is missing", async () => {
    const registries = client("research-connector", research);
    const found = await registries.get("research-vision", "ResearchAbacRegistry");
    expect(found.id).toBe(
      `/subscriptions/${research}/resourceGroups/research-vision/providers/Microsoft.ContainerRegistry/registries/researchabacregistry`,
    );
    await expect(registries.get("research-vision", "nothing")).rejects.toMatchObject({ code: "ResourceNotFound" });
    await expect(registries.get("nothing", "nothing")).rejects.toMatchObject({ code: "ResourceGroupNotFound" });
  });

  test("versions before 2025-04-01 know no role assignment mode", async () => {
    const at = async (version: string) =>
      (
        await get(
          `/subscriptions/${research}/resourceGroups/research-vision/providers/Microsoft.ContainerRegistry/registries/researchabacregistry?api-version=${version}`,
        )
      ).body;
    expect(await at("2022-02-01-preview")).not.toContain("roleAssignmentMode");
    expect(await at("2025-04-01")).toContain("AbacRepositoryPermissions");
  });
});

describe("arm-containerservice SDK", () => {
  const client = (name: string, subscription: string) =>
    new ContainerServiceClient(credential(name), subscription).managedClusters;

  test("lists the cluster of the page, with Entra and Azure roles", async () => {
    const [cluster, ...more] = await collect(client("zenml-connector", demo).list());
    expect(more).toEqual([]);
    expect(cluster).toMatchObject({
      id: `/subscriptions/${demo}/resourcegroups/demo-zenml-demos/providers/Microsoft.ContainerService/managedClusters/demo-zenml-terraform-cluster`,
      aadProfile: { managed: true, enableAzureRbac: true, tenantID: azure.seed.tenant.id },
      disableLocalAccounts: false,
      enableRbac: true,
      powerState: { code: "Running" },
      nodeResourceGroup: "MC_demo-zenml-demos_demo-zenml-terraform-cluster_westeurope",
    });
  });

  test("shows who signs in, what runs and what is private", async () => {
    const all = await collect(client("research-connector", research).list());
    expect(named(all)).toEqual(["demo-zenml-terraform-cluster", "nightly", "secure", "training", "training"]);
    const find = (group: string, name: string) =>
      all.find((one) => one.name === name && one.id?.includes(`/${group}/`));
    expect(find("research-vision", "training")?.aadProfile).toBeUndefined();
    expect(find("research-vision", "demo-zenml-terraform-cluster")?.aadProfile?.enableAzureRbac).toBe(false);
    expect(find("research-vision", "nightly")?.powerState).toEqual({ code: "Stopped" });
    expect(find("research-speech", "training")?.disableLocalAccounts).toBe(true);
    const secure = find("research-speech", "secure");
    expect(secure?.apiServerAccessProfile?.enablePrivateCluster).toBe(true);
    expect(secure?.privateFqdn).toContain(".privatelink.northeurope.azmk8s.io");
    const speech = await collect(client("research-connector", research).listByResourceGroup("research-speech"));
    expect(named(speech)).toEqual(["secure", "training"]);
    const one = await client("research-connector", research).get("research-speech", "training");
    expect(one.disableLocalAccounts).toBe(true);
  });
});

describe("arm-keyvault and arm-msi SDKs", () => {
  test("vaults: show whether roles or access policies decide", async () => {
    const { vaults } = new KeyVaultManagementClient(credential(), research);
    const all = await collect(vaults.listBySubscription());
    expect(named(all)).toEqual(["research-policies", "research-roles"]);
    const reader = azure.seed.applications.find(({ name }) => name === "research-connector");
    expect(await vaults.get("research-vision", "research-policies")).toMatchObject({
      properties: {
        vaultUri: "https://research-policies.vault.azure.net/",
        enableRbacAuthorization: false,
        accessPolicies: [{ objectId: reader?.objectId, permissions: { secrets: ["get", "list"] } }],
      },
    });
    const [roles] = await collect(vaults.listByResourceGroup("research-speech"));
    expect(roles?.properties).toMatchObject({ enableRbacAuthorization: true, accessPolicies: [] });
    const generic = await collect(vaults.list());
    expect(named(generic)).toEqual(["research-policies", "research-roles"]);
  });

  test("identities: have the ids of their service principals", async () => {
    const { userAssignedIdentities } = new ManagedServiceIdentityClient(credential("zenml-connector"), demo);
    const all = await collect(userAssignedIdentities.listBySubscription());
    expect(named(all)).toEqual(["flyteuser-speech", "flyteuser-vision", "latchkey-app-identity", "userflyterole"]);
    const demos = await collect(userAssignedIdentities.listByResourceGroup("demo-zenml-demos"));
    expect(named(demos)).toEqual(["flyteuser-speech", "flyteuser-vision", "userflyterole"]);
    expect(await userAssignedIdentities.get("latchkey", "latchkey-app-identity")).toMatchObject({
      id: `/subscriptions/${demo}/resourcegroups/latchkey/providers/Microsoft.ManagedIdentity/userAssignedIdentities/latchkey-app-identity`,
      clientId: "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f25",
      principalId: "1a7c4e70-1de7-4717-8f4d-6b7c8d9e0f26",
      tenantId: azure.seed.tenant.id,
    });
  });
});

describe("what a caller sees", () => {
  test("subscriptions: those of its tenant in which it has a right", async () => {
    const list = async (client: SubscriptionClient) =>
      (await collect(client.subscriptions.list())).map(({ displayName, tenantId }) => [displayName, tenantId]);
    expect(await list(new SubscriptionClient(credential()))).toEqual([
      ["ZenML Subscription", azure.seed.tenant.id],
      ["ZenML Research", azure.seed.tenant.id],
    ]);
    const there = azure.seed.otherTenants[0]?.id ?? "";
    const app = azure.seed.applications.find(({ name }) => name === "zenml-multitenant");
    const abroad = new ClientSecretCredential(there, app?.clientId ?? "", app?.secret ?? "");
    expect(await list(new SubscriptionClient(abroad))).toEqual([["ZenML Partner Subscription", there]]);
    const accounts = await collect(new StorageManagementClient(abroad, partner).storageAccounts.list());
    expect(named(accounts)).toEqual(["zenmlpartnerdata"]);
  });

  test("a token of another tenant is refused as one", async () => {
    const answer = await get(`/subscriptions/${partner}?api-version=2022-12-01`);
    expect(answer).toMatchObject({ status: 401, json: errorOf("InvalidAuthenticationTokenTenant") });
    expect(answer.headers["www-authenticate"]).toContain(azure.seed.otherTenants[0]?.id);
  });

  test("lists are trimmed to what may be read, and refused without any right there", async () => {
    const registries = (name: string) =>
      collect(new ContainerRegistryManagementClient(credential(name), demo).registries.list());
    expect(await registries("latchkey-service")).toEqual([]);
    await expect(registries("stranger")).rejects.toMatchObject({ statusCode: 403, code: "AuthorizationFailed" });
  });

  test("storage accounts have a region of their own and say whether folders are real", async () => {
    const { storageAccounts } = new StorageManagementClient(credential(), research);
    const found = await storageAccounts.getProperties("research-speech", "researchspeechlake");
    expect(found).toMatchObject({ isHnsEnabled: true, location: "northeurope" });
    expect((await storageAccounts.getProperties("research-vision", "researchvisiondata")).isHnsEnabled).toBe(false);
  });
});

describe("pages", () => {
  const path = () =>
    `/subscriptions/${research}/providers/Microsoft.ContainerService/managedClusters?api-version=2026-06-01`;

  test("every item comes once, however small the pages are", async () => {
    await steer("PATCH", { pageSize: 2 });
    const client = new ContainerServiceClient(credential(), research);
    const sizes = (await collect(client.managedClusters.list().byPage())).map((page) => page.length);
    expect(sizes).toEqual([2, 2, 1]);
    const identities = new ManagedServiceIdentityClient(credential(), demo).userAssignedIdentities;
    expect(await collect(identities.listBySubscription())).toHaveLength(4);
    const vaults = new KeyVaultManagementClient(credential(), research).vaults;
    expect(await collect(vaults.list())).toHaveLength(2);
  });

  test("the last page may have a link too, to an empty one", async () => {
    expect((await get(path())).json).not.toHaveProperty("nextLink");
    await steer("PATCH", { linkOnLastPage: true });
    const { json } = await get(path());
    const link = String(Reflect.get(Object(json), "nextLink"));
    expect(link).toContain(`${ARM}/subscriptions/${research}/`);
    expect((await get(link.slice(ARM.length))).json).toEqual({ value: [] });
  });
});

describe("api-versions", () => {
  test.each([
    ["Microsoft.ContainerRegistry/registries", "2022-02-01-preview"],
    ["Microsoft.ContainerService/managedClusters", "2022-11-01"],
    ["Microsoft.ContainerService/managedClusters", "2023-10-01"],
    ["Microsoft.ManagedIdentity/userAssignedIdentities", "2022-01-31-preview"],
    ["Microsoft.KeyVault/vaults", "2022-07-01"],
    ["Microsoft.KeyVault/managedHSMs", "2022-07-01"],
    ["Microsoft.Storage/storageAccounts", "2022-09-01"],
  ])("%s takes %s, which az or azmcp asks for, and no unknown one", async (type, version) => {
    const at = (asked: string) => get(`/subscriptions/${research}/providers/${type}?api-version=${asked}`);
    expect(await at(version)).toMatchObject({ status: 200, json: { value: expect.any(Array) } });
    expect(await at("2031-01-01")).toMatchObject({ status: 400, json: errorOf("NoRegisteredProviderFound") });
  });
});
