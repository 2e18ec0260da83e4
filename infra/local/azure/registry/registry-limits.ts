/** How many requests a registry takes, in the service's categories, and a count of those that came. Used by container-registry.ts and registry-control-routes.ts. */
import { z } from "zod";
import { tooManyRequests } from "./registry-errors.ts";

/** What the service counts each for itself. Source: learn.microsoft.com, "Azure Container Registry service tiers", request limits. */
const CATEGORIES = ["read", "write", "delete", "listReferrers", "oauth"] as const;
/** One of them. */
export type Category = (typeof CATEGORIES)[number];
const MS_A_MINUTE = 60_000;
const MAX_REQUESTS = 1_000_000_000;

/** A bucket of tokens; without a capacity it holds those of a minute. The service does not publish its capacities. */
const bucket = z.strictObject({
  perMinute: z.number().positive().max(MAX_REQUESTS),
  capacity: z.int().min(1).max(MAX_REQUESTS).optional(),
});
type Bucket = z.infer<typeof bucket>;
const buckets = z.strictObject({
  read: bucket.optional(),
  write: bucket.optional(),
  delete: bucket.optional(),
  listReferrers: bucket.optional(),
  oauth: bucket.optional(),
});
type Buckets = z.infer<typeof buckets>;

/** Limits of each registry, and of each identity there. What has none is not limited; `oauth` has no identity. */
const ownLimits = z.strictObject({
  registry: buckets.default({}),
  identity: buckets.omit({ oauth: true }).default({}),
});
/** None, those of a tier, or others. */
export const limitsSchema = z.union([z.null(), z.enum(["Basic", "Standard", "Premium"]), ownLimits]);
/** What a refusal says of the time to wait: when there is a token again, nothing, or the next full minute. */
export const retryAfterSchema = z.enum(["dynamic", "none", "nextMinute"]);

/** Requests a minute. Source: see above. */
const SMALL = {
  registry: perMinute({ read: 10_000, write: 2_000, delete: 1_000, listReferrers: 500, oauth: 10_000 }),
  identity: perMinute({ read: 5_000, write: 1_000, delete: 500, listReferrers: 250 }),
};
const PREMIUM = {
  registry: perMinute({ read: 20_000, write: 4_000, delete: 4_000, listReferrers: 2_000, oauth: 20_000 }),
  identity: perMinute({ read: 10_000, write: 2_000, delete: 2_000, listReferrers: 1_000 }),
};
const TIERS = { Basic: SMALL, Standard: SMALL, Premium: PREMIUM };

/** @param path without its query */
export function categoryOf(method: string, path: string): Category {
  if (path.startsWith("/oauth2/")) return "oauth";
  if (method === "DELETE") return "delete";
  if (method !== "GET" && method !== "HEAD") return "write";
  return /^\/v2\/.+\/referrers\/[^/]+$/.test(path) ? "listReferrers" : "read";
}

/** The buckets of all registries of one local Azure. */
export type RequestLimits = {
  /**
   * Takes a token of the registry and one of the identity, or none at all.
   * @param identity undefined where it is not known or not counted
   * @throws RegistryError 429
   */
  take(host: string, category: Category, identity: string | undefined): void;
};

export function createRequestLimits(deps: {
  readonly now: () => Date;
  readonly settings: () => {
    readonly limits: z.infer<typeof limitsSchema>;
    readonly retryAfter: z.infer<typeof retryAfterSchema>;
  };
}): RequestLimits {
  const states = new Map<string, { tokens: number; at: number }>();
  let counted: unknown;
  return {
    take(host, category, identity) {
      const { limits, retryAfter } = deps.settings();
      if (counted !== limits) states.clear();
      counted = limits;
      if (limits === null) return;
      const { registry, identity: each }: { registry: Buckets; identity: Buckets } =
        typeof limits === "string" ? TIERS[limits] : limits;
      const at = deps.now().getTime();
      const taken = [
        { key: `${host} ${category}`, bucket: registry[category] },
        ...(identity === undefined ? [] : [{ key: `${host} ${category} ${identity}`, bucket: each[category] }]),
      ].flatMap(({ key, bucket: rule }) =>
        rule === undefined ? [] : [{ key, rule, tokens: tokensAt(at, rule, states.get(key)) }],
      );
      const waits = taken.filter(({ tokens }) => tokens < 1).map(({ rule, tokens }) => msUntilToken(rule, tokens));
      for (const { key, tokens } of taken) states.set(key, { tokens: waits.length > 0 ? tokens : tokens - 1, at });
      if (waits.length === 0) return;
      const ms = retryAfter === "nextMinute" ? MS_A_MINUTE - (at % MS_A_MINUTE) : Math.max(...waits);
      throw tooManyRequests(retryAfter === "none" ? undefined : Math.max(1, Math.ceil(ms / 1000)));
    },
  };
}

/** Requests that were answered, refusals too, by category and status. */
export type RequestCounts = {
  add(host: string, category: Category, status: number): void;
  list(): {
    readonly total: number;
    readonly items: readonly { loginServer: string; category: Category; status: number; count: number }[];
  };
  clear(): void;
};

export function createRequestCounts(): RequestCounts {
  const counts = new Map<string, { loginServer: string; category: Category; status: number; count: number }>();
  return {
    add(loginServer, category, status) {
      const key = `${loginServer} ${category} ${status}`;
      const known = counts.get(key) ?? { loginServer, category, status, count: 0 };
      known.count += 1;
      counts.set(key, known);
    },
    list: () => ({
      total: [...counts.values()].reduce((total, { count }) => total + count, 0),
      items: [...counts.values()].map((item) => ({ ...item })),
    }),
    clear: () => counts.clear(),
  };
}

function capacityOf({ perMinute: rate, capacity }: Bucket): number {
  return capacity ?? Math.max(1, rate);
}

function tokensAt(at: number, rule: Bucket, state: { tokens: number; at: number } | undefined): number {
  if (state === undefined) return capacityOf(rule);
  const came = (Math.max(0, at - state.at) * rule.perMinute) / MS_A_MINUTE;
  return Math.min(capacityOf(rule), state.tokens + came);
}

function msUntilToken(rule: Bucket, tokens: number): number {
  return ((1 - tokens) * MS_A_MINUTE) / rule.perMinute;
}

function perMinute(rates: Partial<Record<Category, number>>): Buckets {
  return Object.fromEntries(Object.entries(rates).map(([category, rate]) => [category, { perMinute: rate }]));
}
