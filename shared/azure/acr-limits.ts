/** What Azure Container Registry documents of itself: calls a minute. A table; used by acr-content.ts. */
import type { Registry } from "../connectors/ports.ts";
import type { CallKind } from "../purge/budget/budget.ts";

const BASIC = { read: 5_000, write: 1_000, delete: 500, referrers: 250 };
/**
 * Calls a minute that a registry takes of one identity, by tier. Source: the ACR documentation on service tiers, limits of
 * requests to the data plane (best effort, as token buckets).
 */
export const CALLS_PER_MINUTE: Readonly<Record<Registry["tier"], Readonly<Record<CallKind, number>>>> = {
  Basic: BASIC,
  Standard: BASIC,
  Premium: { read: 10_000, write: 2_000, delete: 2_000, referrers: 1_000 },
};
