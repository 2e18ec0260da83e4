/** What is decided of a tag or manifest: by which rule, why, because of what. Used by decide.ts, protect.ts, plan-repository.ts. */
import type { PlanReason } from "../plan-line.ts";

/** `matched` goes, everything else stays. */
export type Verdict = {
  /** Place of the rule among the policy's rules; -1: none took it. */
  readonly rule: number;
  readonly reason: PlanReason;
  /** See PlanLine.because. */
  readonly because: string | null;
};

/** Makes verdicts; the same one is one object, so that hundreds of thousands of them take little memory. */
export type Verdicts = (rule: number, reason: PlanReason, because?: string | null) => Verdict;

/** See Verdicts. One for each repository: it grows with what the verdicts are because of. */
export function verdicts(): Verdicts {
  const made = new Map<string, Verdict>();
  return (rule, reason, because = null) => {
    const key = `${rule} ${reason} ${because ?? ""}`;
    const verdict = made.get(key) ?? { rule, reason, because };
    made.set(key, verdict);
    return verdict;
  };
}
