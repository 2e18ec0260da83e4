/** One line of a plan and of a report: what becomes of an image or of some of its tags, and why. JSON Lines in blobs. */
import { z } from "zod";

/** `delete`: the manifest with all its tags, by digest. `untag`: these tags alone. `keep`: nothing. */
export const PLAN_ACTIONS = ["delete", "untag", "keep"] as const;

/**
 * Why. `matched`: a rule deletes it. Everything else keeps it: no rule took it (`no-rule`), a keep rule did (`keep-rule`),
 * it is too young (`young`) or among the newest (`newest`), locked (`locked`), used by a cluster (`in-use`), part of
 * something kept (`needed`: a child of a kept index, the subject of a kept referrer), refers to something kept
 * (`refers`), the last tag of its repository (`last-tag`), of an unknown time (`unknown-time`), or could not be read
 * (`unreadable`).
 */
export const PLAN_REASONS = [
  "matched",
  "no-rule",
  "keep-rule",
  "young",
  "newest",
  "locked",
  "in-use",
  "needed",
  "refers",
  "last-tag",
  "unknown-time",
  "unreadable",
] as const;

/** What the plan saw of a manifest or tag; what differs when it is its turn is kept. */
const seenSchema = z.strictObject({
  /** Milliseconds since 1970. */
  manifestUpdatedAt: z.number(),
  isLocked: z.boolean(),
  /** All tags of the manifest: name, time of its last change, locked. */
  tags: z.array(z.tuple([z.string(), z.number(), z.boolean()])),
});

/** A line of a plan. */
export const planLineSchema = z.strictObject({
  repository: z.string(),
  digest: z.string(),
  /** All tags for `delete` and an image that is kept whole; else those that this line is about. */
  tags: z.array(z.string()),
  action: z.enum(PLAN_ACTIONS),
  /** The rules that decided, in the order of the policy; empty where none did. */
  rules: z.array(z.string()),
  reason: z.enum(PLAN_REASONS),
  /** For `needed`, `refers`: of which digest; for `in-use`: by which cluster. */
  because: z.string().nullable(),
  mediaType: z.string().nullable(),
  /** ISO 8601, UTC; null when unknown. */
  updatedAt: z.string().nullable(),
  sizeBytes: z.number().nullable(),
  /** Bytes that deleting it frees: parts that nothing kept shares, counted at the first line that frees them. 0 unless `delete`. */
  freedBytes: z.number(),
  /** `freedBytes` is the listing's size, because the body was not read. */
  isEstimate: z.boolean(),
  /** Digests that must be gone before this one may go: indexes that hold it, the subject that it refers to. */
  after: z.array(z.string()),
  /** Only in lines that change something. */
  seen: seenSchema.nullable(),
});
/** See planLineSchema. */
export type PlanLine = z.output<typeof planLineSchema>;
/** See PLAN_REASONS. */
export type PlanReason = PlanLine["reason"];

/** A repository of which nothing is known: all of it is kept. A line of a plan as well. */
export const unreadRepositorySchema = z.strictObject({
  repository: z.string(),
  /** A code of shared/errors.ts, TOO_LARGE, or HIDDEN_ITEMS: it holds more than its lists show. */
  unread: z.string(),
});
/** See unreadRepositorySchema. */
export type UnreadRepository = z.output<typeof unreadRepositorySchema>;

/**
 * What became of a line. `deleted`, `untagged`: it is gone by this run's hand. `changed`: it was not as planned any more
 * and was kept. `protected`: what must go before it is still there, or something came to need or use it. `gone`: another had
 * removed it. `failed`: the registry refused it, with a code. `skipped`: the run ended before its turn.
 */
export const OUTCOMES = ["deleted", "untagged", "changed", "protected", "gone", "failed", "skipped"] as const;

/** A line of a report: only lines that were to change something. */
export const reportLineSchema = planLineSchema.omit({ seen: true, after: true }).extend({
  outcome: z.enum(OUTCOMES),
  /** For `failed`: the registry's answer, `<status> <code>`. */
  failure: z.string().nullable(),
  at: z.string(),
});
/** See reportLineSchema. */
export type ReportLine = z.output<typeof reportLineSchema>;
