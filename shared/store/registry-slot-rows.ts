/** Rows of the table `RegistryTokens`: tokens (`t~`), leases (`l~`) and scope maps (`m~`) of one registry each. Used by registry-slots.ts. */
import { z } from "zod";
import {
  type LockedToken,
  PASSWORDS,
  type PasswordName,
  type Slot,
  type SlotOwner,
} from "../credentials/docker-login-ports.ts";
import { hash } from "../ids.ts";
import type { Change, Row, StoredRow } from "./tables.ts";

/** Digits of a token's name that tell it from others for the same: nobody else's lease has the same. */
const NAME_DIGITS = 12;

const slotsSchema = z.array(z.strictObject({ token: z.string(), password: z.enum(PASSWORDS) }));
const renewalSchema = z.strictObject({
  id: z.string(),
  from: z.strictObject({ token: z.string(), password: z.enum(PASSWORDS) }),
  until: z.string(),
});
const leaseRowSchema = z.object({
  etag: z.string(),
  slots: z.string(),
  made: z.number(),
  closed: z.boolean(),
  renewal: z.string().nullable().default(null),
});
const tokenRowSchema = z.object({
  etag: z.string(),
  token: z.string(),
  state: z.enum(["making", "ready", "broken", "ending"]),
  scopeMap: z.string(),
  password1: z.string().nullable().default(null),
  password2: z.string().nullable().default(null),
  /** Names, with commas. */
  used: z
    .string()
    .default("")
    .transform((text): readonly PasswordName[] => PASSWORDS.filter((name) => text.split(",").includes(name))),
  /** Who works on it, and until when nobody else may. */
  lock: z.string().nullable().default(null),
  lockedUntil: z.string().nullable().default(null),
  /** The password that is being made or removed. */
  lockedFor: z.enum(PASSWORDS).nullable().default(null),
});
const mapRowSchema = z.object({ etag: z.string(), scopeMap: z.string() });

/** A token with its lock. */
export type TokenOnRecord = z.output<typeof tokenRowSchema>;
/** What a lease holds; no ETag = it is not on record. `made`: tokens made for it. */
export type SlotsOfLease = {
  readonly etag: string | null;
  readonly slots: readonly Slot[];
  readonly made: number;
  /** It gets no more. */
  readonly closed: boolean;
  /** The last one, and from which login it started. Others may start from that after `until`. */
  readonly renewal: z.output<typeof renewalSchema> | null;
};

/** A token's row. @throws ZodError for a row that is none of ours, as the other two */
export function readTokenRow(row: StoredRow): TokenOnRecord {
  return tokenRowSchema.parse(row);
}
/** The row of the scope map that new tokens for the same get. */
export function readMapRow(row: StoredRow) {
  return mapRowSchema.parse(row);
}
/** A lease's row. */
export function readLeaseRow(row: StoredRow): SlotsOfLease & { readonly etag: string } {
  const { slots, renewal, ...lease } = leaseRowSchema.parse(row);
  return {
    ...lease,
    slots: slotsSchema.parse(JSON.parse(slots)),
    renewal: renewal === null ? null : renewalSchema.parse(JSON.parse(renewal)),
  };
}

/** One partition per registry: a claim is one transaction. */
export function partitionOf(registryId: string): string {
  return hash(registryId);
}
/** A name that no token has had: of the lease and of how many it has had made. */
export function newTokenName(content: string, leaseId: string, made: number): string {
  return `${content}-${hash(`${leaseId} ${made}`).slice(0, NAME_DIGITS)}`;
}
/** RowKey of a token. Its name is a part, so that tokens for the same stand together. */
export function tokenKey(token: string): string {
  return `t~${token}`;
}
/** RowKey of a lease. */
export function leaseKey(leaseId: string): string {
  return `l~${leaseId}`;
}
/** RowKey of the scope map that new tokens for the same get. */
export function mapKey(content: string): string {
  return `m~${content}`;
}
/** The beginning that a token's name shares with all for the same. */
export function contentOf(token: string): string {
  return token.slice(0, -NAME_DIGITS - 1);
}

/** As whoever holds the lock sees it. */
export function lockedToken(row: TokenOnRecord): LockedToken {
  const { token, state, scopeMap, password1, password2, used, etag } = row;
  return { token, state, scopeMap, holders: { password1, password2 }, used, etag };
}

/** What is null is an absent column. */
export function tokenRow(registryId: string, row: Omit<TokenOnRecord, "etag">): Row {
  const { token, state, scopeMap, password1, password2, used, lock, lockedUntil, lockedFor } = row;
  return {
    partitionKey: partitionOf(registryId),
    rowKey: tokenKey(token),
    token,
    state,
    scopeMap,
    password1: password1 ?? undefined,
    password2: password2 ?? undefined,
    used: used.length === 0 ? undefined : used.join(","),
    lock: lock ?? undefined,
    lockedUntil: lockedUntil ?? undefined,
    lockedFor: lockedFor ?? undefined,
  };
}

/** A lease with what it holds. */
export function leaseRow(owner: SlotOwner, lease: Omit<SlotsOfLease, "etag">): Row {
  return {
    partitionKey: partitionOf(owner.registryId),
    rowKey: leaseKey(owner.leaseId),
    slots: JSON.stringify(lease.slots),
    made: lease.made,
    closed: lease.closed,
    renewal: lease.renewal === null ? undefined : JSON.stringify(lease.renewal),
  };
}

/** A lease that holds other passwords from now on; a new one where it was not on record. */
export function leaseChange(owner: SlotOwner, lease: SlotsOfLease, slots: readonly Slot[]): Change {
  const row = leaseRow(owner, { ...lease, slots });
  return lease.etag === null ? { kind: "insert", row } : { kind: "replace", row, etag: lease.etag };
}

/** Written by everybody who adds or drops a token, so that whoever believes to be alone is told. */
export function mapChange(
  registryId: string,
  content: string,
  { scopeMap, etag }: { scopeMap: string; etag: string | null },
): Change {
  const row = { partitionKey: partitionOf(registryId), rowKey: mapKey(content), scopeMap };
  return etag === null ? { kind: "insert", row } : { kind: "replace", row, etag };
}
