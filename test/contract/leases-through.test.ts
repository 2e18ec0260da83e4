/** What would become of a connector's leases without it, asked of Table Storage. */
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Lease } from "../../shared/credentials/lease.ts";
import { createLeaseStore, createLeasesThrough } from "../../shared/store/lease-records.ts";
import { now } from "../support/fakes.ts";
import { lease } from "../support/fakes-leases.ts";
import { type LocalAzure, startLocalAzure } from "../support/local-azure.ts";
import { stateTable } from "../support/product-parts.ts";

let azure: LocalAzure;
beforeAll(async () => {
  azure = await startLocalAzure();
});
afterAll(() => azure.stop());

const LATER = "2026-11-22T09:00:00Z";
const OVER = "2026-11-20T09:00:00Z";
const left: Partial<Lease> = { form: "docker-login", revocation: "delayed", expiresAt: LATER, maxUntil: LATER };

test.each<[string, Partial<Lease>, "none" | "active" | "leaving"]>([
  ["one that works", { expiresAt: LATER, maxUntil: LATER }, "active"],
  ["one that is over by the clock", { expiresAt: OVER, maxUntil: LATER }, "none"],
  ["one that was revoked", { state: "revoked", expiresAt: LATER, maxUntil: LATER }, "none"],
  ["one that left something", left, "leaving"],
  ["one whose Secret is still there", { ...left, revocation: "immediate" }, "leaving"],
  ["one that left something and waits for the sweep", { ...left, expiresAt: OVER, maxUntil: OVER }, "leaving"],
  ["one that is being made", { ...left, state: "pending" }, "leaving"],
  ["one that is being ended", { ...left, state: "revoking" }, "leaving"],
  ["one that nobody could end", { ...left, state: "irrevocable" }, "active"],
  ["one whose remains are gone", { ...left, state: "expired" }, "none"],
])("%s", async (what, changes, expected) => {
  const table = stateTable(azure, "Leases", "STATE_UNAVAILABLE");
  const store = createLeaseStore({ table, maxActive: 1000, now, wait, random: Math.random });
  const made = lease({ connectorId: what, ...changes });
  await store.insert(made);
  const through = createLeasesThrough({ table, now });
  expect([await through(what), await through("another")]).toEqual([expected, "none"]);
  await store.remove(made);
});
