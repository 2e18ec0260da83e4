/** All that a save warns of: the policy by itself, its schedule, what the registry has now, the server's settings. Used by manage.ts. */

import { NO_CLUSTERS_WARNING } from "../in-use/read-in-use.ts";
import type { OpenedRegistry } from "../ports.ts";
import { type KnownNamesDeps, knownNames, MAX_KNOWN } from "./known-names.ts";
import { type KnownNames, type LintWarning, lintPolicy } from "./lint.ts";
import { type ScheduleWarningCode, scheduleWarnings } from "./lint-schedule.ts";
import { effectiveRules, type PurgePolicy } from "./policy.ts";

/**
 * Something in a policy that may not mean what its writer thinks; it is saved all the same. `REPOSITORIES_UNREAD`,
 * `TOO_MANY_REPOSITORIES`: whether its patterns match anything there is was not looked at. `NO_CLUSTERS`: nothing is known to
 * be in use. `CRON_RANGE_TURNED`, `CRON_SHORT_NAME`: see scheduleWarnings.
 */
export type PolicyWarning = LintWarning | (Omit<LintWarning, "code"> & { readonly code: OtherCode });
type OtherCode = "REPOSITORIES_UNREAD" | "TOO_MANY_REPOSITORIES" | "NO_CLUSTERS" | ScheduleWarningCode;

/** What warning needs. */
export type WarningDeps = KnownNamesDeps & {
  /** Whether the server's settings name any cluster for a registry. */
  readonly hasClusters: (loginServer: string) => boolean;
};

/** Never throws: a registry that cannot be listed now is a warning too. */
export async function allWarnings(
  deps: WarningDeps,
  policy: PurgePolicy,
  opened: OpenedRegistry,
): Promise<readonly PolicyWarning[]> {
  const { loginServer } = opened.registry;
  const patterns = effectiveRules(policy).flatMap(({ tags, repositories }) => (tags === null ? [] : [repositories]));
  const listed = await knownNames(deps, opened, patterns);
  if (listed !== "unread" && listed !== "too-many") return ownWarnings(deps, policy, loginServer, listed);
  const { code, detail } = UNKNOWN[listed];
  return [...ownWarnings(deps, policy, loginServer), { code, detail, rule: null, path: "/rules" }];
}

/** Those for which nobody is asked. */
export function ownWarnings(
  { hasClusters }: Pick<WarningDeps, "hasClusters">,
  policy: PurgePolicy,
  loginServer: string,
  known: KnownNames = { repositories: null, tags: null },
): readonly PolicyWarning[] {
  const warnings = [...lintPolicy(policy, known), ...scheduleWarnings(policy)];
  if (hasClusters(loginServer)) return warnings;
  return [...warnings, { code: "NO_CLUSTERS", rule: null, path: "/inUse", detail: NO_CLUSTERS_WARNING }];
}

const UNKNOWN = {
  unread: {
    code: "REPOSITORIES_UNREAD",
    detail: "The registry could not be listed now, so that nobody looked whether the patterns match anything.",
  },
  "too-many": {
    code: "TOO_MANY_REPOSITORIES",
    detail: `The registry has more than ${MAX_KNOWN} repositories: whether the patterns match anything was not looked at.`,
  },
} as const;
