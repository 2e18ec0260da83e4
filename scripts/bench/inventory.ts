/** `npm run bench:inventory`: lists 20 subscriptions x 50 accounts x 50 containers over the real SDKs, at 50 ms a call. Exits non-zero when something is missing, the provider's limit is broken, or memory grows. */
import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { z } from "zod";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { createOpenAzure } from "../../shared/azure/arm-resources.ts";
import type { Connector } from "../../shared/connectors/connector.ts";
import { listResources, type ResourcePosition, type ResourcesPage } from "../../shared/connectors/inventory-answer.ts";
import { createKeepInventory } from "../../shared/connectors/inventory-keep.ts";
import { countLists, createListBudget, INVENTORY_LISTS, PROVIDER_LISTS } from "../../shared/connectors/list-budget.ts";
import { createInventoryStore } from "../../shared/store/inventory-records.ts";
import { fileBlobs } from "./file-blobs.ts";
import { type ArmSize, accountName, containerName, subscriptionIdOf, tokenOf } from "./inventory-size.ts";
import { watchMemory } from "./watch-memory.ts";

/** What is listed. */
const SIZE = { subscriptions: 20, accounts: 50, containers: 50 };
/** As many times the containers, for the curve of memory. */
const GROWN = 4;
/** Most that the live heap may grow when the listing grows GROWN times. */
const MAX_GROWTH = 1.25;
/** Least that listing at once gains over one call after another. */
const MIN_RATIO = 4;
const PAGE = 500;

const armSchema = z.object({ proxyUrl: z.string(), ca: z.string() });
const countedSchema = z.object({
  counted: z.object({ calls: z.number(), throttled: z.number(), mostAtOnce: z.number() }),
});

const now = () => new Date();
/** One for all, as in a process of the app. */
const budget = createListBudget({ now });
const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
const arm = fork(fileURLToPath(new URL("./inventory-arm.ts", import.meta.url)));
let isMissed = false;
try {
  const [started] = await once(arm, "message");
  const { proxyUrl, ca } = armSchema.parse(started);
  enterLocalAzure({ ca, clientEnv: { HTTPS_PROXY: proxyUrl, NO_PROXY: "" }, appEnv: {} });

  // Loads the SDKs, and fills the caches that do not grow.
  await listAll({ run: 1, subscriptions: 2, accounts: 5, containers: 5 });
  const serial = await listAll({ ...SIZE, run: 2, subscriptions: 1 }, { isSerial: true });
  const whole = await listAll({ ...SIZE, run: 3 });
  const grown = await listAll({ ...SIZE, run: 4, containers: SIZE.containers * GROWN });

  const table = new Table({
    head: ["LISTED", "CONTAINERS", "CALLS", "s", "CALLS/s", "AT ONCE", "HEAP MiB", "RSS MiB", "MISSING", "429"],
    style: { head: [], border: [], compact: true },
  });
  const rows = {
    "1 subscription, one call after another": serial,
    "20 subscriptions": whole,
    [`the same, ${GROWN} x the containers`]: grown,
  };
  for (const [name, run] of Object.entries(rows)) {
    const { items, calls, seconds, mostAtOnce, heap, rss, missing, throttled } = run;
    const numbers = [
      items,
      calls,
      seconds.toFixed(1),
      (calls / seconds).toFixed(0),
      mostAtOnce,
      mib(heap),
      mib(rss),
      missing,
      throttled,
    ];
    table.push([name, ...numbers.map(String)]);
  }
  console.log(
    `${SIZE.subscriptions} subscriptions x ${SIZE.accounts} accounts x ${SIZE.containers} containers at 50 ms a call`,
  );
  console.log(table.toString());
  // Every subscription takes as long as the one that was measured.
  const ratio = (serial.seconds * SIZE.subscriptions) / whole.seconds;
  target(`at least ${MIN_RATIO} times as fast as one call after another`, ratio >= MIN_RATIO, ratio.toFixed(1));
  const growth = grown.heap / whole.heap;
  target(
    `live heap at ${GROWN} x the containers at most ${MAX_GROWTH} of that before`,
    growth <= MAX_GROWTH,
    growth.toFixed(2),
  );
  const missing = serial.missing + whole.missing + grown.missing;
  target("nothing missing, nothing twice", missing === 0, String(missing));

  const again = await refreshAgain({ ...SIZE, run: 3 });
  console.log(
    `Refreshed again at once: ${again.calls} more calls, ${again.pending} places left for later, all ${again.items} items still told`,
  );
  const perPlace = (whole.calls - 1) / SIZE.subscriptions + again.mostInPlace;
  target(
    `no subscription and region above the inventory's ${INVENTORY_LISTS} of ${PROVIDER_LISTS} lists in five minutes`,
    perPlace <= INVENTORY_LISTS && again.throttled === 0,
    `${perPlace}, ${again.throttled} times 429`,
  );
  target("what was left for later is still told", again.items === whole.items, String(again.items));
} finally {
  arm.disconnect();
  rmSync(folder, { recursive: true, force: true });
}
if (isMissed) process.exitCode = 1;

function target(text: string, isMet: boolean, value: string): void {
  console.log(`Target: ${text}: ${isMet ? "met" : "MISSED"} (${value})`);
  isMissed ||= !isMet;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

/** One product over the Azure of this size. */
function productOver(size: ArmSize, isSerial = false) {
  const expiresOnTimestamp = Date.now() + 3_600_000;
  const identities = () => ({ getToken: async () => ({ token: tokenOf(size), expiresOnTimestamp }) });
  const connector: Connector = {
    id: `00000000-0000-4000-8000-${String(size.run).padStart(12, "0")}`,
    name: `run-${size.run}`,
    authMethod: "managed-identity",
    cloud: "public",
    configuration: { tenantId: null, clientId: null, subscriptionId: null, resourceGroup: null, storageAccount: null },
    resourceTypes: ["blob-container"],
    resourceId: null,
    labels: {},
    users: [],
    visibility: "private",
    secret: null,
    owner: "bench",
    state: "healthy",
    checkedAt: null,
    expiresAt: null,
    createdAt: now().toISOString(),
    updatedAt: now().toISOString(),
  };
  const open = countLists(createOpenAzure(identities), budget);
  const secrets = { put: unused, get: unused, remove: unused };
  const deps = {
    store: { find: async () => ({ connector, etag: "1" }) },
    secrets,
    openAzure: isSerial ? (signIn: Parameters<typeof open>[0]) => oneByOne(open(signIn)) : open,
    ownAccounts: [],
    ownVaults: [],
    inventories: createInventoryStore(fileBlobs(join(folder, String(size.run)))),
    budget,
    now,
    newId: randomUUID,
  };
  // No deadline: what is measured is the whole.
  const timeout = () => new AbortController().signal;
  return { connector, deps: { ...deps, keepInventory: createKeepInventory(deps), timeout } };
}

async function unused(): Promise<never> {
  throw new Error("A connector without a secret has none.");
}

/** Calls wait for each other. */
function oneByOne(view: ReturnType<ReturnType<typeof countLists>>) {
  let last: Promise<unknown> = Promise.resolve();
  const queue = <T>(call: () => Promise<T>): Promise<T> => {
    const next = last.then(call, call);
    last = next;
    return next;
  };
  const { subscriptions, storageAccounts, containers } = view;
  return {
    ...view,
    subscriptions: () => queue(subscriptions),
    storageAccounts: (...args: Parameters<typeof storageAccounts>) => queue(() => storageAccounts(...args)),
    containers: (...args: Parameters<typeof containers>) => queue(() => containers(...args)),
  };
}

/** Lists once, then reads every page and looks for every container. */
async function listAll(size: ArmSize, { isSerial = false } = {}) {
  const product = productOver(size, isSerial);
  const before = await countedByArm();
  const memory = watchMemory();
  const startedAt = performance.now();
  const first = await pageOf(product, null, false);
  const seconds = (performance.now() - startedAt) / 1000;
  const { heap, rss } = memory.end();
  const after = await countedByArm();
  const { items, missing } = await readPages(product, size, first);
  const throttled = after.throttled - before.throttled;
  return {
    items,
    missing,
    seconds,
    calls: after.calls - before.calls,
    mostAtOnce: after.mostAtOnce,
    throttled,
    heap,
    rss,
  };
}

/** Lists anew what the budget still allows. */
async function refreshAgain(size: ArmSize) {
  const product = productOver(size);
  const before = await countedByArm();
  const first = await pageOf(product, null, true);
  const after = await countedByArm();
  const { items } = await readPages(product, size, first);
  const calls = after.calls - before.calls;
  const throttled = after.throttled - before.throttled;
  const mostInPlace = Math.ceil((calls - 1) / size.subscriptions);
  return { calls, throttled, mostInPlace, pending: first.pendingCount, items };
}

type Product = ReturnType<typeof productOver>;

async function pageOf(
  { connector, deps }: Product,
  after: ResourcePosition | null,
  isForced: boolean,
): Promise<ResourcesPage> {
  async function* only() {
    yield connector;
  }
  return listResources(deps, only(), { resourceType: null, isForced, after, limit: PAGE });
}

async function readPages(product: Product, size: ArmSize, first: ResourcesPage) {
  const expected = size.subscriptions * size.accounts * size.containers;
  const seen = new Uint8Array(expected);
  const places = new Map(Array.from({ length: size.subscriptions }, (_, at) => [subscriptionIdOf(size, at), at]));
  const [accounts, containers] = [indexOf(size.accounts, accountName), indexOf(size.containers, containerName)];
  let wrong = 0;
  let items = 0;
  for (let page = first; ; page = await pageOf(product, page.next, false)) {
    for (const { resourceId } of page.items) {
      const [, , subscription = "", , , , , , account = "", , , , container = ""] = resourceId.split("/");
      const [place, nth, inner] = [places.get(subscription), accounts.get(account), containers.get(container)];
      items += 1;
      if (place === undefined || nth === undefined || inner === undefined) wrong += 1;
      else {
        const at = (place * size.accounts + nth) * size.containers + inner;
        if (seen[at] === 1) wrong += 1;
        seen[at] = 1;
      }
    }
    if (page.next === null) break;
  }
  return { items, missing: wrong + seen.filter((mark) => mark === 0).length };
}

function indexOf(count: number, nameOf: (at: number) => string): ReadonlyMap<string, number> {
  return new Map(Array.from({ length: count }, (_, at) => [nameOf(at), at]));
}

async function countedByArm() {
  const answered = once(arm, "message");
  arm.send("count");
  const [message] = await answered;
  return countedSchema.parse(message).counted;
}
