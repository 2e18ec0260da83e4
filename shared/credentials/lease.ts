/** A lease: one issued credential on record, without the credential. Pure. */
import { utc } from "../time.ts";
import { type BlobAccess, MAX_TTL_SECONDS } from "./blob-container.ts";

/** `pending` and later states belong to forms that leave something in Azure; a SAS is `active` from the start. */
export type LeaseState = "active";
/** What can be done about a credential that is out. */
export type Revocation = "immediate" | "delayed" | "expiry-only";

/** One issued credential. Times are UTC, whole seconds. */
export type Lease = {
  readonly id: string;
  readonly principalHash: string;
  readonly state: LeaseState;
  readonly connectorId: string;
  readonly resourceType: "blob-container";
  /** Canonical ARM id. */
  readonly resourceId: string;
  readonly access: readonly BlobAccess[];
  readonly scope: Readonly<Record<string, never>>;
  readonly form: "sas";
  readonly principal: { readonly id: string; readonly issuer: string };
  readonly project: string | null;
  readonly domain: string | null;
  readonly reason: string | null;
  /** What allowed it. */
  readonly rule: string;
  readonly issuedAt: string;
  readonly expiresAt: string;
  /** From when on a client should ask again. */
  readonly refreshAfter: string;
  /** No renewal reaches beyond this. */
  readonly maxUntil: string;
  readonly revocation: Revocation;
  /** The latest moment at which any secret of the lease could still work. */
  readonly exposedUntil: string;
};

/** Clients refresh after this share of the life, so that a fifth is left for retries. */
const REFRESH_SHARE = 0.8;

/** How long a lease from now on may live at most: no credential outlives the connector that it came through. */
export function longestLifeSeconds(connectorExpiresAt: string | null, now: Date): number {
  if (connectorExpiresAt === null) return MAX_TTL_SECONDS;
  return Math.min(MAX_TTL_SECONDS, Math.floor((Date.parse(connectorExpiresAt) - now.getTime()) / 1000));
}

/** Times of a lease issued now for `ttlSeconds`, whole seconds; `maxSeconds` bounds its renewals. */
export function leaseTimes(now: Date, ttlSeconds: number, maxSeconds: number) {
  const after = (seconds: number) => utc(new Date(now.getTime() + seconds * 1000));
  return {
    issuedAt: after(0),
    expiresAt: after(ttlSeconds),
    refreshAfter: after(Math.floor(ttlSeconds * REFRESH_SHARE)),
    maxUntil: after(maxSeconds),
  };
}
