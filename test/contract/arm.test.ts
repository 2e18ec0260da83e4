/** Azure Resource Manager of the local Azure, with the official SDKs and with raw requests. */
import { SubscriptionClient } from "@azure/arm-resources-subscriptions";
import { StorageManagementClient } from "@azure/arm-storage";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const ARM = "https://management.azure.com";
const SCOPE = `${ARM}/.default`;
const STORAGE = "providers/Microsoft.Storage/storageAccounts";
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

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

describe("checks before any operation", () => {
  const path = () => `${ARM}${group}/${STORAGE}/demozenmlartifacts`;

  test("a missing api-version is refused before the token is looked at", async () => {
    expect(await raw("GET", path())).toMatchObject({ status: 400, json: errorOf("MissingApiVersionParameter") });
  });

  test("an unknown api-version has its own code for ARM and for a resource provider", async () => {
    const provider = await raw("GET", `${path()}?api-version=2030-01-01`, { token });
    expect(provider).toMatchObject({ status: 400, json: errorOf("NoRegisteredProviderFound") });
    const own = await raw("GET", `${ARM}/subscriptions?api-version=2030-01-01`, { token });
    expect(own).toMatchObject({ status: 400, json: errorOf("InvalidApiVersionParameter") });
  });

  test("a request without a token learns the tenant from the challenge", async () => {
    const answer = await raw("GET", `${path()}?api-version=2026-09-01`);
    expect(answer).toMatchObject({ status: 401, json: errorOf("AuthenticationFailed") });
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer authorization_uri="https://login.windows.net/${azure.seed.tenant.id}", error="invalid_token", error_description="The authentication failed because of missing 'Authorization' header."`,
    );
  });

  test("every other bad sign-in has its own code", async () => {
    const codeOf = async (headers: Record<string, string>) => {
      const answer = await raw("GET", `${path()}?api-version=2026-09-01`, { headers });
      expect(answer.status).toBe(401);
      expect(answer.headers["www-authenticate"]).toContain('error="invalid_token"');
      return answer.json;
    };
    const vault = await tokenOf(azure, "zenml-connector", "https://vault.azure.net/.default");
    const [head = "", body = ""] = token.split(".");
    const forged = `${head}.${body}.${Buffer.alloc(256, 1).toString("base64url")}`;
    expect(await codeOf({ authorization: "Basic eDp5" })).toEqual(errorOf("AuthenticationFailedInvalidHeader"));
    expect(await codeOf({ authorization: `Bearer ${vault}` })).toEqual(errorOf("InvalidAuthenticationTokenAudience"));
    expect(await codeOf({ authorization: "Bearer nonsense" })).toEqual(errorOf("InvalidAuthenticationToken"));
    expect(await codeOf({ authorization: `Bearer ${forged}` })).toEqual(errorOf("InvalidAuthenticationToken"));
  });

  test("both audiences of ARM are taken", async () => {
    const core = await tokenOf(azure, "zenml-connector", "https://management.core.windows.net//.default");
    expect((await raw("GET", `${path()}?api-version=2022-09-01`, { token: core })).status).toBe(200);
  });

  test("an operation that is not emulated is 501 and named", async () => {
    const url = `${ARM}${group}/${STORAGE}/demozenmlartifacts/listKeys?api-version=2026-09-01`;
    const answer = await raw("POST", url, { token });
    expect(answer).toMatchObject({ status: 501, json: errorOf("NotImplemented") });
    expect(answer.body).toContain(
      "POST /subscriptions/{}/resourceGroups/{}/providers/Microsoft.Storage/storageAccounts/{}/listKeys",
    );
  });

  test("answers carry ARM's headers", async () => {
    const { headers } = await raw("GET", `${path()}?api-version=2026-09-01`, { token });
    expect(headers).toMatchObject({
      "cache-control": "no-cache",
      pragma: "no-cache",
      expires: "-1",
      "content-type": "application/json",
      "x-ms-request-id": expect.stringMatching(GUID),
      "x-ms-correlation-request-id": expect.stringMatching(GUID),
      "x-ms-routing-request-id": expect.stringMatching(/^WESTEUROPE:\d{8}T\d{6}Z:[0-9a-f-]{36}$/),
      "x-ms-ratelimit-remaining-subscription-reads": expect.stringMatching(/^\d+$/),
      "strict-transport-security": "max-age=31536000; includeSubDomains",
      "x-content-type-options": "nosniff",
    });
    const missing = await raw("GET", `${path()}x?api-version=2026-09-01`, { token });
    expect(missing.headers["x-ms-failure-cause"]).toBe("gateway");
    expect(missing.headers["content-type"]).toBe("application/json; charset=utf-8");
  });

  test("containers: filters by prefix and refuses a page size that is no number", async () => {
    const containers = `${path()}/blobServices/default/containers?api-version=2026-09-01`;
    const some = await raw("GET", `${containers}&$filter=demo-`, { token });
    expect(some.json).toMatchObject({ value: [{ name: "demo-zenmlartifactstore" }] });
    const bad = await raw("GET", `${containers}&$maxpagesize=many`, { token });
    expect(bad).toMatchObject({ status: 400, json: errorOf("InvalidValuesForRequestParameters") });
  });
});
