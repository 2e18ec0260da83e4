/** Warnings about a schedule that is valid but may not be what its writer means. Used by policy-warnings.ts. */
import type { PurgePolicy } from "./policy.ts";
import { oddFields } from "./schedule.ts";

/** `CRON_RANGE_TURNED`: a range that begins behind its end; `CRON_SHORT_NAME`: a name of fewer than three letters. */
export type ScheduleWarningCode = "CRON_RANGE_TURNED" | "CRON_SHORT_NAME";
/** As a LintWarning. */
export type ScheduleWarning = {
  readonly code: ScheduleWarningCode;
  readonly rule: null;
  readonly path: string;
  readonly detail: string;
};

/** At most one of each code. A preset is never odd. */
export function scheduleWarnings({ schedule }: Pick<PurgePolicy, "schedule">): readonly ScheduleWarning[] {
  if (schedule === null || "preset" in schedule) return [];
  const { turned, short } = oddFields(schedule.cron);
  const about = (code: ScheduleWarningCode, detail: string) => ({ code, rule: null, path: "/schedule/cron", detail });
  return [
    ...(turned.length === 0
      ? []
      : [
          about(
            "CRON_RANGE_TURNED",
            `${turned.join(", ")}: a range is read from its lower end to its upper one; 22-2 is 2 to 22. For one over the end write two: 22-23,0-2.`,
          ),
        ]),
    ...(short.length === 0
      ? []
      : [
          about(
            "CRON_SHORT_NAME",
            `${short.join(", ")}: of names that begin alike the first is taken; J is January, T is Tuesday. Write three letters or more.`,
          ),
        ]),
  ];
}
