/** What the local ARM counts: the storage provider's list calls, always, and ARM's own reads, on demand. */
import { StorageManagementClient } from "@azure/arm-storage";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { credentialOf, tokenOf } from "../support/application-tokens.ts";
import { jsonRequest } from "../support/json-request.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";

const ARM = "https://management.azure.com";
const ACCOUNTS = "providers/Microsoft.Storage/storageAccounts";
const VERSION = "api-version=2026-09-01";

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
afterEach(() => steer("DELETE"));
afterAll(async () => azure?.stop());

async function steer(method: string, settings?: object): Promise<{ status: number; json: unknown }> {
  const body = settings && { body: JSON.stringify(settings), headers: { "content-type": "application/json" } };
  const response = await fetch(`${azure.controlUrl}/arm`, { method, ...body });
  const text = await response.text();
  return { status: response.status, json: text === "" ? null : JSON.parse(text) };
}
const get = (path: string, caller = token) => jsonRequest(azure, "GET", `${ARM}${path}`, { token: caller });
const statusOf = async (path: string, caller = token) => (await get(path, caller)).status;

test("the 101st list call in five minutes is refused as the storage provider refuses it", async () => {
  const containers = `${demo}/resourceGroups/demo-zenml-demos/${ACCOUNTS}/demozenmlartifacts/blobServices/default/containers`;
  for (let call = 0; call < 50; call += 1) {
    expect(await statusOf(`${demo}/${ACCOUNTS}?${VERSION}`)).toBe(200);
    expect(await statusOf(`${containers}?${VERSION}`)).toBe(200);
  }
  const refused = await get(`${containers}?${VERSION}`);
  expect(refused).toMatchObject({
    status: 429,
    headers: {
      "retry-after": "30",
      server: expect.stringContaining("Microsoft-Azure-Storage-Resource-Provider"),
      "x-ms-ratelimit-remaining-subscription-reads": expect.any(String),
    },
    json: {
      error: {
        code: "TooManyRequests",
        message: expect.stringContaining("operation type - List_ObservationWindow_00:05:00"),
      },
    },
  });
  // Whoever asks: the limit is the subscription's.
  const other = await tokenOf(azure, "zenml-connector", `${ARM}/.default`);
  expect(await statusOf(`${demo}/resourceGroups/other-team/${ACCOUNTS}?${VERSION}`, other)).toBe(429);
  // One resource is no list, and a list of another provider is none of the storage provider's.
  expect(await statusOf(`${demo}/resourceGroups/demo-zenml-demos/${ACCOUNTS}/demozenmlartifacts?${VERSION}`)).toBe(200);
  const registries = "providers/Microsoft.ContainerRegistry/registries?api-version=2025-11-01";
  expect(await statusOf(`${demo}/${registries}`)).toBe(200);
  expect(await statusOf(`${research}/${ACCOUNTS}?${VERSION}`)).toBe(200);
  expect((await steer("DELETE")).status).toBe(204);
  expect(await statusOf(`${containers}?${VERSION}`)).toBe(200);
});

test("regions of one subscription are counted apart; a refused caller counts nowhere", async () => {
  await steer("PATCH", { storageListsPerFiveMinutes: 1 });
  const stranger = await tokenOf(azure, "stranger", `${ARM}/.default`);
  const vision = `${research}/resourceGroups/research-vision/${ACCOUNTS}?${VERSION}`;
  expect(await statusOf(vision, stranger)).toBe(403);
  expect(await statusOf(vision)).toBe(200);
  expect(await statusOf(vision)).toBe(429);
  expect(await statusOf(`${research}/resourceGroups/research-speech/${ACCOUNTS}?${VERSION}`)).toBe(200);
});

test("each page is a call", async () => {
  await steer("PATCH", { storageListsPerFiveMinutes: 2 });
  const { blobContainers } = new StorageManagementClient(
    credentialOf(azure, "research-connector"),
    demo.split("/").at(-1) ?? "",
    { retryOptions: { maxRetries: 0 } },
  );
  const pages = blobContainers.list("demo-zenml-demos", "demozenmlartifacts", { maxpagesize: "1" }).byPage();
  expect((await pages.next()).done).toBe(false);
  expect((await pages.next()).done).toBe(false);
  const more = blobContainers.list("demo-zenml-demos", "demozenmlartifacts").next();
  await expect(more).rejects.toMatchObject({ statusCode: 429, code: "TooManyRequests" });
});

test("ARM's own limit counts each caller's reads when it is turned on", async () => {
  const path = `${demo}?api-version=2022-12-01`;
  const before = await get(path);
  await steer("PATCH", { generalLimits: true });
  const left = async () => Number((await get(path)).headers["x-ms-ratelimit-remaining-subscription-reads"]);
  expect(Number(before.headers["x-ms-ratelimit-remaining-subscription-reads"])).toBeGreaterThan(250);
  expect(await left()).toBe(249);
  expect(await left()).toBeLessThanOrEqual(249);
});

test("the control endpoint tells the settings and refuses what is none", async () => {
  expect(await steer("PATCH", { pageSize: 3 })).toMatchObject({
    status: 200,
    json: { pageSize: 3, storageListsPerFiveMinutes: 100, linkOnLastPage: false, generalLimits: false },
  });
  expect((await steer("PATCH", { pageSize: 0 })).status).toBe(400);
  expect((await steer("PATCH", { pagesize: 1 })).status).toBe(400);
  expect((await steer("GET")).json).toMatchObject({ pageSize: 3 });
});
