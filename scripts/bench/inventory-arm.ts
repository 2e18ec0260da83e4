/** A large Azure Resource Manager in a process of its own, so that the memory of bench:inventory is the product's. Forked by inventory.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ArmError, armErrorBody } from "../../infra/local/azure/arm/arm-errors.ts";
import { createArmLimits } from "../../infra/local/azure/arm/arm-limits.ts";
import { openCertificates } from "../../infra/local/certificates.ts";
import { startConnectProxy } from "../../infra/local/connect-proxy.ts";
import { createFront } from "../../infra/local/front.ts";
import type { Service } from "../../infra/local/service.ts";
import { type ArmSize, accountName, containerName, readSize, subscriptionIdOf } from "./inventory-size.ts";

/** Milliseconds that every answer takes. */
const LATENCY_MS = 50;
/** As the storage provider. */
const PAGE = 5_000;
const LOCATION = "westeurope";

const now = () => new Date();
const limits = createArmLimits({ now });
const counted = { calls: 0, throttled: 0, mostAtOnce: 0 };
let atOnce = 0;

const arm: Service = {
  name: "arm",
  hosts: /^management\.azure\.com$/,
  handle(request, response) {
    counted.calls += 1;
    atOnce += 1;
    counted.mostAtOnce = Math.max(counted.mostAtOnce, atOnce);
    setTimeout(() => {
      atOnce -= 1;
      answer(request, response);
    }, LATENCY_MS);
  },
  errorBody: (_request, error) => ({ headers: {}, body: armErrorBody(error) }),
};

/** The token says which Azure its bearer sees. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "https://management.azure.com");
  const size = readSize((request.headers.authorization ?? "").replace("Bearer ", ""));
  try {
    send(response, 200, bodyFor(url, size));
  } catch (error) {
    if (!(error instanceof ArmError)) throw error;
    counted.throttled += 1;
    for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, String(value));
    send(response, error.status, JSON.parse(armErrorBody(error)));
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}

function bodyFor(url: URL, size: ArmSize): unknown {
  const [, , subscription, , , , , , account] = url.pathname.split("/");
  if (subscription === undefined) {
    return {
      value: Array.from({ length: size.subscriptions }, (_, at) => ({
        id: `/subscriptions/${subscriptionIdOf(size, at)}`,
        subscriptionId: subscriptionIdOf(size, at),
        displayName: `subscription ${at}`,
        state: "Enabled",
      })),
    };
  }
  limits.takeStorageList(subscription, [LOCATION]);
  if (account === undefined) return { value: names(size.accounts, accountName).map((name) => accountBody(url, name)) };
  const from = Number(url.searchParams.get("$skipToken") ?? 0);
  const value = names(size.containers, containerName).slice(from, from + PAGE);
  const next = from + PAGE;
  url.searchParams.set("$skipToken", String(next));
  return {
    value: value.map((name) => ({
      id: `${url.pathname}/${name}`,
      name,
      type: "Microsoft.Storage/storageAccounts/blobServices/containers",
      properties: { publicAccess: "None", leaseStatus: "Unlocked", leaseState: "Available" },
    })),
    ...(next < size.containers ? { nextLink: url.href } : {}),
  };
}

function names(count: number, nameOf: (at: number) => string): string[] {
  return Array.from({ length: count }, (_, at) => nameOf(at));
}

function accountBody({ pathname }: URL, name: string) {
  const group = pathname.replace("/providers/", "/resourceGroups/data/providers/");
  return {
    id: `${group}/${name}`,
    name,
    type: "Microsoft.Storage/storageAccounts",
    location: LOCATION,
    kind: "StorageV2",
    properties: { isHnsEnabled: false, provisioningState: "Succeeded" },
  };
}

const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-arm-"));
const certificates = await openCertificates(folder, now);
rmSync(folder, { recursive: true, force: true });
const front = createFront([arm], certificates, (_service, _host, _request, _response, pass) => pass());
const proxy = await startConnectProxy(front, 0);
process.on("message", () => {
  process.send?.({ counted });
  counted.mostAtOnce = 0;
});
process.on("disconnect", () => process.exit());
process.send?.({ proxyUrl: proxy.url, ca: certificates.ca });
