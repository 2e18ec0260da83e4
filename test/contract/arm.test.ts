/** Azure Resource Manager of the local Azure, with the official SDKs and what they read. On the wire: arm-wire.test.ts. */
import { SubscriptionClient } from "@azure/arm-resources-subscriptions";
import { StorageManagementClient } from "@azure/arm-storage";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const ARM = "https://management.azure.com";
const SCOPE = `${ARM}/.default`;
const STORAGE = "providers/Microsoft.Storage/storageAccounts";

let azure: LocalAzure;
let subscription: string;
let group: string;
let token: string;

beforeAll(async () => {
  azure = await startLocalAzure();
  subscription = azure.seed.subscriptions[0]?.id ?? "";
  group = `/subscriptions/${subscription}/resourceGroups/demo-zenml-demos`;
  token = await tokenOf(azure, "zenml-connector", SCOPE);
});

afterAll(async () => azure?.stop());

/** A request at a URL as it is written. */
const raw = (method: string, url: string, options: Parameters<typeof jsonRequest>[3] = {}) =>
  jsonRequest(azure, method, url, options);
const errorOf = (code: string) => ({ error: { code, message: expect.any(String) } });
const clientOf = (name: string) => new StorageManagementClient(credentialOf(azure, name), subscription);

async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of pages) all.push(item);
  return all;
}

describe("arm-storage SDK", () => {
  test("storageAccounts.list: has every account of the subscription", async () => {
    const accounts = await collect(clientOf("zenml-connector").storageAccounts.list());
    const names = accounts.map((account) => account.name).toSorted();
    expect(names).toEqual(["demozenmlarchive", "demozenmlartifacts", "latchkeyhost", "latchkeystate", "otherteamdata"]);
  });

  test("storageAccounts.listByResourceGroup: has the accounts of that group alone", async () => {
    const pages = clientOf("zenml-connector").storageAccounts.listByResourceGroup("demo-zenml-demos");
    const accounts = await collect(pages);
    expect(accounts.map((account) => account.name).toSorted()).toEqual(["demozenmlarchive", "demozenmlartifacts"]);
  });

  test("storageAccounts.getProperties: shows what clients decide on", async () => {
    const client = clientOf("zenml-connector");
    expect(await client.storageAccounts.getProperties("demo-zenml-demos", "demozenmlartifacts")).toMatchObject({
      id: `${group}/${STORAGE}/demozenmlartifacts`,
      kind: "StorageV2",
      location: "westeurope",
      sku: { name: "Standard_LRS", tier: "Standard" },
      provisioningState: "Succeeded",
      statusOfPrimary: "available",
      creationTime: expect.any(Date),
      allowSharedKeyAccess: false,
      isHnsEnabled: false,
      primaryEndpoints: { blob: "https://demozenmlartifacts.blob.core.windows.net/" },
      networkRuleSet: { bypass: "AzureServices", defaultAction: "Allow" },
      encryption: { keySource: "Microsoft.Storage", services: { blob: { enabled: true } } },
    });
  });

  test("blobContainers.list: shows the containers that are really stored", async () => {
    const pages = clientOf("zenml-connector").blobContainers.list("demo-zenml-demos", "demozenmlartifacts");
    const containers = await collect(pages);
    expect(containers.map((container) => container.name)).toEqual(["datasets", "demo-zenmlartifactstore"]);
    expect(containers[0]).toMatchObject({
      publicAccess: "None",
      leaseState: "Available",
      lastModifiedTime: expect.any(Date),
    });
  });

  test("blobContainers.list: follows nextLink from page to page", async () => {
    const pages = clientOf("zenml-connector")
      .blobContainers.list("demo-zenml-demos", "demozenmlartifacts", { maxpagesize: "1" })
      .byPage();
    const sizes = await collect(pages);
    expect(sizes.map((page) => page.map((container) => container.name))).toEqual([
      ["datasets"],
      ["demo-zenmlartifactstore"],
    ]);
  });

  test("blobContainers.get: gives the container, or ContainerNotFound", async () => {
    const client = clientOf("zenml-connector");
    const found = await client.blobContainers.get("demo-zenml-demos", "demozenmlartifacts", "datasets");
    expect(found).toMatchObject({ name: "datasets", etag: expect.stringMatching(/^".+"$/), hasLegalHold: false });
    await expect(client.blobContainers.get("demo-zenml-demos", "demozenmlartifacts", "missing")).rejects.toMatchObject({
      statusCode: 404,
      code: "ContainerNotFound",
    });
  });

  test("storageAccounts.getProperties: tells a missing account from a missing group", async () => {
    const accounts = clientOf("zenml-connector").storageAccounts;
    await expect(accounts.getProperties("demo-zenml-demos", "nosuchaccount")).rejects.toMatchObject({
      statusCode: 404,
      code: "ResourceNotFound",
    });
    await expect(accounts.getProperties("no-such-group", "demozenmlartifacts")).rejects.toMatchObject({
      statusCode: 404,
      code: "ResourceGroupNotFound",
    });
  });

  test("storageAccounts.list: refuses a caller with no right in the subscription", async () => {
    await expect(collect(clientOf("stranger").storageAccounts.list())).rejects.toMatchObject({
      statusCode: 403,
      code: "AuthorizationFailed",
    });
  });

  test("storageAccounts.list: is empty for a caller whose rights do not include reading accounts", async () => {
    expect(await collect(clientOf("latchkey-service").storageAccounts.list())).toEqual([]);
  });

  test("blobContainers.list: a data role on the account is enough, without the account itself", async () => {
    const client = clientOf("latchkey-service");
    expect(await collect(client.blobContainers.list("latchkey", "latchkeystate"))).toEqual(expect.any(Array));
    await expect(client.storageAccounts.getProperties("latchkey", "latchkeystate")).rejects.toMatchObject({
      code: "AuthorizationFailed",
    });
    await expect(collect(client.blobContainers.list("demo-zenml-demos", "demozenmlartifacts"))).rejects.toMatchObject({
      code: "AuthorizationFailed",
    });
  });
});

describe("subscriptions and resource groups", () => {
  const get = (path: string, options: Parameters<typeof jsonRequest>[3] = {}) =>
    raw("GET", `${ARM}${path}`, { token, ...options });

  test("subscriptions: lists those in which the caller has any right", async () => {
    const shown = {
      id: `/subscriptions/${subscription}`,
      authorizationSource: "RoleBased",
      managedByTenants: [],
      subscriptionId: subscription,
      tenantId: azure.seed.tenant.id,
      displayName: "ZenML Subscription",
      state: "Enabled",
      subscriptionPolicies: {
        locationPlacementId: "Public_2014-09-01",
        quotaId: "PayAsYouGo_2014-09-01",
        spendingLimit: "Off",
      },
    };
    const list = await get("/subscriptions?api-version=2022-12-01");
    expect(list.json).toEqual({ value: [shown], count: { type: "Total", value: 1 } });
    expect((await get(`/subscriptions/${subscription}?api-version=2019-11-01`)).json).toEqual(shown);
    const stranger = await tokenOf(azure, "stranger", SCOPE);
    const empty = await get("/subscriptions?api-version=2022-12-01", { token: stranger });
    expect(empty.json).toEqual({ value: [], count: { type: "Total", value: 0 } });
  });

  test("subscription: refuses the stranger, knows no other, and wants a GUID", async () => {
    const stranger = await tokenOf(azure, "stranger", SCOPE);
    const refused = await get(`/subscriptions/${subscription}?api-version=2022-12-01`, { token: stranger });
    expect(refused).toMatchObject({ status: 403, json: errorOf("AuthorizationFailed") });
    const clientId = azure.seed.applications.find(({ name }) => name === "stranger")?.clientId;
    expect(refused.body).toContain(
      `The client '${clientId}' with object id '5ca1ab1e-0000-4000-8000-00000000001a' does not have authorization to perform action 'Microsoft.Resources/subscriptions/read' over scope '/subscriptions/${subscription}'`,
    );
    const other = "/subscriptions/00000000-0000-4000-8000-000000000000?api-version=2022-12-01";
    expect(await get(other)).toMatchObject({ status: 404, json: errorOf("SubscriptionNotFound") });
    const malformed = await get("/subscriptions/mine?api-version=2022-12-01");
    expect(malformed).toMatchObject({ status: 400, json: errorOf("InvalidSubscriptionId") });
  });

  test("arm-resources-subscriptions SDK: lists, reads and refuses", async () => {
    const client = new SubscriptionClient(credentialOf(azure, "zenml-connector"));
    const [first, ...more] = await collect(client.subscriptions.list());
    expect(first).toMatchObject({ subscriptionId: subscription, displayName: "ZenML Subscription", state: "Enabled" });
    expect(more).toEqual([]);
    expect(await client.subscriptions.get(subscription)).toMatchObject({ tenantId: azure.seed.tenant.id });
    expect(await collect(client.tenants.list())).toMatchObject([
      { tenantId: azure.seed.tenant.id, tenantCategory: "Home" },
    ]);
    const stranger = new SubscriptionClient(credentialOf(azure, "stranger"));
    expect(await collect(stranger.subscriptions.list())).toEqual([]);
    await expect(stranger.subscriptions.get(subscription)).rejects.toMatchObject({ code: "AuthorizationFailed" });
  });

  test("resource groups: listed and read, in any case of the path and with doubled slashes", async () => {
    const list = await get(`//subscriptions/${subscription}/resourcegroups?api%2Dversion=2021-04-01`);
    expect(list.json).toMatchObject({
      value: ["demo-zenml-demos", "other-team", "latchkey", "examples"].map((name) => ({ name })),
    });
    const one = await get(
      `/Subscriptions/${subscription.toUpperCase()}/RESOURCEGROUPS/Demo-ZenML-demos?api-version=2025-04-01`,
    );
    expect(one.json).toEqual({
      id: group,
      name: "demo-zenml-demos",
      type: "Microsoft.Resources/resourceGroups",
      location: "westeurope",
      properties: { provisioningState: "Succeeded" },
    });
  });

  test("resource group: HEAD answers 204 or 404, never 200", async () => {
    const head = (name: string) =>
      raw("HEAD", `${ARM}/subscriptions/${subscription}/resourcegroups/${name}?api-version=2025-04-01`, { token });
    expect((await head("latchkey")).status).toBe(204);
    expect((await head("nothing")).status).toBe(404);
    const missing = await get(`/subscriptions/${subscription}/resourceGroups/nothing?api-version=2025-04-01`);
    expect(missing).toMatchObject({ status: 404, json: errorOf("ResourceGroupNotFound") });
  });
});
