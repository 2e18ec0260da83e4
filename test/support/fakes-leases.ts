/** Leases in memory, with ETags as the table has them. Used by the unit tests. */
import type { Lease } from "../../shared/credentials/lease.ts";
import type { DueLease, LeaseDueStore, LeaseStore } from "../../shared/credentials/ports.ts";
import { newLeaseId, principalHash } from "../../shared/ids.ts";
import type { Principal } from "../../shared/principal.ts";
import { countingBytes, USER } from "./fakes.ts";
import { containerId } from "./fakes-access.ts";

/** An hour's lease of the container `data` that may be renewed for a day; `first` makes its id another one. */
export function lease(changes: Partial<Lease> = {}, by: Principal = USER, first = 0): Lease {
  const ph = principalHash(by);
  return {
    id: newLeaseId(ph, (count) => countingBytes(count).map((byte) => byte + first)),
    principalHash: ph,
    state: "active",
    connectorId: "11111111-2222-4333-8444-555555555555",
    resourceType: "blob-container",
    resourceId: containerId("data"),
    access: ["read", "list"],
    scope: {},
    form: "sas",
    principal: { id: by.id, issuer: by.issuer },
    project: null,
    domain: null,
    reason: null,
    rule: "grant:lend",
    issuedAt: "2026-11-21T10:00:00Z",
    expiresAt: "2026-11-21T11:00:00Z",
    refreshAfter: "2026-11-21T10:48:00Z",
    maxUntil: "2026-11-22T10:00:00Z",
    revocation: "expiry-only",
    exposedUntil: "2026-11-21T11:00:00Z",
    upstream: {},
    mintedAt: "2026-11-21T10:00:00Z",
    endedAt: null,
    revokeAttempts: 0,
    ...changes,
  };
}

/** When to look at leases, in memory. */
export function leaseDueStore() {
  const due = new Map<string, DueLease>();
  const irrevocable = new Set<string>();
  const keyOf = ({ leaseId, dueAt }: DueLease) => `${dueAt.slice(0, 13)} ${leaseId}`;
  const store: LeaseDueStore = {
    file: async (filed) => void due.set(keyOf(filed), filed),
    drop: async (filed) => void due.delete(keyOf(filed)),
    list: async (at, after, limit) =>
      [...due]
        .filter(([key, { dueAt }]) => Date.parse(dueAt) <= at.getTime() && (after === null || key > keyOf(after)))
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([, filed]) => filed)
        .slice(0, limit),
    setIrrevocable: async (leaseId, isIrrevocable) =>
      void (isIrrevocable ? irrevocable.add(leaseId) : irrevocable.delete(leaseId)),
    listIrrevocable: async (after, limit) =>
      [...irrevocable]
        .filter((id) => after === null || id > after)
        .sort()
        .slice(0, limit),
  };
  return { ...store, times: due, listed: irrevocable };
}

/** `set` puts a lease there whatever was there. */
export function leaseStore(journal: string[] = []) {
  const rows = new Map<string, { lease: Lease; etag: string }>();
  let written = 0;
  const set = (made: Lease) => {
    const etag = `W/"l${++written}"`;
    rows.set(made.id, { lease: made, etag });
    return etag;
  };
  const store: LeaseStore = {
    checkRoom: async () => {},
    async insert(made) {
      journal.push("lease.insert");
      return set(made);
    },
    async find(leaseId) {
      journal.push("lease.find");
      return rows.get(leaseId) ?? null;
    },
    async replace(made, etag) {
      const isAsRead = rows.get(made.id)?.etag === etag;
      journal.push(`lease.replace ${isAsRead ? "done" : "refused"}`);
      return isAsRead ? set(made) : null;
    },
    list: async ({ principalHash: only, after, limit }) =>
      [...rows.values()]
        .map((row) => row.lease)
        .filter((made) => (only === null || made.principalHash === only) && (after === null || made.id > after))
        .sort((left, right) => (left.id < right.id ? -1 : 1))
        .slice(0, limit),
    async remove(made) {
      journal.push("lease.remove");
      rows.delete(made.id);
    },
  };
  return { ...store, rows, set };
}
