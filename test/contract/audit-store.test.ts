/** The audit trail in Table Storage: durable before it says so, one chain whatever is lost. */
import { TableClient } from "@azure/data-tables";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { createAuditTrail } from "../../shared/audit/chain.ts";
import { type AuditRow, chainRow } from "../../shared/audit/record.ts";
import { createAuditStore } from "../../shared/store/audit-records.ts";
import { utc } from "../../shared/time.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { NOW, now } from "../support/fakes.ts";
import { auditEvent, chainFaults } from "../support/fakes-audit.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_TABLES, stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

/** A store as a process that has just started has it. */
const openStore = () => createAuditStore(stateTable(azure, "Audit", "AUDIT_UNAVAILABLE"));
const trailOf = (writerId: string, clock = now) => createAuditTrail({ store: openStore(), writerId, now: clock });
const event = (correlationId: string) => auditEvent({ correlationId });
const firstRow = (writerId: string, correlationId = "c-1") =>
  chainRow(event(correlationId), { at: utc(NOW), writerId, sequence: 1, prevHash: "" });
const INSERT = { service: "storage", method: "POST", path: "^/\\$batch" };
/** The insert of the first of several, for as long as the others need to come: they wait and go together. */
const SLOW_FIRST = { ...INSERT, latencyMs: 300, times: 1 };

const columns = z.object({
  partitionKey: z.string(),
  rowKey: z.string().regex(/^\d{8}$/),
  at: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  event: z.enum(["connector.registered", "credential.issued"]),
  outcome: z.enum(["ok", "withdrawn"]),
  principalId: z.string(),
  issuer: z.string(),
  tenantId: z.string(),
  resourceId: z.string(),
  leaseId: z.string().nullish(),
  rule: z.string(),
  correlationId: z.string(),
  detailJson: z.string(),
  credentialMac: z.string().nullish(),
  prevHash: z.string(),
  hash: z.string(),
});

/** Rows of a writer, read from the bare columns: what an auditor has. */
async function stored(writerId: string): Promise<AuditRow[]> {
  const table = new TableClient(STATE_TABLES, "Audit", credentialOf(azure, "latchkey-service"));
  const rows: AuditRow[] = [];
  for await (const entity of table.listEntities()) {
    const { partitionKey, rowKey, detailJson, leaseId, credentialMac, ...row } = columns.parse(entity);
    if (!partitionKey.endsWith(`~${writerId}`)) continue;
    expect(partitionKey).toBe(`${row.at.slice(0, 10).replaceAll("-", "")}~${writerId}`);
    rows.push({
      ...row,
      writerId,
      sequence: Number(rowKey),
      detail: JSON.parse(detailJson),
      leaseId: leaseId ?? null,
      credentialMac: credentialMac ?? null,
    });
  }
  return rows;
}

describe("the table", () => {
  // First in the file: the table is not there yet.
  test("is made at the first record, by several processes at once", async () => {
    expect(await openStore().hashAt(firstRow("nobody"))).toBeNull();
    await Promise.all(["first", "second", "third"].map((writer) => trailOf(writer).append(event("c-1"))));
    expect(await stored("second")).toEqual([firstRow("second")]);
  });

  test("keeps every field, so that the chain can be checked from the columns alone", async () => {
    const trail = trailOf("columns");
    await trail.append(
      auditEvent({ leaseId: null, credentialMac: null, detail: { reason: 'ä "x"', n: 1, list: ["a"] } }),
    );
    await Promise.all(Array.from({ length: 12 }, (_, index) => trail.append(event(`c-${index}`))));
    const rows = await stored("columns");
    expect(rows).toHaveLength(13);
    expect(chainFaults(rows)).toEqual([]);
  });

  test("a day later the chain goes on in another partition", async () => {
    let at = NOW;
    const trail = trailOf("days", () => at);
    await trail.append(event("today"));
    at = new Date(NOW.getTime() + 24 * 3_600_000);
    await trail.append(event("tomorrow"));
    const rows = await stored("days");
    expect(rows.map(({ at: when }) => when.slice(0, 10))).toEqual(["2026-11-21", "2026-11-22"]);
    expect(chainFaults(rows)).toEqual([]);
  });
});

describe("insert", () => {
  test("the same row again counts as written; another at its place is a conflict with the stored hash", async () => {
    const store = openStore();
    const row = firstRow("again");
    expect(await store.insert([row])).toEqual({ kind: "written" });
    expect(await store.insert([row])).toEqual({ kind: "written" });
    expect(await store.insert([firstRow("again", "other")])).toEqual({ kind: "conflict", hash: row.hash });
    expect(await store.hashAt(row)).toBe(row.hash);
  });

  test("several rows: all or none", async () => {
    const store = openStore();
    const row = firstRow("together");
    const next = (correlationId: string) =>
      chainRow(event(correlationId), { at: row.at, writerId: row.writerId, sequence: 2, prevHash: row.hash });
    expect(await store.insert([next("second")])).toEqual({ kind: "written" });
    // The second place is taken by another: then the first stays free as well, and nothing is said to be written.
    await expect(store.insert([row, next("other")])).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(await store.hashAt(row)).toBeNull();
    expect(await store.insert([row])).toEqual({ kind: "written" });
    expect(await store.insert([row, next("second")])).toEqual({ kind: "written" });
  });

  test("a lost reply is found out: the record counts, once", async () => {
    const trail = trailOf("lost-reply");
    await trail.append(event("a"));
    await control.fault({ ...INSERT, dropReply: true, times: 1 });
    await trail.append(event("b"));
    await trail.append(event("c"));
    expect(await control.clear()).toBe(1);
    const rows = await stored("lost-reply");
    expect(rows.map(({ correlationId }) => correlationId)).toEqual(["a", "b", "c"]);
    expect(chainFaults(rows)).toEqual([]);
  });

  test("every reply lost: the row itself is looked for", async () => {
    const store = openStore();
    await control.fault({ ...INSERT, dropReply: true });
    const row = firstRow("all-replies-lost");
    expect(await store.insert([row])).toEqual({ kind: "written" });
    expect(await control.clear()).toBeGreaterThan(0);
  });

  test("not even that can be looked for: AUDIT_UNAVAILABLE, and the chain goes on behind it afterwards", async () => {
    const trail = trailOf("nothing-known");
    await trail.append(event("a"));
    await control.fault({ ...INSERT, dropReply: true }, { service: "storage", method: "GET", status: 503 });
    await expect(trail.append(event("b"))).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    await control.clear();
    await trail.append(event("c"));
    const rows = await stored("nothing-known");
    expect(rows.map(({ correlationId }) => correlationId)).toEqual(["a", "b", "c"]);
    expect(chainFaults(rows)).toEqual([]);
  });
});

describe("records that wait", () => {
  const many = (trail: ReturnType<typeof trailOf>, count: number) =>
    Array.from({ length: count }, (_, index) => trail.append(event(`c-${index}`)));

  test("for another's write go in one transaction of at most 100, in the order in which they came", async () => {
    const trail = trailOf("waiting");
    await trail.append(event("first"));
    await control.fault(SLOW_FIRST, { ...INSERT, latencyMs: 0 });
    await Promise.all(many(trail, 1 + 150));
    expect(await control.clear()).toBe(3);
    const rows = await stored("waiting");
    const ids = rows.map(({ correlationId }) => correlationId);
    expect(ids).toEqual(["first", ...Array.from({ length: 151 }, (_, index) => `c-${index}`)]);
    expect(chainFaults(rows)).toEqual([]);
  });

  test("and whose reply is lost count, each once", async () => {
    const trail = trailOf("waiting-lost");
    await control.fault(SLOW_FIRST, { ...INSERT, dropReply: true, times: 1 });
    await Promise.all(many(trail, 12));
    expect(await control.clear()).toBe(2);
    const rows = await stored("waiting-lost");
    expect(rows).toHaveLength(12);
    expect(chainFaults(rows)).toEqual([]);
  });

  test("fail together, and leave no gap", async () => {
    const trail = trailOf("waiting-failed");
    await control.fault(SLOW_FIRST, { ...INSERT, status: 503 });
    const results = await Promise.allSettled(many(trail, 12));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", ...Array(11).fill("rejected")]);
    await control.clear();
    await trail.append(event("after"));
    const rows = await stored("waiting-failed");
    expect(rows.map(({ correlationId, sequence }) => [correlationId, sequence])).toEqual([
      ["c-0", 1],
      ["after", 2],
    ]);
    expect(chainFaults(rows)).toEqual([]);
  });
});

describe("faults", () => {
  test.each([503, 500, 429] as const)(
    "%d is AUDIT_UNAVAILABLE; the next record follows without a gap",
    async (status) => {
      const trail = trailOf(`fault-${status}`);
      await control.fault({ service: "storage", status, retryAfterSeconds: 1 });
      await expect(trail.append(event("a"))).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE", retryAfterSeconds: 1 });
      await control.clear();
      await trail.append(event("b"));
      const rows = await stored(`fault-${status}`);
      expect(rows.map(({ correlationId, sequence }) => [correlationId, sequence])).toEqual([["b", 1]]);
      expect(chainFaults(rows)).toEqual([]);
    },
  );
});
