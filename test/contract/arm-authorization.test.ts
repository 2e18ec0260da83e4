/** Permissions of the caller, the list of all resources, and Resource Graph of the local Azure. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const ARM = "https://management.azure.com";

let azure: LocalAzure;
let demo: string;
let research: string;
let token: string;

beforeAll(async () => {
  azure = await startLocalAzure();
  const idOf = (name: string) => azure.seed.subscriptions.find((one) => one.name === name)?.id ?? "";
  demo = `/subscriptions/${idOf("ZenML Subscription")}`;
  research = `/subscriptions/${idOf("ZenML Research")}`;
  token = await tokenOf(azure, "research-connector", `${ARM}/.default`);
});
afterAll(async () => azure?.stop());

const get = (path: string, caller = token) => jsonRequest(azure, "GET", `${ARM}${path}`, { token: caller });
/** The actions of each entry. */
async function actionsAt(scope: string, caller = token, version = "2022-04-01"): Promise<unknown> {
  const answer = await get(`${scope}/providers/Microsoft.Authorization/permissions?api-version=${version}`, caller);
  expect(answer.status, answer.body).toBe(200);
  return answer.json;
}
const READER = { actions: ["*/read"], notActions: [], dataActions: [], notDataActions: [] };

describe("permissions", () => {
  test("one entry for each assignment that reaches the scope, from above too", async () => {
    expect(await actionsAt(research)).toEqual({ value: [READER] });
    expect(await actionsAt(`${research}/resourceGroups/RESEARCH-vision`)).toEqual({ value: [READER] });
    const registry = `${research}/resourceGroups/research-vision/providers/Microsoft.ContainerRegistry/registries/researchabacregistry`;
    const acr = "Microsoft.ContainerRegistry/registries";
    expect(await actionsAt(registry)).toEqual({
      value: [
        READER,
        {
          ...READER,
          actions: [],
          dataActions: [`${acr}/repositories/metadata/read`, `${acr}/repositories/content/read`],
        },
        { ...READER, actions: [`${acr}/pull/read`, `${acr}/push/write`] },
      ],
    });
  });

  test("a container and a secret are scopes too, and a doubled slash is one", async () => {
    const lake = `${research}/resourceGroups/research-speech/providers/Microsoft.Storage//storageAccounts/researchspeechlake`;
    expect(await actionsAt(lake)).toEqual({ value: [READER] });
    const container = `${lake}/blobServices/default/containers/raw-audio`;
    expect(await actionsAt(container)).toMatchObject({
      value: [READER, { dataActions: ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"] }],
    });
    const secret = `${demo}/resourceGroups/examples/providers/Microsoft.KeyVault/vaults/examplevault/secrets/example-secret`;
    const connector = await tokenOf(azure, "zenml-connector", `${ARM}/.default`);
    expect(await actionsAt(secret, connector)).toMatchObject({
      value: [READER, { dataActions: expect.arrayContaining(["Microsoft.KeyVault/vaults/secrets/getSecret/action"]) }],
    });
  });

  test("what a role takes back stands in its own entry; older versions tell no data actions", async () => {
    const automation = await tokenOf(azure, "platform-automation", `${ARM}/.default`);
    const entries = await actionsAt(demo, automation);
    expect(entries).toMatchObject({
      value: [{ actions: ["*"], notActions: expect.arrayContaining(["Microsoft.Authorization/*/Write"]) }],
    });
    expect(await actionsAt(demo, automation, "2015-07-01")).toEqual({
      value: [{ actions: ["*"], notActions: expect.any(Array) }],
    });
  });

  test("a caller without any right there has no entry", async () => {
    expect(await actionsAt(demo, await tokenOf(azure, "stranger", `${ARM}/.default`))).toEqual({ value: [] });
  });
});

describe("resources of every type", () => {
  const list = (filter: string) =>
    get(`${research}/resources?$filter=${encodeURIComponent(filter)}&api-version=2021-04-01`);

  test("are filtered by type, with nothing but what every resource has", async () => {
    const { json } = await list("resourceType eq 'Microsoft.ContainerRegistry/registries'");
    expect(json).toMatchObject({ value: [{}, {}, {}] });
    expect(json).toMatchObject({
      value: expect.arrayContaining([
        {
          id: `${research}/resourceGroups/research-speech/providers/Microsoft.ContainerRegistry/registries/researchadminregistry`,
          name: "researchadminregistry",
          type: "Microsoft.ContainerRegistry/registries",
          location: "northeurope",
          tags: {},
        },
      ]),
    });
    expect((await list("resourceType eq 'Microsoft.Web/sites'")).json).toEqual({ value: [] });
  });

  test("another filter is not emulated, and a caller without rights is refused", async () => {
    expect((await list("name eq 'x'")).status).toBe(501);
    const stranger = await tokenOf(azure, "stranger", `${ARM}/.default`);
    expect((await get(`${research}/resources?api-version=2021-04-01`, stranger)).status).toBe(403);
  });
});

describe("Resource Graph", () => {
  const ask = (query: string, subscriptions = [demo, research], caller = token) =>
    jsonRequest(azure, "POST", `${ARM}/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01`, {
      token: caller,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ subscriptions: subscriptions.map((one) => one.split("/").at(-1)), query }),
    });
  const ACCOUNTS = "resources | where type =~ 'Microsoft.Storage/storageAccounts' | limit 50";

  test("finds what the caller may read in the subscriptions that it names", async () => {
    const { json } = await ask(ACCOUNTS, [research]);
    expect(json).toMatchObject({
      totalRecords: 2,
      count: 2,
      resultTruncated: "false",
      facets: [],
      data: [
        { name: "researchvisiondata", type: "microsoft.storage/storageaccounts", resourceGroup: "research-vision" },
        { name: "researchspeechlake", sku: { name: "Standard_LRS" }, properties: { isHnsEnabled: true } },
      ],
    });
    expect((await ask(ACCOUNTS)).json).toMatchObject({ count: 7 });
    const connector = await tokenOf(azure, "zenml-connector", `${ARM}/.default`);
    expect((await ask(ACCOUNTS, [research], connector)).json).toMatchObject({ count: 0, data: [] });
  });

  test("conditions are joined, and a limit cuts", async () => {
    const both = "resources | where type =~ 'microsoft.containerservice/managedclusters' and name =~ 'TRAINING'";
    expect((await ask(both)).json).toMatchObject({ count: 2 });
    expect((await ask(`${both} | limit 1`)).json).toMatchObject({ count: 1, resultTruncated: "true" });
  });

  test("knows role assignments; any other query is not emulated, and no query is refused", async () => {
    const query =
      "authorizationresources | where type =~ 'Microsoft.Authorization/roleAssignments' and id contains 'researchspeechlake' | limit 50";
    expect((await ask(query)).json).toMatchObject({
      data: [{ properties: { principalType: "ServicePrincipal", scope: expect.stringContaining("raw-audio") } }],
    });
    expect((await ask("resources | summarize count()")).status).toBe(501);
    const url = `${ARM}/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01`;
    const broken = await jsonRequest(azure, "POST", url, { token, body: "{" });
    expect(broken).toMatchObject({ status: 400, json: { error: { code: "InvalidRequestContent" } } });
  });
});
