/** Seals in blob storage: added and never changed, the newest found, all in order. */
import { randomBytes } from "node:crypto";
import { BlobServiceClient } from "@azure/storage-blob";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createAuditTrail } from "../../shared/audit/chain.ts";
import { sealTrail } from "../../shared/audit/seal.ts";
import { verifyTrail } from "../../shared/audit/verify.ts";
import { createAuditStore, createFoundRecordReader, createMarkReader } from "../../shared/store/audit-records.ts";
import { openSeals } from "../../shared/store/audit-seals.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { auditEvent } from "../support/fakes-audit.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_BLOBS, stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const identity = () => credentialOf(azure, "latchkey-service");
/** As a process that has just started has it. */
const open = () => openSeals({ url: STATE_BLOBS, identity: identity() });
const nameAt = (time: string, random = "00") => `${time}-${random}.json`;
const NOON = new Date("2026-11-21T12:00:00Z");
const namesIn = async (range: { from: string; to: string }) => {
  const names: string[] = [];
  for await (const { name } of open().all(range)) names.push(name);
  return names;
};

// First in the file: the container is not there yet.
test("before the first seal there is none, and no container is needed to say so", async () => {
  expect(await open().latest(NOON)).toBeNull();
  expect(await namesIn({ from: "", to: "~" })).toEqual([]);
});

test("the newest is found: today's, an earlier day's, or one of long ago", async () => {
  const add = (name: string) => open().add({ name, text: name });
  const latest = async () => (await open().latest(NOON))?.name;
  await Promise.all([add(nameAt("20250101T000000Z")), add(nameAt("20250102T000000Z"))]);
  expect(await latest()).toBe(nameAt("20250102T000000Z"));
  await add(nameAt("20261120T235500Z"));
  expect(await latest()).toBe(nameAt("20261120T235500Z"));
  await Promise.all([add(nameAt("20261121T090000Z")), add(nameAt("20261121T115500Z"))]);
  expect(await open().latest(NOON)).toEqual({
    name: nameAt("20261121T115500Z"),
    text: nameAt("20261121T115500Z"),
  });
});

test("all are read in order of their names, within bounds", async () => {
  const bounds = { from: "20261120", to: nameAt("20261121T090000Z") };
  expect(await namesIn(bounds)).toEqual([nameAt("20261120T235500Z"), nameAt("20261121T090000Z")]);
});

test("one that is there is never written over", async () => {
  await open().add({ name: nameAt("20250101T000000Z"), text: "another" });
  const blob = new BlobServiceClient(STATE_BLOBS, identity())
    .getContainerClient("audit-seals")
    .getBlobClient(nameAt("20250101T000000Z"));
  expect((await blob.downloadToBuffer()).toString("utf8")).toBe(nameAt("20250101T000000Z"));
});

test("storage that does not answer is AUDIT_UNAVAILABLE", async () => {
  await control.fault({ service: "storage", path: "^/audit-seals", status: 503 });
  await expect(open().latest(NOON)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
  await expect(open().add({ name: nameAt("20261121T120000Z"), text: "x" })).rejects.toMatchObject({
    code: "AUDIT_UNAVAILABLE",
  });
});

test("records, seals over them and their verification fit together over the real services", async () => {
  const table = stateTable(azure, "Audit", "AUDIT_UNAVAILABLE");
  const deps = { seals: open(), readMarks: createMarkReader(table), randomBytes };
  const times = ["2026-12-01T23:58:00Z", "2026-12-02T00:03:00Z", "2026-12-02T02:00:00Z"].map((time) => new Date(time));
  let clock = new Date(0);
  const now = () => clock;
  const trails = [1, 2, 3].map((writer) =>
    createAuditTrail({ store: createAuditStore(table), writerId: `00000000-0000-4000-8000-00000000000${writer}`, now }),
  );
  for (const time of times) {
    clock = time;
    for (const trail of trails) await Promise.all([1, 2, 3].map(() => trail.append(auditEvent())));
    await sealTrail({ ...deps, now });
  }
  const window = { from: "20261201", to: "20261202" };
  const findings: string[] = [];
  const report = await verifyTrail(
    {
      records: createFoundRecordReader(table)(window),
      seals: open().all({ from: window.from, to: "~" }),
      window,
      now: clock,
    },
    (fault, where) => findings.push(`${fault} ${where}`),
  );
  expect(findings).toEqual([]);
  expect(report).toMatchObject({ chains: 6, records: 27, seals: 3, unsealed: 0 });
});
