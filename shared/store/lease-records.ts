/** Leases in the table `Leases`. Implements LeaseStore of the credentials. */
import type { Lease } from "../credentials/lease.ts";
import type { LeaseStore } from "../credentials/ports.ts";
import { hash } from "../ids.ts";
import type { Row, Table } from "./tables.ts";

/** @param table opened with STATE_UNAVAILABLE */
export function createLeaseStore(table: Table): LeaseStore {
  return {
    async insert(lease) {
      // The id is random: a row in the way is this very one, written before its reply was lost.
      await table.insert(toRow(lease));
    },
    remove: (lease) => table.remove(lease.principalHash, [lease.id]),
  };
}

function toRow(lease: Lease): Row {
  return {
    partitionKey: lease.principalHash,
    rowKey: lease.id,
    state: lease.state,
    connectorId: lease.connectorId,
    resourceType: lease.resourceType,
    resourceId: lease.resourceId,
    resourceHash: hash(lease.resourceId),
    accessJson: JSON.stringify(lease.access),
    scopeJson: JSON.stringify(lease.scope),
    form: lease.form,
    principalJson: JSON.stringify(lease.principal),
    project: lease.project ?? undefined,
    domain: lease.domain ?? undefined,
    reason: lease.reason ?? undefined,
    rule: lease.rule,
    issuedAt: lease.issuedAt,
    expiresAt: lease.expiresAt,
    refreshAfter: lease.refreshAfter,
    maxUntil: lease.maxUntil,
    revocation: lease.revocation,
    exposedUntil: lease.exposedUntil,
    revokeAttempts: 0,
  };
}
