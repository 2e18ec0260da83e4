/** A lease: one issued credential on record, without the credential. Pure. */
import type { ResourceType } from "../connectors/ports.ts";
import { utc } from "../time.ts";
import type { Scope } from "./ports.ts";

/** Longest life of a credential whose life is chosen: a day. */
const MAX_LIFE_SECONDS = 86_400;

/**
 * States, as stored and as people see them.
 *
 * ```
 * pending ─► active ─► revoking ─► revoked      ended by somebody
 *    │          │          ├─────► expired      ended by the clock
 *    └► (gone)  └► revoked └─────► irrevocable  what it left in Azure could not be removed
 * ```
 *
 * Only forms that leave something in Azure are ever `pending`, `revoking` or `irrevocable`, and only they are stored as
 * `expired`: for the others the clock says it (see stateOf).
 */
export const LEASE_STATES = ["pending", "active", "revoking", "revoked", "expired", "irrevocable"] as const;
/** See LEASE_STATES. */
export type LeaseState = (typeof LEASE_STATES)[number];
/** What can be done about a credential that is out, or was: `delayed` = ended, but whoever checks it may not know yet. */
export const REVOCATIONS = ["immediate", "delayed", "expiry-only"] as const;
/** See REVOCATIONS. */
export type Revocation = (typeof REVOCATIONS)[number];

/** One issued credential. Times are UTC, whole seconds. */
export type Lease = {
  readonly id: string;
  readonly principalHash: string;
  readonly state: LeaseState;
  readonly connectorId: string;
  readonly resourceType: ResourceType;
  /** Canonical. */
  readonly resourceId: string;
  readonly access: readonly string[];
  readonly scope: Scope;
  readonly form: string;
  readonly principal: { readonly id: string; readonly issuer: string };
  readonly project: string | null;
  readonly domain: string | null;
  readonly reason: string | null;
  /** What allowed it. */
  readonly rule: string;
  readonly issuedAt: string;
  /** When the secret that is out now was made: at issuing or at the last renewal. */
  readonly mintedAt: string;
  /** End of the credential; null = it has none. */
  readonly expiresAt: string | null;
  /** From when on a client should ask again; null where nothing ends. */
  readonly refreshAfter: string | null;
  /** No renewal reaches beyond this. */
  readonly maxUntil: string;
  readonly revocation: Revocation;
  /** The latest moment at which any secret of the lease could still work; null = until somebody rotates it. */
  readonly exposedUntil: string | null;
  /** Names of what was made or read upstream, e.g. the version of a secret. */
  readonly upstream: Readonly<Record<string, string>>;
  /** When somebody or the clock ended it; null while nobody has looked. */
  readonly endedAt: string | null;
  /** How often removing what it left in Azure has failed. */
  readonly revokeAttempts: number;
};

/** Clients refresh after this share of the life, so that a fifth is left for retries. */
const REFRESH_SHARE = 0.8;

/** Longest life of a lease with all its renewals: a week, then policy is asked as if for the first time. */
const MAX_LEASE_SECONDS = 7 * 86_400;

/** An active lease that is past its end is expired, whatever the row says. */
export function stateOf(lease: Pick<Lease, "state" | "expiresAt" | "maxUntil">, now: Date): LeaseState {
  return lease.state === "active" && leaseEnd(lease) <= now.getTime() ? "expired" : lease.state;
}

/** When the lease ends by itself, in milliseconds since 1970: with its credential, and with its renewals at the latest. */
export function leaseEnd({ expiresAt, maxUntil }: Pick<Lease, "expiresAt" | "maxUntil">): number {
  const renewable = Date.parse(maxUntil);
  return expiresAt === null ? renewable : Math.min(Date.parse(expiresAt), renewable);
}

/** No credential outlives the connector or the grant that it came through. Whole seconds from now; at most a day. */
export function longestLifeSeconds(ends: readonly (string | null)[], now: Date): number {
  const lives = ends.filter((end) => end !== null).map((end) => Math.floor((Date.parse(end) - now.getTime()) / 1000));
  return Math.min(MAX_LIFE_SECONDS, ...lives);
}

/**
 * Whether nothing was given out that anybody could use or end, e.g. a kubeconfig without a secret: such a lease is a
 * record alone. It is over at once, so that it counts against nobody and cannot be renewed.
 */
export function isRecordAlone({
  issuedAt,
  expiresAt,
  exposedUntil,
}: Pick<Lease, "issuedAt" | "expiresAt" | "exposedUntil">): boolean {
  return expiresAt === null && exposedUntil === issuedAt;
}

/** Times of a credential issued now for `ttlSeconds`, whole seconds. */
export function leaseTimes(now: Date, ttlSeconds: number) {
  return {
    issuedAt: after(now, 0),
    expiresAt: after(now, ttlSeconds),
    refreshAfter: after(now, Math.floor(ttlSeconds * REFRESH_SHARE)),
  };
}

/** When to ask for the successor of a credential that ends at a given time. */
export function refreshTime(now: Date, expiresAt: Date): string {
  return after(now, Math.floor(((expiresAt.getTime() - now.getTime()) / 1000) * REFRESH_SHARE));
}

/** The end of all renewals of a lease that starts now. */
export function renewableUntil(now: Date, ends: readonly (string | null)[]): string {
  const latest = ends.filter((end) => end !== null).map((end) => Date.parse(end));
  return utc(new Date(Math.min(now.getTime() + MAX_LEASE_SECONDS * 1000, ...latest)));
}

function after(now: Date, seconds: number): string {
  return utc(new Date(now.getTime() + seconds * 1000));
}
