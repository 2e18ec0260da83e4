/** Looks at leases: one's own, or all for those who may. */
import pMap from "p-map";
import { LatchkeyError, NotFoundError } from "../errors.ts";
import { principalHash } from "../ids.ts";
import type { Principal, Role } from "../principal.ts";
import type { Lease } from "./lease.ts";
import type { DamagedLease, LeaseDueStore, LeaseStore } from "./ports.ts";

/** Leases read at once for a list. */
const READ_CONCURRENCY = 8;

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

/** What to list: `holder` null = the leases of all. `after` is the id of the last one seen. */
type ListQuery = { readonly holder: Principal | null; readonly after: string | null; readonly limit: number };

/** Leases by their ids. A holder's are those of the whole identity; a record that cannot be read is nobody's. */
export async function listLeases(
  leases: Pick<LeaseStore, "list">,
  { holder, after, limit }: ListQuery,
): Promise<readonly (Lease | DamagedLease)[]> {
  const ph = holder === null ? null : principalHash(holder);
  const found: (Lease | DamagedLease)[] = [];
  for (let last = after; found.length < limit; ) {
    const page = await leases.list({ principalHash: ph, after: last, limit });
    found.push(...page.filter((lease) => isFor(lease, holder)));
    last = page.at(-1)?.id ?? null;
    if (page.length < limit || last === null) break;
  }
  return found.slice(0, limit);
}

function isFor(lease: Lease | DamagedLease, holder: Principal | null): boolean {
  return holder === null || (!("damaged" in lease) && isHolder(lease, holder));
}

/** Leases of one principal, or of all, that could not be ended. A list of problems: short, so it is read lease by lease. */
export async function listIrrevocable(
  deps: { readonly leases: Pick<LeaseStore, "find">; readonly leaseDue: Pick<LeaseDueStore, "listIrrevocable"> },
  query: ListQuery,
): Promise<readonly (Lease | DamagedLease)[]> {
  const prefix = query.holder === null ? "" : `${principalHash(query.holder)}-`;
  const found: (Lease | DamagedLease)[] = [];
  for (let after = query.after; found.length < query.limit; ) {
    const ids = await deps.leaseDue.listIrrevocable(after, query.limit);
    const own = ids.filter((id) => id.startsWith(prefix));
    const read = await pMap(own, (id) => findReadable(deps.leases, id), { concurrency: READ_CONCURRENCY });
    // An entry may be older than its lease's end; one that cannot be read, or that nobody knew how to end, belongs here.
    for (const lease of read) {
      const belongs = lease !== null && ("damaged" in lease || lease.state === "irrevocable");
      if (belongs && isFor(lease, query.holder)) found.push(lease);
    }
    after = ids.at(-1) ?? null;
    if (ids.length < query.limit || after === null) break;
  }
  return found.slice(0, query.limit);
}

async function findReadable(leases: Pick<LeaseStore, "find">, id: string): Promise<Lease | DamagedLease | null> {
  try {
    return (await leases.find(id))?.lease ?? null;
  } catch (error) {
    if (error instanceof LatchkeyError) throw error;
    return { id, damaged: true };
  }
}

function notFound(): NotFoundError {
  return new NotFoundError("NOT_FOUND", "No lease of this id is yours to see. GET /api/leases lists them.");
}
