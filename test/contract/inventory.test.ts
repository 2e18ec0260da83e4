/** The inventory over the local ARM and the app's own blobs: partial results, faults, limits. */
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import type { Connector } from "../../shared/connectors/connector.ts";
import { listResources, type ResourcePosition, type ResourcesPage } from "../../shared/connectors/inventory-answer.ts";
import { createKeepInventory } from "../../shared/connectors/inventory-keep.ts";
import { countLists, createListBudget } from "../../shared/connectors/list-budget.ts";
import { createInventoryStore } from "../../shared/store/inventory-records.ts";
import { type Control, createControl } from "../support/control.ts";
import { connector, SUBSCRIPTION } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { HANG_MS, stateBlobs } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
const arm = async (method: string, settings?: object) => {
  const headers = { "content-type": "application/json" };
  const body = settings === undefined ? {} : { body: JSON.stringify(settings), headers };
  expect((await fetch(`${azure.controlUrl}/arm`, { method, ...body })).ok).toBe(true);
};
// The counts of one test must not hinder the next.
beforeEach(() => arm("DELETE"));
afterEach(() => control.clear());

/** A process of the app, with one connector that signs in as an application of the seed. */
function processOf(changes: Partial<Connector> = {}, application = "research-connector") {
  const { clientId, secret = "" } = azure.seed.applications.find(({ name }) => name === application) ?? {};
  const { configuration, ...rest } = changes;
  const own = connector({ id: randomUUID(), resourceTypes: [], ...rest });
  const one: Connector = {
    ...own,
    configuration: { ...own.configuration, tenantId: azure.seed.tenant.id, clientId: clientId ?? "", ...configuration },
  };
  const now = () => new Date();
  const budget = createListBudget({ now });
  const deps = {
    store: { find: async () => ({ connector: one, etag: "1" }) },
    secrets: { put: async () => "", get: async () => secret, remove: async () => {} },
    openAzure: countLists(createOpenAzure(createConnectorIdentities()), budget),
    ownAccounts: ["latchkeystate", "latchkeyhost"],
    ownVaults: ["latchkey-vault"],
    inventories: createInventoryStore(stateBlobs(azure)),
    budget,
    now,
    newId: randomUUID,
  };
  const all = { ...deps, keepInventory: createKeepInventory(deps), timeout: AbortSignal.timeout };
  const ask = (isForced = false, after: ResourcePosition | null = null, limit = 500): Promise<ResourcesPage> => {
    async function* only() {
      yield one;
    }
    return listResources(all, only(), { resourceType: null, isForced, after, limit });
  };
  return { ...all, connector: one, ask };
}
const logSchema = z.object({ items: z.array(z.object({ status: z.number().nullable(), path: z.string() })) });
const shown = ({ items }: ResourcesPage) =>
  items.map(({ resourceType, displayName }) => `${resourceType} ${displayName}`);
const containersIn = ({ items }: ResourcesPage, account: string) =>
  items
    .filter(({ resourceId }) => resourceId.includes(`/storageAccounts/${account}/`))
    .map(({ displayName }) => displayName);
const waiting = ({ pending }: ResourcesPage) =>
  pending.map(({ place, code }) => `${place.split("/").at(-1)} ${code}`).toSorted();

test("everything of two subscriptions, the same however the pages of ARM and ours are cut; never the app's own", async () => {
  const whole = await processOf().ask();
  expect(whole.pending).toEqual([]);
  expect(shown(whole)).toEqual(
    expect.arrayContaining([
      "azure-generic ZenML Subscription",
      "azure-generic ZenML Research",
      "blob-container az://payroll",
      "blob-container az://raw-audio",
      "key-vault-secret examplevault",
      "key-vault-secret research-policies",
    ]),
  );
  expect(whole.items.map(({ resourceId }) => resourceId).join()).not.toMatch(
    /latchkeystate|latchkeyhost|latchkey-vault/,
  );
  await arm("PATCH", { pageSize: 1, linkOnLastPage: true });
  const process = processOf();
  const items: ResourcesPage["items"][number][] = [];
  let after: ResourcePosition | null = null;
  do {
    const page: ResourcesPage = await process.ask(false, after, 3);
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  expect(items).toEqual(whole.items);
});

test("limits of the connector hold", async () => {
  const none = { tenantId: null, clientId: null, subscriptionId: null, resourceGroup: null, storageAccount: null };
  const { seed } = azure;
  const clientId = seed.applications.find(({ name }) => name === "research-connector")?.clientId ?? "";
  const limited = { ...none, tenantId: seed.tenant.id, clientId, storageAccount: "otherteamdata" };
  expect(shown(await processOf({ configuration: limited }).ask())).toEqual(["blob-container az://payroll"]);
  const inGroup = { ...limited, storageAccount: null, subscriptionId: SUBSCRIPTION, resourceGroup: "OTHER-team" };
  expect(shown(await processOf({ configuration: inGroup }).ask())).toEqual(["blob-container az://payroll"]);
});

describe("one account that does not answer hides nothing else", () => {
  const ONE = "otherteamdata";
  const rest = ["az://datasets", "az://demo-zenmlartifactstore"];
  const path = `storageAccounts/${ONE}/blobServices`;
  const forbidden = {
    status: 403,
    contentType: "application/json",
    text: '{"error":{"code":"AuthorizationFailed","message":"no"}}',
  };

  test("403: what was known of it is gone, and comes back when it answers", async () => {
    const process = processOf();
    expect(containersIn(await process.ask(), ONE)).toEqual(["az://payroll"]);
    await control.fault({ service: "arm", path, reply: forbidden });
    const page = await process.ask(true);
    expect(waiting(page)).toEqual([`${ONE} UPSTREAM_REFUSED`]);
    expect(page.pending[0]).toMatchObject({ retryAfterSeconds: null, takenAt: null });
    expect([containersIn(page, ONE), containersIn(page, "demozenmlartifacts")]).toEqual([[], rest]);
    await control.clear();
    expect(containersIn(await process.ask(true), ONE)).toEqual(["az://payroll"]);
  });

  test("429 with Retry-After: the earlier items stay, with their age, and its region is left alone so long", async () => {
    const process = processOf();
    const before = await process.ask();
    await control.fault({ service: "arm", path, status: 429, retryAfterSeconds: 120 });
    const page = await process.ask(true);
    expect(page.items).toEqual(before.items);
    const told = page.pending.find(({ place }) => place.endsWith(ONE));
    expect(told).toMatchObject({ code: "UPSTREAM_REFUSED", retryAfterSeconds: expect.any(Number) });
    expect(told?.retryAfterSeconds).toBeGreaterThan(100);
    expect(told?.takenAt).not.toBeNull();
    expect(process.budget.take({ subscriptionId: SUBSCRIPTION, location: "westeurope" })).toBeGreaterThan(100);
  });

  test("503, then well again", async () => {
    const process = processOf();
    await control.fault({ service: "arm", path, status: 503 });
    const page = await process.ask();
    expect([waiting(page), containersIn(page, "demozenmlartifacts")]).toEqual([[`${ONE} UPSTREAM_REFUSED`], rest]);
    await control.clear();
    expect(waiting(await process.ask(true))).toEqual([]);
  });

  test("hanging: told within the time of one call", async () => {
    const process = processOf();
    await control.fault({ service: "arm", path, latencyMs: HANG_MS });
    const page = await process.ask();
    expect([waiting(page), containersIn(page, "demozenmlartifacts")]).toEqual([[`${ONE} UPSTREAM_TIMEOUT`], rest]);
  });
});

test("ARM throttles all: told with its wait by type, and what was known stays", async () => {
  const process = processOf();
  const before = await process.ask();
  await control.fault({ service: "arm", status: 429, code: "SubscriptionRequestsThrottled", retryAfterSeconds: 30 });
  const page = await process.ask(true);
  expect(page.items).toEqual(before.items);
  expect(new Set(page.pending.map(({ resourceType }) => resourceType)).size).toBe(5);
  expect(page.pending.every(({ retryAfterSeconds }) => retryAfterSeconds !== null)).toBe(true);
});

test("the sign-in is refused: told by type, nothing is stored", async () => {
  const process = processOf();
  await process.secrets.get();
  const wrong = { ...process, secrets: { ...process.secrets, get: async () => "wrong" } };
  const keepInventory = createKeepInventory(wrong);
  async function* only() {
    yield process.connector;
  }
  const page = await listResources({ ...wrong, keepInventory }, only(), {
    resourceType: null,
    isForced: false,
    after: null,
    limit: 10,
  });
  expect(new Set(page.types.map(({ error }) => error?.code))).toEqual(new Set(["SIGN_IN_FAILED"]));
  const name = { connectorId: process.connector.id, resourceType: "blob-container" } as const;
  expect(await process.inventories.readIndex(name)).toBeNull();
});

test("however often it is refreshed, the provider never says 429, and everything is told all the time", async () => {
  const process = processOf();
  const before = await process.ask();
  await fetch(`${azure.controlUrl}/requests`, { method: "DELETE" });
  let page = before;
  for (let round = 0; round < 40 && waiting(page).length === 0; round++) page = await process.ask(true);
  page = await process.ask(true);
  expect(waiting(page)).toContain(`${SUBSCRIPTION} RATE_LIMITED`);
  expect(page.items).toEqual(before.items);
  const { items } = logSchema.parse(await (await fetch(`${azure.controlUrl}/requests?service=arm`)).json());
  const lists = items.filter(({ path }) => path.includes(`${SUBSCRIPTION}/`) && path.includes("Microsoft.Storage"));
  expect(lists.length).toBeGreaterThan(50);
  expect(lists.filter(({ status }) => status !== 200)).toEqual([]);
});

describe("what is stored", () => {
  test("is read by another process without asking Azure, and has no secret in it", async () => {
    const process = processOf();
    const before = await process.ask();
    await control.fault({ service: "arm", status: 503 });
    const other = createKeepInventory({
      ...process,
      openAzure: () => {
        throw new Error("not to be asked");
      },
    });
    async function* only() {
      yield process.connector;
    }
    const asked = { resourceType: null, isForced: false, after: null, limit: 500 };
    expect((await listResources({ ...process, keepInventory: other }, only(), asked)).items).toEqual(before.items);
  });

  test("two processes refresh at once: both tell the whole, and so does what is stored", async () => {
    const process = processOf();
    const other = { ...process, keepInventory: createKeepInventory(process) };
    async function* only() {
      yield process.connector;
    }
    const asked = { resourceType: null, isForced: true, after: null, limit: 500 };
    const [mine, theirs] = await Promise.all([process.ask(true), listResources(other, only(), asked)]);
    expect(mine.items).toEqual(theirs.items);
    expect((await process.ask()).items).toEqual(mine.items);
  });

  test("goes with its connector, and old segments go by themselves", async () => {
    const process = processOf();
    await process.ask();
    await process.ask(true);
    const blobs = stateBlobs(azure);
    const names = async (prefix: string) => {
      const found: string[] = [];
      for await (const { name } of blobs.list(prefix)) found.push(name);
      return found;
    };
    const prefix = `inventory/${process.connector.id}/`;
    const containers = { connectorId: process.connector.id, resourceType: "blob-container" } as const;
    expect(await names(`${prefix}blob-container/`)).toHaveLength(2);
    const stored = await process.inventories.readIndex(containers);
    const used = new Set(stored?.index.sections.flatMap(({ chunks }) => chunks.map(({ segment }) => segment)));
    await process.inventories.removeUnused(containers, used, new Date(Date.now() + 60_000));
    expect(await names(`${prefix}blob-container/`)).toHaveLength(1);
    expect(await names(prefix)).toContain(`${prefix}blob-container.json`);
    await process.inventories.remove(process.connector.id);
    expect(await names(prefix)).toEqual([]);
  });

  test("the state storage is down: 503 and no half answer", async () => {
    const process = processOf();
    await control.fault({ service: "storage", status: 503 });
    await expect(process.ask()).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
  });
});
