/** A lease: one issued credential on record, without the credential. Pure. */
import { utc } from "../time.ts";
import { type BlobAccess, MAX_TTL_SECONDS } from "./blob-container.ts";

/** As stored. `expired` is never stored: the clock says it (see stateOf). */
export const STORED_STATES = ["active", "revoked"] as const;
/** State of a lease as people see it. */
export type LeaseState = (typeof STORED_STATES)[number] | "expired";
/** What can be done about a credential that is out. */
export type Revocation = "immediate" | "delayed" | "expiry-only";

/** One issued credential. Times are UTC, whole seconds. */
export type Lease = {
  readonly id: string;
  readonly principalHash: string;
  readonly state: (typeof STORED_STATES)[number];
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

/** Longest life of a lease with all its renewals: a week, then policy is asked as if for the first time. */
const MAX_LEASE_SECONDS = 7 * 86_400;

/** A lease that is past its end is expired, whatever the row says. */
export function stateOf(lease: Pick<Lease, "state" | "expiresAt">, now: Date): LeaseState {
  return lease.state === "active" && Date.parse(lease.expiresAt) <= now.getTime() ? "expired" : lease.state;
}

/** No credential outlives the connector or the grant that it came through. Whole seconds from now; at most a day. */
export function longestLifeSeconds(ends: readonly (string | null)[], now: Date): number {
  const lives = ends.filter((end) => end !== null).map((end) => Math.floor((Date.parse(end) - now.getTime()) / 1000));
  return Math.min(MAX_TTL_SECONDS, ...lives);
}

/** Times of a credential issued now for `ttlSeconds`, whole seconds. */
export function leaseTimes(now: Date, ttlSeconds: number) {
  return {
    issuedAt: after(now, 0),
    expiresAt: after(now, ttlSeconds),
    refreshAfter: after(now, Math.floor(ttlSeconds * REFRESH_SHARE)),
  };
}

/** The end of all renewals of a lease that starts now. */
export function renewableUntil(now: Date, ends: readonly (string | null)[]): string {
  const latest = ends.filter((end) => end !== null).map((end) => Date.parse(end));
  return utc(new Date(Math.min(now.getTime() + MAX_LEASE_SECONDS * 1000, ...latest)));
}

function after(now: Date, seconds: number): string {
  return utc(new Date(now.getTime() + seconds * 1000));
}
