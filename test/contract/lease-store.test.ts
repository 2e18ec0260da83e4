/** Leases in Table Storage: written with the row that counts them, found by their id alone, taken back. */
import { setTimeout as wait } from "node:timers/promises";
import { TableClient } from "@azure/data-tables";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Lease } from "../../shared/credentials/lease.ts";
import type { LeaseStore } from "../../shared/credentials/ports.ts";
import { hash, principalHash } from "../../shared/ids.ts";
import { createLeaseStore } from "../../shared/store/lease-records.ts";
import { credentialOf } from "../support/application-tokens.ts";
import { type Control, createControl } from "../support/control.ts";
import { ADMIN, now } from "../support/fakes.ts";
import { lease as leaseOf } from "../support/fakes-leases.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { STATE_TABLES, stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
let control: Control;
let leases: LeaseStore;
beforeAll(async () => {
  azure = await startLocalAzure();
  control = createControl(azure);
  leases = newStore();
});
afterAll(() => azure.stop());
afterEach(() => control.clear());

/** As a process that has just started. */
const newStore = (maxActive = 1000) =>
  createLeaseStore({
    table: stateTable(azure, "Leases", "STATE_UNAVAILABLE"),
    ...{ maxActive, now, wait, random: Math.random },
  });
const ph = principalHash(ADMIN);
const lease = (first: number, changes: Partial<Lease> = {}): Lease =>
  leaseOf(
    {
      resourceId: "/subscriptions/S/containers/Data",
      principal: { id: "app:t/s", issuer: ADMIN.issuer },
      project: "vision",
      reason: 'train "42"',
      rule: "role:Latchkey.Admin",
      ...changes,
    },
    ADMIN,
    first,
  );
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
  await control.fault({ service: "storage", method: "POST", path: "^/\\$batch", dropReply: true, times: 1 });
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

describe("the row that counts", () => {
  const CARA = { ...ADMIN, subject: "cara" };
  const other = principalHash(CARA);
  const make = (first: number, changes: Partial<Lease> = {}) => {
    const made = lease(first, changes);
    return { ...made, id: made.id.replace(ph, other), principalHash: other };
  };

  test("two processes: exactly as many as one may hold, and the time until the first ends", async () => {
    const stores = [newStore(5), newStore(5)];
    const wanted = Array.from({ length: 12 }, (_, index) =>
      make(index, { expiresAt: `2026-11-21T10:${10 + index}:00Z`, exposedUntil: `2026-11-21T10:${10 + index}:00Z` }),
    );
    const results = await Promise.allSettled(wanted.map((made, index) => stores[index % 2]?.insert(made)));
    const refusals = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    expect(refusals).toHaveLength(7);
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: "LEASE_LIMIT" });
    const there = (await leases.list({ principalHash: other, after: null, limit: 100 })).filter(
      (one) => "expiresAt" in one,
    );
    expect(there).toHaveLength(5);
    const first = Math.min(...there.map(({ expiresAt }) => Date.parse(expiresAt ?? "") - now().getTime())) / 1000;
    await expect(newStore(5).insert(make(20))).rejects.toMatchObject({ code: "LEASE_LIMIT", retryAfterSeconds: first });
  });

  test("ending one makes room, of which another process knows", async () => {
    const [held] = await leases.list({ principalHash: other, after: null, limit: 1 });
    const found = await leases.find(held?.id ?? "");
    if (found === null) throw new Error("the lease is not there");
    expect(await newStore(5).replace({ ...found.lease, state: "revoked" }, found.etag)).toEqual(expect.any(String));
    expect(await newStore(5).replace({ ...found.lease, state: "active" }, found.etag)).toBeNull();
    await newStore(5).insert(make(21));
    await expect(newStore(5).insert(make(22))).rejects.toMatchObject({ code: "LEASE_LIMIT" });
  });

  test("a lease counts for as long as a secret of it may work: a shorter renewal makes no room", async () => {
    const by = "0123456789ab";
    const own = (index: number, changes: Partial<Lease> = {}) => {
      const made = lease(index, changes);
      return { ...made, id: made.id.replace(ph, by), principalHash: by };
    };
    const store = newStore(1);
    const long = own(1, { expiresAt: "2026-11-22T10:00:00Z", exposedUntil: "2026-11-22T10:00:00Z" });
    const etag = await store.insert(long);
    // It has expired at `now`; the SAS of before has not.
    await store.replace({ ...long, expiresAt: "2026-11-21T09:00:00Z" }, etag);
    await expect(store.insert(own(2))).rejects.toMatchObject({ code: "LEASE_LIMIT" });
  });

  test("one damaged row hides no other, and is told", async () => {
    const damaged = lease(90);
    await leases.insert(damaged);
    await table().updateEntity({ partitionKey: ph, rowKey: damaged.id, accessJson: "{" }, "Merge");
    const page = await leases.list({ principalHash: ph, after: null, limit: 500 });
    expect(page).toContainEqual({ id: damaged.id, damaged: true });
    expect(page.length).toBeGreaterThan(1);
    await leases.remove(damaged);
  });

  test("it is in no list", async () => {
    const all = await leases.list({ principalHash: null, after: null, limit: 500 });
    expect(all.filter((one) => "principalHash" in one && one.principalHash === other)).toHaveLength(6);
    expect(all.map(({ id }) => id)).not.toContain("~active");
  });
});
