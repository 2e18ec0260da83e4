/** Policy for decisions: kept in memory for seconds, so that a decision costs no read. One per process. */
import type { z } from "zod";
import { UpstreamError } from "../errors.ts";
import { grantSchema, membershipSchema, type Policy } from "./policy.ts";
import type { PolicySource, PolicyStore } from "./ports.ts";

/** A change of policy holds everywhere after this. */
const MAX_AGE_MS = 10_000;
/** After this without a successful read nothing is decided any more: an old grant may have been taken back. */
const MAX_STALE_MS = 60_000;

/** Reads everything when what it has is too old, once at a time. */
export function createPolicySource(deps: { store: PolicyStore; now: () => Date }): PolicySource {
  let known: { policy: Policy; readAt: number } | null = null;
  let reading: Promise<Policy> | null = null;

  const read = async (): Promise<Policy> => {
    // The age counts from before the read: what is written meanwhile may or may not be in it.
    const readAt = deps.now().getTime();
    const policy = await readPolicy(deps.store);
    known = { policy, readAt };
    return policy;
  };

  /** A clock that was set back makes an age of less than nothing: then it is not known, and counts as old. */
  const isYounger = (known: { readAt: number }, ageMs: number) => {
    const age = deps.now().getTime() - known.readAt;
    return age >= 0 && age < ageMs;
  };

  return async () => {
    if (known !== null && isYounger(known, MAX_AGE_MS)) return known.policy;
    reading ??= read().finally(() => {
      reading = null;
    });
    try {
      return await reading;
    } catch (error) {
      // An outage of the table is bridged for a short while; a damaged record is not.
      // Looked at now: the read that failed has taken its time.
      if (known !== null && isYounger(known, MAX_STALE_MS) && error instanceof UpstreamError) return known.policy;
      throw error;
    }
  };
}

async function readPolicy(store: PolicyStore): Promise<Policy> {
  const [memberships, grants] = await Promise.all([store.readAll("membership"), store.readAll("grant")]);
  return { memberships: parseAll(membershipSchema, memberships), grants: parseAll(grantSchema, grants) };
}

/** A record that does not fit its schema stops all decisions: leaving out a deny would grant. */
function parseAll<S extends z.ZodType>(
  schema: S,
  records: readonly { name: string; spec: unknown }[],
): Map<string, z.output<S>> {
  return new Map(records.map(({ name, spec }) => [name, schema.parse(spec)]));
}
