/** Leases in Table Storage: written once, found by their id alone, taken back. */
import { TableClient } from "@azure/data-tables";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Lease } from "../../shared/credentials/lease.ts";
import type { LeaseStore } from "../../shared/credentials/ports.ts";
import { hash, newLeaseId, principalHash } from "../../shared/ids.ts";
import { createLeaseStore } from "../../shared/store/lease-records.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { ADMIN, countingBytes } from "../support/fakes.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_TABLES, stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
let leases: LeaseStore;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  leases = createLeaseStore(stateTable(azure, "Leases", "STATE_UNAVAILABLE"));
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

const ph = principalHash(ADMIN);
function lease(first: number, changes: Partial<Lease> = {}): Lease {
  return {
    id: newLeaseId(ph, (count) => countingBytes(count).map((byte) => byte + first)),
    principalHash: ph,
    state: "active",
    connectorId: "11111111-2222-4333-8444-555555555555",
    resourceType: "blob-container",
    resourceId: "/subscriptions/S/containers/Data",
    access: ["read", "list"],
    scope: {},
    form: "sas",
    principal: { id: "app:t/s", issuer: ADMIN.issuer },
    project: "vision",
    domain: null,
    reason: 'train "42"',
    rule: "role:Latchkey.Admin",
    issuedAt: "2026-11-21T10:00:00Z",
    expiresAt: "2026-11-21T11:00:00Z",
    refreshAfter: "2026-11-21T10:48:00Z",
    maxUntil: "2026-11-22T10:00:00Z",
    revocation: "expiry-only",
    exposedUntil: "2026-11-21T11:00:00Z",
    ...changes,
  };
}
const table = () => new TableClient(STATE_TABLES, "Leases", credentialOf(azure, "latchkey-service"));
const read = ({ principalHash: partition, id }: Lease) => table().getEntity<Record<string, unknown>>(partition, id);

// First in the file: the table is not there yet.
test("remove: one that was never written is no error, also without the table", async () => {
  await leases.remove(lease(0));
});

test("insert: a row with the agreed columns, none for what is absent, under the principal's hash", async () => {
  const made = lease(1);
  await leases.insert(made);
  const { etag, timestamp, ...row } = await read(made);
  expect([typeof etag, typeof timestamp]).toEqual(["string", "string"]);
  expect(row).toMatchObject({
    partitionKey: ph,
    rowKey: made.id,
    state: "active",
    resourceHash: hash("/subscriptions/s/containers/data"),
    accessJson: '["read","list"]',
    scopeJson: "{}",
    principalJson: JSON.stringify(made.principal),
    project: "vision",
    reason: 'train "42"',
    revocation: "expiry-only",
    exposedUntil: "2026-11-21T11:00:00Z",
    revokeAttempts: 0,
  });
  expect(row).not.toHaveProperty("domain");
});

test("insert: a lost reply is no failure, and leaves one row", async () => {
  const made = lease(2);
  await control.fault({ service: "storage", method: "POST", path: "^/Leases", dropReply: true, times: 1 });
  await leases.insert(made);
  expect(await control.clear()).toBe(1);
  expect((await read(made)).rowKey).toBe(made.id);
});

test("remove: takes the row away, twice is no error", async () => {
  const made = lease(3);
  await leases.insert(made);
  await leases.remove(made);
  await leases.remove(made);
  await expect(read(made)).rejects.toMatchObject({ statusCode: 404 });
});

test.each([503, 429, 500] as const)("%d is STATE_UNAVAILABLE, and nothing is kept", async (status) => {
  const made = lease(4);
  await control.fault({ service: "storage", status, retryAfterSeconds: 1 });
  const failure = { code: "STATE_UNAVAILABLE", retryAfterSeconds: 1, failure: { status } };
  await expect(leases.insert(made)).rejects.toMatchObject(failure);
  await expect(leases.remove(made)).rejects.toMatchObject(failure);
  await control.clear();
  await expect(read(made)).rejects.toMatchObject({ statusCode: 404 });
});
