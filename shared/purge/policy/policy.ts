/** A purge policy: its form, what its fields mean together, and the server's bounds on it. Used by routes, timer, plan and lint. */
import { z } from "zod";
import { InputError, type InputProblem } from "../../errors.ts";
import { nameSchema } from "../../names.ts";
import { parse } from "../../parse.ts";
import { MAX_PURGE_ITEMS } from "../../purge-registries.ts";
import { MAX_PATTERN_LENGTH } from "../pattern/parse.ts";
import { readAge } from "./age.ts";
import { crossProblems } from "./policy-fields.ts";
import { refusePatterns } from "./policy-patterns.ts";
import { readSchedule, type Schedule } from "./schedule.ts";

/** Most rules of a policy. */
export const MAX_RULES = 50;
/** Longest policy as it is stored, in UTF-16 characters of JSON; a table's text holds 32,768. */
export const MAX_SPEC_CHARACTERS = 30_000;
/** Highest `keepNewest`: more images than a repository that is read at all can have. */
export const MAX_KEEP_NEWEST = 1_000_000;
/** `limits.maxItems` of a policy that says nothing. */
const DEFAULT_MAX_ITEMS = 5_000;
/** `limits.maxSharePercent` of a policy that says nothing. */
const DEFAULT_MAX_SHARE_PERCENT = 100;

/** Schedules by name: 03:00 UTC every day, on Sunday, on the 1st; `age` is that of rules that name none. */
const PRESETS = {
  daily: { cron: "0 3 * * *", age: "1d" },
  weekly: { cron: "0 3 * * 0", age: "7d" },
  monthly: { cron: "0 3 1 * *", age: "30d" },
} as const;

const patternSchema = z.string().min(1).max(MAX_PATTERN_LENGTH);
const ageSchema = z
  .string()
  .superRefine((text, context) => {
    const age = readAge(text);
    if ("expected" in age) context.addIssue({ code: "custom", message: age.expected });
  })
  .describe("`7d`, `2d3h6m`, `P7D` or `PT36H`: at most 150 years");
const cronSchema = z
  .string()
  .superRefine((text, context) => {
    const schedule = readSchedule(text);
    if ("expected" in schedule) context.addIssue({ code: "custom", message: schedule.expected });
  })
  .describe("NCRONTAB of 5 or 6 fields, UTC, in steps of 5 minutes");

/** One rule as it is written. */
export const purgeRuleSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen"),
    action: z.enum(["keep", "delete"]),
    repositories: patternSchema.describe("pattern that matches the full name of a repository"),
    tags: patternSchema.nullable().default(null).describe("pattern that matches the full name of a tag; null: no tags"),
    untagged: z.boolean().default(false).describe("the rule also decides about manifests without a tag"),
    olderThan: ageSchema.nullable().default(null),
    keepNewest: z
      .int()
      .min(0)
      .max(MAX_KEEP_NEWEST)
      .default(0)
      .describe("images of each repository that stay all the same"),
    includeLocked: z.boolean().default(false),
  })
  .meta({ id: "PurgeRule" });
/** See purgeRuleSchema. */
export type PurgeRule = z.output<typeof purgeRuleSchema>;

/** A policy as it is written; readPurgePolicy checks what this cannot. */
export const purgePolicySchema = z
  .strictObject({
    connector: nameSchema.describe("name of the connector that may see and delete"),
    enabled: z.boolean().default(true).describe("false: never by timer"),
    schedule: z
      .union([z.strictObject({ preset: z.enum(["daily", "weekly", "monthly"]) }), z.strictObject({ cron: cronSchema })])
      .nullable()
      .default(null)
      .describe("null: never by timer"),
    rules: z
      .array(purgeRuleSchema)
      .min(1)
      .max(MAX_RULES)
      .nullable()
      .default(null)
      .describe("the first that matches decides; none: it is kept. null: all that is older than the preset's age"),
    limits: z
      .strictObject({
        maxItems: z.int().min(1).max(MAX_PURGE_ITEMS).optional(),
        maxSharePercent: z.int().min(1).max(100).optional(),
        allowLastTag: z.boolean().default(true),
      })
      .prefault({}),
    inUse: z.strictObject({ onUnreadableCluster: z.enum(["stop", "keep"]).default("stop") }).prefault({}),
  })
  .superRefine((policy, context) => {
    for (const { path, expected } of crossProblems(policy))
      context.addIssue({ code: "custom", path, message: expected });
  })
  .meta({ id: "PurgePolicy" });

/** See purgePolicySchema. */
export type PolicySpec = z.output<typeof purgePolicySchema>;
/** A policy as it is stored: as written, with all defaults. */
export type PurgePolicy = Omit<PolicySpec, "limits"> & { readonly limits: PurgeLimits };
/** How much one run may take away. */
export type PurgeLimits = {
  readonly maxItems: number;
  readonly maxSharePercent: number;
  readonly allowLastTag: boolean;
};
/** What the server's settings allow at most. */
export type PurgeBounds = Pick<PurgeLimits, "maxItems" | "maxSharePercent">;
/** Bounds that bind nothing. */
export const NO_BOUNDS: PurgeBounds = { maxItems: MAX_PURGE_ITEMS, maxSharePercent: 100 };

/** A rule as the plan applies it. */
export type EffectiveRule = Omit<PurgeRule, "olderThan"> & {
  /** Whole seconds, 1 and up; null: of any age. */
  readonly olderThanSeconds: number | null;
};

/**
 * A policy that was sent or stored. Limits that it leaves out are the defaults, or the server's bounds where these are lower.
 * @throws InputError INVALID_REQUEST (not as the schema says, too long, looser than `bounds`) PATTERN_UNSUPPORTED
 */
export function readPurgePolicy(input: unknown, bounds: PurgeBounds): PurgePolicy {
  const spec = parse(purgePolicySchema, input, "purge policy");
  refusePatterns(spec.rules ?? []);
  const policy = {
    ...spec,
    limits: {
      maxItems: spec.limits.maxItems ?? Math.min(DEFAULT_MAX_ITEMS, bounds.maxItems),
      maxSharePercent: spec.limits.maxSharePercent ?? Math.min(DEFAULT_MAX_SHARE_PERCENT, bounds.maxSharePercent),
      allowLastTag: spec.limits.allowLastTag,
    },
  };
  if (JSON.stringify(policy).length > MAX_SPEC_CHARACTERS) {
    throw invalid([
      { path: "/rules", expected: `at most ${MAX_SPEC_CHARACTERS} characters of JSON in the whole policy` },
    ]);
  }
  refuseLooser(policy, bounds);
  return policy;
}

/**
 * A policy can only be stricter than the server.
 * @throws InputError INVALID_REQUEST with the path and the bound
 */
export function refuseLooser(policy: Pick<PurgePolicy, "limits">, bounds: PurgeBounds): void {
  const problems: InputProblem[] = [];
  for (const name of ["maxItems", "maxSharePercent"] as const) {
    if (policy.limits[name] > bounds[name]) {
      problems.push({ path: `/limits/${name}`, expected: `at most ${bounds[name]}, which the server's settings say` });
    }
  }
  if (problems.length > 0) throw invalid(problems);
}

/** Limits for a run: bounds that were lowered after the policy was stored bind it too. */
export function effectiveLimits({ limits }: Pick<PurgePolicy, "limits">, bounds: PurgeBounds): PurgeLimits {
  return {
    maxItems: Math.min(limits.maxItems, bounds.maxItems),
    maxSharePercent: Math.min(limits.maxSharePercent, bounds.maxSharePercent),
    allowLastTag: limits.allowLastTag,
  };
}

/** The rules with the preset's own where none are written, and its age where a delete rule names none. */
export function effectiveRules({ rules, schedule }: Pick<PurgePolicy, "rules" | "schedule">): readonly EffectiveRule[] {
  const presetAge = schedule !== null && "preset" in schedule ? PRESETS[schedule.preset].age : null;
  return (rules ?? [PRESET_RULE]).map(({ olderThan, ...rule }) => {
    const text = olderThan ?? (rule.action === "delete" ? presetAge : null);
    return { ...rule, olderThanSeconds: text === null ? null : checkedAge(text) };
  });
}

/** When the timer starts the policy; null: never. Whether it is enabled is not looked at. */
export function scheduleOf({ schedule }: Pick<PurgePolicy, "schedule">): Schedule | null {
  if (schedule === null) return null;
  const reading = readSchedule("preset" in schedule ? PRESETS[schedule.preset].cron : schedule.cron);
  if ("expected" in reading) throw new Error("a checked policy has a schedule that cannot be read");
  return reading.schedule;
}

/** What a preset deletes by itself: every image that is old enough. */
const PRESET_RULE: PurgeRule = {
  name: "old",
  action: "delete",
  repositories: ".*",
  tags: ".*",
  untagged: true,
  olderThan: null,
  keepNewest: 0,
  includeLocked: false,
};

function checkedAge(text: string): number {
  const age = readAge(text);
  if ("expected" in age) throw new Error("a checked policy has an age that cannot be read");
  return age.seconds;
}

function invalid(problems: readonly InputProblem[]): InputError {
  const list = problems.map(({ path, expected }) => `${path}: ${expected}`).join("; ");
  return new InputError("INVALID_REQUEST", `The purge policy is not valid. Correct ${list}.`, { problems });
}
