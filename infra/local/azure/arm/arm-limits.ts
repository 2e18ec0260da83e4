/** How much the local ARM answers, and in what pages: what tests set through control.ts, and the counts behind it. */
import { z } from "zod";
import { storageListsThrottled, subscriptionThrottled } from "./arm-errors.ts";

/** Source: learn.microsoft.com, "Scalability targets for the Azure Storage resource provider": 100 in 5 minutes. */
const STORAGE_LISTS = 100;
const STORAGE_WINDOW_MS = 5 * 60_000;
/** Source: learn.microsoft.com, "Understand how Azure Resource Manager throttles requests": tokens, and those a second. */
const READ_BUCKET = { size: 250, refillPerSecond: 25 };
/** Same source; deletions have a bucket of that size for themselves. */
const WRITE_BUCKET = { size: 200, refillPerSecond: 10 };
/** Items of one page where nobody asks for fewer: more than the seed has. */
const PAGE_SIZE = 1000;

/** What can be set. */
export const armSettingsSchema = z.strictObject({
  /** Items of a page of any list but containers, which have `$maxpagesize`. */
  pageSize: z.int().min(1).max(5000).default(PAGE_SIZE),
  /** Whether the last page has a `nextLink` too, to an empty one: some providers do that. */
  linkOnLastPage: z.boolean().default(false),
  /** List calls that the storage provider takes in 5 minutes, for each subscription and region. */
  storageListsPerFiveMinutes: z.int().min(0).max(1_000_000).default(STORAGE_LISTS),
  /** Whether ARM counts reads and writes of each caller and subscription. */
  generalLimits: z.boolean().default(false),
});

/** What ARM counts each for itself. */
export type RequestKind = "read" | "write" | "delete";

/** All settings. */
export type ArmSettings = z.infer<typeof armSettingsSchema>;

/** Settings and counts of one local ARM. */
export type ArmLimits = {
  settings(): ArmSettings;
  /** Replaces those that are given. */
  change(settings: Partial<ArmSettings>): void;
  /** Settings as at the start, and nothing counted yet. */
  reset(): void;
  /**
   * Counts one list call of the storage provider. A refused call counts nowhere.
   * @param locations regions whose accounts the call reads
   * @throws ArmError 429 TooManyRequests
   */
  takeStorageList(subscriptionId: string, locations: readonly string[]): void;
  /**
   * Counts a request to ARM. How many are left, or null when ARM does not count.
   * @param where a subscription, or the tenant for what stands in none
   * @throws ArmError 429 SubscriptionRequestsThrottled
   */
  takeRequest(kind: RequestKind, where: string, objectId: string): number | null;
};

export function createArmLimits(deps: { readonly now: () => Date }): ArmLimits {
  let settings = armSettingsSchema.parse({});
  /** When the calls of the last five minutes came, oldest first, by subscription and region. */
  const lists = new Map<string, number[]>();
  const buckets = new Map<string, { left: number; at: number }>();
  const now = () => deps.now().getTime();
  return {
    settings: () => settings,
    change(changed) {
      settings = { ...settings, ...changed };
    },
    reset() {
      settings = armSettingsSchema.parse({});
      lists.clear();
      buckets.clear();
    },
    takeStorageList(subscriptionId, locations) {
      const at = now();
      const keys = [...new Set(locations.map((location) => `${subscriptionId}/${location}`.toLowerCase()))];
      const recent = keys.map((key) => (lists.get(key) ?? []).filter((then) => at - then < STORAGE_WINDOW_MS));
      if (recent.some((calls) => calls.length >= settings.storageListsPerFiveMinutes)) throw storageListsThrottled();
      keys.forEach((key, index) => {
        lists.set(key, [...(recent[index] ?? []), at]);
      });
    },
    takeRequest(kind, where, objectId) {
      if (!settings.generalLimits) return null;
      const { size, refillPerSecond } = kind === "read" ? READ_BUCKET : WRITE_BUCKET;
      const key = `${kind}/${where}/${objectId}`.toLowerCase();
      const at = now();
      const bucket = buckets.get(key) ?? { left: size, at };
      const left = Math.min(size, bucket.left + ((at - bucket.at) / 1000) * refillPerSecond);
      if (left < 1) throw subscriptionThrottled(kind, where, objectId);
      buckets.set(key, { left: left - 1, at });
      return Math.floor(left - 1);
    },
  };
}
