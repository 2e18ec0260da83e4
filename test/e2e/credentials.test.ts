/** Issuing a credential: the answer, its use, and the records that it leaves. */
import { createHash, createHmac } from "node:crypto";
import { BlobServiceClient, ContainerClient } from "@azure/storage-blob";
import { beforeAll, describe, expect, it } from "vitest";
import { applicationOf, createApi, type IssuedBody } from "../support/api.ts";
import { auditChainFaults } from "../support/audit-chain.ts";
import { createControl } from "../support/control.ts";
import { rawRequest } from "../support/raw-request.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";

const CONNECTOR = "credentials-main";
const DATASETS =
  "/subscriptions/3d2f1e0c-9b8a-4756-8493-a2b1c0d9e840/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/demozenmlartifacts/blobServices/default/containers/";

const system = sharedSystem();
const api = createApi(system);
let state: StateAccount;
let connectorId: string;
let issued: IssuedBody;
let correlationId: string | null;
const REQUEST = { project: "vision", domain: "production", reason: "train 42", ttlSeconds: 900 };

beforeAll(async () => {
  state = openStateAccount(system);
  connectorId = (await api.register(CONNECTOR)).body.id;
  const answer = await api.issue(CONNECTOR, REQUEST);
  expect(answer.status, answer.text).toBe(201);
  issued = answer.body;
  correlationId = answer.headers.get("x-correlation-id");
});

const WHOLE_SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const seconds = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / 1000;
const automation = `app:${system.seed.tenant.id}/${applicationOf(system, "platform-automation").objectId}`;

describe("answer", () => {
  it("has every member of the contract, with times that fit the life asked for", () => {
    expect(issued).toEqual({
      leaseId: expect.stringMatching(/^[0-9a-f]{12}-[a-z2-7]{26}$/),
      connector: { id: connectorId, name: CONNECTOR },
      resourceType: "blob-container",
      resourceId: `${DATASETS}demo-zenmlartifactstore`,
      displayName: "az://demo-zenmlartifactstore",
      access: ["read", "write", "list"],
      scope: {},
      form: "sas",
      issuedAt: expect.stringMatching(WHOLE_SECONDS),
      expiresAt: expect.stringMatching(WHOLE_SECONDS),
      refreshAfter: expect.stringMatching(WHOLE_SECONDS),
      revocation: "expiry-only",
      exposedUntil: issued.expiresAt,
      rule: "grant:credentials-main-0",
      warnings: [],
      credential: {
        kind: "sas",
        accountUrl: "https://demozenmlartifacts.blob.core.windows.net",
        containerUrl: "https://demozenmlartifacts.blob.core.windows.net/demo-zenmlartifactstore",
        sasToken: expect.stringContaining("sig="),
      },
      env: {
        AZURE_STORAGE_ACCOUNT: "demozenmlartifacts",
        AZURE_STORAGE_ACCOUNT_NAME: "demozenmlartifacts",
        AZURE_STORAGE_CONTAINER: "demo-zenmlartifactstore",
        AZURE_STORAGE_SAS_TOKEN: issued.credential.sasToken,
      },
    });
    expect(seconds(issued.issuedAt, issued.expiresAt)).toBe(900);
  });

  it("holds a SAS for exactly this container, these rights and this time, over HTTPS, by delegation", () => {
    const sas = new URLSearchParams(issued.credential.sasToken);
    expect(Object.fromEntries(sas)).toMatchObject({ sr: "c", sp: "racwl", spr: "https", se: issued.expiresAt });
    expect(sas.get("skoid")).toBe(applicationOf(system, "zenml-connector").objectId);
    expect(Date.parse(sas.get("ske") ?? "")).toBeGreaterThan(Date.parse(issued.expiresAt));
  });
});

describe("use", () => {
  const withSas = (method: string, path: string, query = "", body?: string) =>
    rawRequest(system, {
      method,
      url: `https://demozenmlartifacts.blob.core.windows.net/${path}?${query}${issued.credential.sasToken}`,
      headers: body === undefined ? {} : { "x-ms-blob-type": "BlockBlob", "content-length": String(body.length) },
      ...(body === undefined ? {} : { body }),
    });

  it("writes, reads and lists with bare HTTP", async () => {
    expect((await withSas("PUT", "demo-zenmlartifactstore/runs/1.txt", "", "weights")).status).toBe(201);
    const read = await withSas("GET", "demo-zenmlartifactstore/runs/1.txt");
    expect([read.status, read.body]).toEqual([200, "weights"]);
    const list = await withSas("GET", "demo-zenmlartifactstore", "restype=container&comp=list&");
    expect([list.status, list.body.includes("<Name>runs/1.txt</Name>")]).toEqual([200, true]);
  });

  it("writes and reads with the official SDK", async () => {
    const container = new ContainerClient(`${issued.credential.containerUrl}?${issued.credential.sasToken}`);
    await container.getBlockBlobClient("sdk.txt").upload("by SDK", 6);
    expect((await container.getBlobClient("sdk.txt").downloadToBuffer()).toString()).toBe("by SDK");
  });

  it("is refused for a right that was not asked for", async () => {
    await withSas("PUT", "demo-zenmlartifactstore/stays.txt", "", "here");
    const refused = await withSas("DELETE", "demo-zenmlartifactstore/stays.txt");
    expect([refused.status, refused.headers["x-ms-error-code"]]).toEqual([403, "AuthorizationPermissionMismatch"]);
    expect((await withSas("GET", "demo-zenmlartifactstore/stays.txt")).status).toBe(200);
  });

  it("is refused for another container, and for the account", async () => {
    expect((await withSas("GET", "datasets", "restype=container&comp=list&")).status).toBe(403);
    expect((await withSas("PUT", "datasets/x.txt", "", "no")).status).toBe(403);
    const service = new BlobServiceClient(
      `https://demozenmlartifacts.blob.core.windows.net?${issued.credential.sasToken}`,
    );
    await expect(service.listContainers().next()).rejects.toMatchObject({ statusCode: 403 });
  });

  it("gives each right alone its own letters, and nothing more", async () => {
    const letters = { read: "r", write: "acw", list: "l", delete: "d" };
    for (const [right, wanted] of Object.entries(letters)) {
      const { body } = await api.issue(CONNECTOR, { access: [right] });
      expect(new URLSearchParams(body.credential.sasToken).get("sp")).toBe(wanted);
    }
  });
});

describe("names", () => {
  it.each([
    ["az://demo-zenmlartifactstore", "demo-zenmlartifactstore"],
    ["abfs://demo-zenmlartifactstore", "demo-zenmlartifactstore"],
    ["demo-zenmlartifactstore", "demo-zenmlartifactstore"],
    [`${DATASETS}datasets`, "datasets"],
    [`${DATASETS}datasets`.toUpperCase(), "datasets"],
  ])("takes %s", async (resourceId, container) => {
    const { status, body } = await api.issue(CONNECTOR, { resourceId });
    expect(status).toBe(201);
    expect(body.resourceId).toBe(`${DATASETS}${container}`);
  });

  it("takes the connector's id instead of its name", async () => {
    const { status, body } = await api.issue(connectorId);
    expect([status, body.connector]).toEqual([201, { id: connectorId, name: CONNECTOR }]);
  });
});

describe("records", () => {
  it("keeps the lease in its caller's partition, with every column of the contract", async () => {
    const row = (await state.rows("Leases")).find(({ rowKey }) => rowKey === issued.leaseId);
    const issuer = `https://login.microsoftonline.com/${system.seed.tenant.id}/v2.0`;
    const subject = applicationOf(system, "platform-automation").objectId;
    const ph = createHash("sha256").update(`${issuer}|${system.seed.tenant.id}|${subject}`).digest("hex").slice(0, 12);
    expect(row).toEqual({
      partitionKey: ph,
      rowKey: issued.leaseId,
      etag: expect.any(String),
      timestamp: expect.any(String),
      state: "active",
      connectorId,
      resourceType: "blob-container",
      resourceId: issued.resourceId,
      resourceHash: createHash("sha256").update(issued.resourceId.toLowerCase()).digest("hex").slice(0, 32),
      accessJson: '["read","write","list"]',
      scopeJson: "{}",
      form: "sas",
      principalJson: JSON.stringify({ id: automation, issuer }),
      project: "vision",
      domain: "production",
      reason: "train 42",
      rule: "grant:credentials-main-0",
      issuedAt: issued.issuedAt,
      expiresAt: issued.expiresAt,
      refreshAfter: expect.stringMatching(WHOLE_SECONDS),
      maxUntil: expect.stringMatching(WHOLE_SECONDS),
      revocation: "expiry-only",
      exposedUntil: issued.exposedUntil,
      mintedAt: issued.issuedAt,
      upstreamJson: expect.stringMatching(/^\{"delegationKeyAskedAt":"[-\dT:]+Z"\}$/),
      revokeAttempts: 0,
    });
    expect(issued.leaseId.startsWith(`${ph}-`)).toBe(true);
  });

  it("keeps an audit record that names the credential only by its MAC", async () => {
    const row = (await state.rows("Audit")).find(({ leaseId }) => leaseId === issued.leaseId);
    expect(row).toEqual({
      partitionKey: expect.stringMatching(/^\d{8}~[0-9a-f-]{36}$/),
      rowKey: expect.stringMatching(/^\d{8}$/),
      etag: expect.any(String),
      timestamp: expect.any(String),
      at: expect.stringMatching(WHOLE_SECONDS),
      event: "credential.issued",
      outcome: "ok",
      principalId: automation,
      issuer: `https://login.microsoftonline.com/${system.seed.tenant.id}/v2.0`,
      tenantId: system.seed.tenant.id,
      resourceId: issued.resourceId,
      leaseId: issued.leaseId,
      rule: "grant:credentials-main-0",
      correlationId,
      detailJson: expect.stringContaining('"reason":"train 42"'),
      credentialMac: expect.stringMatching(/^[0-9a-f]{32}:[0-9a-f]{64}$/),
      prevHash: expect.stringMatching(/^([0-9a-f]{64})?$/),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const key = Buffer.from((await state.secretOf("audit-credential-mac")) ?? "", "base64");
    const mac = createHmac("sha256", key).update(issued.credential.sasToken).digest("hex");
    expect(row?.credentialMac).toMatch(new RegExp(`:${mac}$`));
  });

  it("chains every record to the one before it, also when many are written at once", async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => api.issue(CONNECTOR)));
    expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
    const ids = new Set(answers.map(({ body }) => body.leaseId));
    expect(ids.size).toBe(25);
    const rows = await state.rows("Audit");
    expect(rows.filter(({ leaseId }) => typeof leaseId === "string" && ids.has(leaseId))).toHaveLength(25);
    expect(auditChainFaults(rows)).toEqual([]);
    const leases = await state.rows("Leases");
    expect(leases.filter(({ rowKey }) => ids.has(rowKey))).toHaveLength(25);
  });

  it("writes the records of many calls at once together: a hundred take a few transactions", async () => {
    const auditWrites = async () => {
      const { items }: { items: { method: string; path: string; host: string }[] } = JSON.parse(
        await (await fetch(`${system.controlUrl}/requests?service=storage`)).text(),
      );
      // Leases too are written in transactions, together.
      const isAudit = (path: string) => /^\/(\$batch|Audit)/.test(path);
      return items.filter(
        ({ method, host, path }) => method === "POST" && host.startsWith("latchkeystate.table.") && isAudit(path),
      ).length;
    };
    const before = await auditWrites();
    // As slow as Azure: what comes meanwhile waits.
    const control = createControl(system);
    await control.fault({ host: "latchkeystate.table.core.windows.net", path: "^/\\$batch", latencyMs: 250 });
    const answers = await Promise.all(Array.from({ length: 100 }, () => api.issue(CONNECTOR)));
    await control.clear();
    expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
    const writes = (await auditWrites()) - before;
    expect(writes).toBeGreaterThan(0);
    expect(writes).toBeLessThan(answers.length / 3);
    const rows = await state.rows("Audit");
    const ids = new Set(answers.map(({ body }) => body.leaseId));
    expect(rows.filter(({ leaseId }) => typeof leaseId === "string" && ids.has(leaseId))).toHaveLength(100);
    expect(auditChainFaults(rows)).toEqual([]);
  });

  it("shows an auditor a record that was changed, moved or taken out", async () => {
    const rows = (await state.rows("Audit")).slice(0, 5);
    const [first, second] = rows;
    if (first === undefined || second === undefined) throw new Error("there are no records to change");
    expect(auditChainFaults(rows)).toEqual([]);
    expect(auditChainFaults(rows.with(1, { ...second, resourceId: "other" }))).not.toEqual([]);
    expect(auditChainFaults(rows.toSpliced(1, 1))).not.toEqual([]);
    const aSecondOff = String(first.at).replace(/\d(?=Z$)/, (digit) => String((Number(digit) + 1) % 10));
    expect(auditChainFaults(rows.with(0, { ...first, at: aSecondOff }))).not.toEqual([]);
  });
});
