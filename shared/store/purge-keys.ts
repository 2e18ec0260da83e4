/** Keys of the tables `PurgePolicies` and `PurgeRuns`. Used by their records. A key that is none of ours is a defect, never a row. */
import { RUN_ID } from "../ids.ts";

/** Partitions are host names of registries in lower case: these characters stand before and behind all of them. */
export const ALL_REGISTRIES = { from: "0", to: "{" } as const;
/** Names, and what stands in a key before a `~`. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Longer than any registry's: 63 characters of a label and its suffix. */
const HOST = /^[a-z0-9][a-z0-9.-]{1,127}$/;
/** A time with whole seconds; fractions are cut off. */
const SLOT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):\d\d(?:\.\d+)?Z$/;

/** Row keys of runs; behind a digit comes `:`. */
export const RUNS = { after: "r~", before: "r~:" } as const;
/** Row key of the lock of a registry. */
export const LOCK_KEY = "lock";

/** One partition per registry: a run and its lock are one transaction. @throws RangeError for what is no host in lower case */
export function partitionOf(loginServer: string): string {
  return checked(loginServer, HOST, "the host of a registry");
}
/** Row key of a policy. @throws RangeError for what is no name */
export function policyKey(policy: string): string {
  return checked(policy, NAME, "the name of a policy");
}
/** Row key of a run. @throws RangeError for what is no run id */
export function runKey(runId: string): string {
  return `${RUNS.after}${checked(runId, RUN_ID, "a run id")}`;
}
/** Row key of a slot, by the minute: `s~<policy>~<yyyyMMddTHHmmZ>`. @throws RangeError for what is no name or time */
export function slotKey(policy: string, slot: string): string {
  const [, year, month, day, hour, minute] = SLOT.exec(slot) ?? [];
  if (minute === undefined) throw new RangeError("This is not a slot.");
  return `s~${policyKey(policy)}~${year}${month}${day}T${hour}${minute}Z`;
}

function checked(text: string, form: RegExp, what: string): string {
  if (!form.test(text)) throw new RangeError(`This is not ${what}.`);
  return text;
}
