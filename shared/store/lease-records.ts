/** Leases in the table `Leases`. Implements LeaseStore of the credentials. */
import { z } from "zod";
import type { LeasesThrough } from "../connectors/ports.ts";
import { RESOURCE_TYPES } from "../connectors/resource-type.ts";
import { LEASE_STATES, type Lease, leaseEnd, REVOCATIONS } from "../credentials/lease.ts";
import type { DamagedLease, LeaseStore, ListLivingSas } from "../credentials/ports.ts";
import { FORMS, RIGHTS } from "../credentials/request.ts";
import { hash } from "../ids.ts";
import { scopeSchema } from "../scope.ts";
import { utc } from "../time.ts";
import { jsonText } from "./columns.ts";
import { LEDGER_KEY } from "./lease-ledger.ts";
import { createLeaseWriter, type LeaseEntry, type LeaseWriterDeps } from "./lease-writer.ts";
import type { Condition, Row, StoredRow, Table } from "./tables.ts";

/** A row as we wrote it: anything else is a damaged record, and must not be used. */
const rowSchema = z.object({
  partitionKey: z.string(),
  rowKey: z.string(),
  state: z.enum(LEASE_STATES),
  connectorId: z.string(),
  resourceType: z.enum(RESOURCE_TYPES),
  resourceId: z.string(),
  accessJson: jsonText(z.array(z.enum(RIGHTS))),
  scopeJson: jsonText(scopeSchema),
  form: z.enum(FORMS),
  principalJson: jsonText(z.strictObject({ id: z.string(), issuer: z.string() })),
  project: z.string().nullish(),
  domain: z.string().nullish(),
  reason: z.string().nullish(),
  rule: z.string(),
  issuedAt: z.string(),
  // Rows of before it was kept have none.
  mintedAt: z.string().nullish(),
  expiresAt: z.string().nullish(),
  refreshAfter: z.string().nullish(),
  maxUntil: z.string(),
  revocation: z.enum(REVOCATIONS),
  exposedUntil: z.string().nullish(),
  upstreamJson: jsonText(z.record(z.string(), z.string())).nullish(),
  endedAt: z.string().nullish(),
  revokeAttempts: z.int(),
});
type Parsed = z.output<typeof rowSchema>;
/** Partitions are hex digits. */
const ALL = { from: "0", to: "g" };
/** Row keys begin with the partition's digits; the ledger comes after all of them. */
const END = LEDGER_KEY;
/** Rows read to find an active one: a page of Table Storage. More that are over are taken for active. */
const PAGE = 1_000;

/**
 * @param deps.table opened with STATE_UNAVAILABLE
 * @param deps.maxActive active leases that one principal may hold
 */
export function createLeaseStore(deps: LeaseWriterDeps & { readonly table: Table }): LeaseStore {
  const { table } = deps;
  const writer = createLeaseWriter(deps);
  return {
    checkRoom: writer.checkRoom,
    insert: (lease) => writer.insert({ ...entryOf(lease), endsAt: secondsOf(lease) }),
    async find(leaseId) {
      const row = await table.get(partitionOf(leaseId), leaseId);
      return row === null ? null : { lease: fromRow(row), etag: row.etag };
    },
    replace: (lease, etag) => writer.replace(entryOf(lease), etag),
    async list({ principalHash, after, limit }) {
      if (principalHash !== null) {
        const rows = await table.range({ partitionKey: principalHash, after: after ?? "", before: END, limit });
        return rows.map(readable);
      }
      const place = after === null ? null : { partitionKey: partitionOf(after), rowKey: after };
      return (await table.scan({ ...ALL, after: place, where: [["RowKey", "lt", END]], limit })).map(readable);
    },
    remove: (lease) => writer.remove(entryOf(lease)),
  };
}

/** @param deps.table opened with STATE_UNAVAILABLE */
export function createLivingSas(deps: { readonly table: Table; readonly now: () => Date }): ListLivingSas {
  return async (after, limit) => {
    const rows = await deps.table.scan({
      ...ALL,
      after: after === null ? null : { partitionKey: partitionOf(after), rowKey: after },
      where: [
        ["RowKey", "lt", END],
        ["form", "eq", "sas"],
        ["exposedUntil", "ge", utc(deps.now())],
      ],
      limit,
    });
    return rows.map((row) => ({ found: readable(row), etag: row.etag }));
  };
}

/** What would become of leases if a connector went. @param deps.table opened with STATE_UNAVAILABLE */
export function createLeasesThrough(deps: { readonly table: Table; readonly now: () => Date }): LeasesThrough {
  return async (connectorId) => {
    const through = [["connectorId", "eq", connectorId] as const, ["RowKey", "lt", END] as const];
    const asked = { ...ALL, after: null, limit: 1, select: ["state"] };
    const isAny = async (wheres: readonly (readonly Condition[])[]) => {
      const pages = await Promise.all(
        wheres.map((where) => deps.table.scan({ ...asked, where: [...through, ...where] })),
      );
      return pages.some((rows) => rows.length > 0);
    };
    const leaving = (["immediate", "delayed"] as const).flatMap((revocation) =>
      (["pending", "active", "revoking"] as const).map((state): readonly Condition[] => [
        ["revocation", "eq", revocation],
        ["state", "eq", state],
      ]),
    );
    if (await isAny(leaving)) return "leaving";
    const living = [["state", "eq", "active"] as const, ["maxUntil", "ge", utc(deps.now())] as const];
    const columns = { limit: PAGE, select: ["state", "expiresAt", "maxUntil"] };
    const active = await deps.table.scan({ ...asked, ...columns, where: [...through, ...living] });
    const isOver = ({ expiresAt }: StoredRow) => typeof expiresAt === "string" && expiresAt < utc(deps.now());
    if (active.length === PAGE || active.some((row) => !isOver(row))) return "active";
    return (await isAny([[["state", "eq", "irrevocable"]]])) ? "active" : "none";
  };
}

/** What counts it: the random part of its id, until it ends. */
function entryOf(lease: Lease): LeaseEntry {
  return {
    row: toRow(lease),
    key: lease.id.slice(lease.principalHash.length + 1),
    endsAt: lease.state === "active" || lease.state === "pending" ? secondsOf(lease) : null,
  };
}

/** It counts for as long as a secret of it may work: renewing to a shorter life makes no room. */
function secondsOf(lease: Lease): number {
  const exposed = lease.exposedUntil === null ? 0 : Date.parse(lease.exposedUntil);
  return Math.max(leaseEnd(lease), exposed) / 1000;
}

/** A lease id begins with the hash of its principal. */
function partitionOf(leaseId: string): string {
  return leaseId.split("-", 1)[0] ?? "";
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
    mintedAt: lease.mintedAt,
    expiresAt: lease.expiresAt ?? undefined,
    refreshAfter: lease.refreshAfter ?? undefined,
    maxUntil: lease.maxUntil,
    revocation: lease.revocation,
    exposedUntil: lease.exposedUntil ?? undefined,
    upstreamJson: Object.keys(lease.upstream).length === 0 ? undefined : JSON.stringify(lease.upstream),
    endedAt: lease.endedAt ?? undefined,
    revokeAttempts: lease.revokeAttempts,
  };
}

/** @throws ZodError for a damaged row */
function fromRow(stored: StoredRow): Lease {
  return toLease(rowSchema.parse(stored));
}

/** For lists: one damaged row must not hide all others. */
function readable(stored: StoredRow): Lease | DamagedLease {
  const row = rowSchema.safeParse(stored);
  return row.success ? toLease(row.data) : { id: stored.rowKey ?? "", damaged: true };
}

function toLease({ partitionKey, rowKey, accessJson, scopeJson, principalJson, upstreamJson, ...row }: Parsed): Lease {
  return {
    ...row,
    id: rowKey,
    principalHash: partitionKey,
    access: accessJson,
    scope: scopeJson,
    principal: principalJson,
    mintedAt: row.mintedAt ?? row.issuedAt,
    project: row.project ?? null,
    domain: row.domain ?? null,
    reason: row.reason ?? null,
    expiresAt: row.expiresAt ?? null,
    refreshAfter: row.refreshAfter ?? null,
    exposedUntil: row.exposedUntil ?? null,
    upstream: upstreamJson ?? {},
    endedAt: row.endedAt ?? null,
  };
}
