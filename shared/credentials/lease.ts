/** A lease: one issued credential on record, without the credential. Pure. */
import type { BlobAccess } from "./blob-container.ts";

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

/** Times of a lease issued now for `ttlSeconds`, whole seconds; `maxSeconds` bounds its renewals. */
export function leaseTimes(now: Date, ttlSeconds: number, maxSeconds: number) {
  const issuedAt = Math.floor(now.getTime() / 1000);
  return {
    issuedAt: utc(issuedAt),
    expiresAt: utc(issuedAt + ttlSeconds),
    refreshAfter: utc(issuedAt + Math.floor(ttlSeconds * REFRESH_SHARE)),
    maxUntil: utc(issuedAt + maxSeconds),
  };
}

function utc(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace(".000Z", "Z");
}
