/** The audit trail on the whole system: it is read by auditors, sealed by the timer, and verified; what an intruder does shows. */
import { TableClient } from "@azure/data-tables";
import { ClientSecretCredential } from "@azure/identity";
import { BlobServiceClient, type ContainerClient } from "@azure/storage-blob";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { type Api, applicationOf, createApi, type Problem } from "../support/api.ts";
import { sealNow, verifyAudit } from "../support/audit-verify.ts";
import { startOwnSystem } from "../support/system.ts";

type Listed = {
  items: { at: string; event: string; principalId: string; resourceId: string; writerId: string; sequence: number }[];
  continuationToken: string | null;
};

let system: Awaited<ReturnType<typeof startOwnSystem>>;
let leave = () => {};
let api: Api;
let auditor: string;
let table: TableClient;
let seals: ContainerClient;

beforeAll(async () => {
  system = await startOwnSystem();
  leave = enterLocalAzure(system);
  api = createApi(system);
  const { clientId, secret } = applicationOf(system, "latchkey-service");
  const identity = new ClientSecretCredential(system.seed.tenant.id, clientId, secret);
  table = new TableClient("https://latchkeystate.table.core.windows.net", "Audit", identity);
  seals = new BlobServiceClient("https://latchkeystate.blob.core.windows.net", identity).getContainerClient(
    "audit-seals",
  );
  auditor = await api.tokenOf("auditor");
  // Policy changes: records without any need of Azure.
  for (const name of ["vision", "speech", "text", "robots"]) {
    const body = { principals: ["group:6a7b8c9d-1e2f-4a3b-8c4d-5e6f7a8b9c21"], project: name, domain: "production" };
    const put = await api.call("PUT", `memberships/${name}`, { body, headers: { "if-none-match": "*" } });
    expect(put.status, put.text).toBe(200);
  }
  expect((await api.register("audited")).status).toBe(201);
});
afterAll(async () => {
  leave();
  await system?.stop();
  system?.remove();
});

const list = <T = Listed>(query: string, token = auditor) => api.call<T>("GET", `audit?${query}`, { token });

describe("GET /api/audit", () => {
  it("shows every record to an auditor, in pages, once each", async () => {
    const events: string[] = [];
    let more = "";
    for (let page = 0; page < 9; page++) {
      const { status, body } = await list(`limit=2${more}`);
      expect(status).toBe(200);
      events.push(...body.items.map(({ event, sequence }) => `${sequence} ${event}`));
      if (body.continuationToken === null) break;
      more = `&continuationToken=${body.continuationToken}`;
    }
    const changes = [1, 2, 3, 4].map((sequence) => `${sequence} membership.changed`);
    expect(events).toEqual([...changes, "5 connector.registered"]);
  });

  it("filters by principal and resource, and a filter in them is only text", async () => {
    const automation = `app:${system.seed.tenant.id}/${applicationOf(system, "platform-automation").objectId}`;
    const all = await list(`principal=${encodeURIComponent(automation)}`);
    expect(all.body.items).toHaveLength(5);
    const resource = all.body.items[1]?.resourceId ?? "";
    expect((await list(`resource=${encodeURIComponent(resource)}`)).body.items).toEqual([all.body.items[1]]);
    for (const query of ["principal=nobody", `resource=${encodeURIComponent("x' or PartitionKey ge '0")}`]) {
      expect((await list(query)).body, query).toEqual({ items: [], continuationToken: null });
    }
  });

  it("filters by time: inclusive, exclusive", async () => {
    const { items } = (await list("")).body;
    const at = items[0]?.at ?? "";
    const next = `${new Date(Date.parse(at) + 1000).toISOString().slice(0, 19)}Z`;
    const within = (await list(`from=${at}&to=${next}`)).body.items;
    expect(within).toEqual(items.filter((item) => item.at === at));
    expect((await list(`from=2026-01-01T00:00:00Z&to=${at}`)).body.items).toEqual([]);
  });

  it("refuses others than auditors, and what is no question", async () => {
    const admin = await list<Problem>("", await api.tokenOf("platform-automation"));
    expect([admin.status, admin.body.code]).toEqual([403, "ROLE_REQUIRED"]);
    for (const query of ["from=yesterday", "limit=0", "continuationToken=x", "to=2020-01-01T00:00:00Z"]) {
      const { status, body } = await list<Problem>(query);
      expect([status, body.code], query).toEqual([400, "INVALID_REQUEST"]);
    }
  });
});

describe("seals and audit:verify", () => {
  /** One record of the trail, as it stands in the table. */
  const rowAt = async (index: number) => {
    const rows = [];
    for await (const row of table.listEntities<Record<string, string>>()) rows.push(row);
    const row = rows[index];
    if (row === undefined) throw new Error(`no record ${index}`);
    const { partitionKey = "", rowKey = "" } = row;
    return { row, partitionKey, rowKey, where: `Audit/${partitionKey}/${rowKey}` };
  };

  it("without seals and with them, a trail that nobody touched is as it was", async () => {
    const unsealed = await verifyAudit(system);
    expect(unsealed, unsealed.output).toMatchObject({ code: 0 });
    expect(unsealed.output).toMatch(/records +5, /);
    const before = await sealNow(system, seals);
    await api.call("DELETE", "memberships/robots", {
      headers: { "if-match": (await api.call("GET", "memberships/robots")).headers.get("etag") ?? "" },
    });
    const names = await sealNow(system, seals);
    // The timer itself may have sealed meanwhile.
    expect(names.length).toBeGreaterThan(before.length);
    expect(names[0]).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]{12}\.json$/);
    const sealed = await verifyAudit(system);
    expect(sealed, sealed.output).toMatchObject({ code: 0 });
    expect(sealed.output).toContain("6, of which 0 are behind the last seal");
    const window = await verifyAudit(system, "--from", "2026-01-01", "--to", "2099-01-01T00:00:00Z");
    expect(window, window.output).toMatchObject({ code: 0 });
  });

  it("finds a record that was changed", async () => {
    const { row, partitionKey, rowKey, where } = await rowAt(1);
    await table.updateEntity({ partitionKey, rowKey, principalId: "user:t/innocent" }, "Merge");
    const found = await verifyAudit(system);
    expect([found.code, found.output]).toEqual([1, expect.stringMatching(new RegExp(`changed +${where}`))]);
    await table.updateEntity({ partitionKey, rowKey, principalId: row.principalId ?? "" }, "Merge");
    expect((await verifyAudit(system)).code).toBe(0);
  });

  it("finds a column more, and a text that says the same in another way", async () => {
    const { row, partitionKey, rowKey, where } = await rowAt(2);
    await table.updateEntity({ partitionKey, rowKey, note: "approved by the board" }, "Merge");
    expect((await verifyAudit(system)).output).toMatch(new RegExp(`unreadable +${where}`));
    const { etag: _etag, timestamp: _timestamp, ...columns } = row;
    await table.updateEntity({ ...columns, partitionKey, rowKey, detailJson: ` ${row.detailJson}` }, "Replace");
    expect((await verifyAudit(system)).output).toMatch(new RegExp(`unreadable +${where}`));
    await table.updateEntity({ ...columns, partitionKey, rowKey }, "Replace");
    expect((await verifyAudit(system)).code).toBe(0);
  });

  it("finds a seal that was changed or removed", async () => {
    const [first = ""] = await sealNow(system, seals);
    const blob = seals.getBlockBlobClient(first);
    const text = (await blob.downloadToBuffer()).toString("utf8");
    await blob.upload(`${text} `, text.length + 1);
    const changed = await verifyAudit(system);
    expect([changed.code, changed.output]).toEqual([1, expect.stringMatching(`seal-changed +audit-seals/${first}`)]);
    await blob.delete();
    const removed = await verifyAudit(system);
    expect([removed.code, removed.output]).toEqual([1, expect.stringMatching(`seal-missing +audit-seals/${first}`)]);
    await blob.upload(text, text.length);
    expect((await verifyAudit(system)).code).toBe(0);
  });

  // From here on the trail is not mended any more: a seal may have taken the damage in.
  it("finds a record that was added", async () => {
    const { row, partitionKey, where } = await rowAt(5);
    const { etag: _etag, timestamp: _timestamp, ...columns } = row;
    await table.createEntity({ ...columns, partitionKey, rowKey: "00000007" });
    const found = await verifyAudit(system);
    expect([found.code, found.output]).toEqual([1, expect.stringContaining(where.replace(/\d{8}$/, "00000007"))]);
  });

  it("finds a record that was removed from the middle, then from the end, then the whole chain", async () => {
    const { partitionKey } = await rowAt(0);
    await table.deleteEntity(partitionKey, "00000003");
    const middle = await verifyAudit(system);
    expect([middle.code, middle.output]).toEqual([1, expect.stringMatching(`missing +Audit/${partitionKey}/00000004`)]);
    for (const rowKey of ["00000004", "00000005", "00000006"]) await table.deleteEntity(partitionKey, rowKey);
    const end = await verifyAudit(system);
    expect([end.code, end.output]).toEqual([1, expect.stringMatching(`removed +Audit/${partitionKey}`)]);
    for (const rowKey of ["00000001", "00000002"]) await table.deleteEntity(partitionKey, rowKey);
    const whole = await verifyAudit(system);
    expect([whole.code, whole.output]).toEqual([1, expect.stringMatching(`removed +Audit/${partitionKey}`)]);
  });

  it("says so when it cannot verify", async () => {
    const noTime = await verifyAudit(system, "--from", "yesterday");
    expect([noTime.code, noTime.output]).toEqual([2, expect.stringContaining("--from takes a time")]);
  });
});
