/** Looks at leases: one's own, or all for those who may. */
import { NotFoundError } from "../errors.ts";
import { principalHash } from "../ids.ts";
import type { Principal, Role } from "../principal.ts";
import type { Lease } from "./lease.ts";
import type { LeaseStore } from "./ports.ts";

/** Roles that see the leases of all. */
const SEES_ALL: readonly Role[] = ["Latchkey.Admin", "Latchkey.Auditor"];

/** Whether the caller sees the leases of others. */
export function seesAll(by: Principal): boolean {
  return by.roles.some((role) => SEES_ALL.includes(role));
}

/** @throws NotFoundError NOT_FOUND, also for another's lease: its existence is nobody's business */
export async function findOwnLease(leases: LeaseStore, leaseId: string, by: Principal) {
  const found = leaseId.startsWith(`${principalHash(by)}-`) ? await leases.find(leaseId) : null;
  if (found === null || !isHolder(found.lease, by)) throw notFound();
  return found;
}

/** By the whole identity: the hash in an id only finds the partition, and is short enough to be searched for. */
export function isHolder({ principal }: Lease, by: Principal): boolean {
  return principal.id === by.id && principal.issuer === by.issuer;
}

/** @throws NotFoundError NOT_FOUND */
export async function findVisibleLease(
  leases: LeaseStore,
  leaseId: string,
  by: Principal,
): Promise<{ lease: Lease; etag: string }> {
  if (!seesAll(by)) return findOwnLease(leases, leaseId, by);
  const found = await leases.find(leaseId);
  if (found === null) throw notFound();
  return found;
}

function notFound(): NotFoundError {
  return new NotFoundError("NOT_FOUND", "No lease of this id is yours to see. GET /api/leases lists them.");
}
