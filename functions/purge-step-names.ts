/** Names of the durable functions of a purge. Used by purge-orchestration.ts and purge-steps.ts. */

/** Name of the orchestration. */
export const ORCHESTRATION = "purge-orchestration";
/** Names of its steps. */
export const STEPS = {
  prepare: "purge-steps-prepare",
  plan: "purge-steps-plan",
  settle: "purge-steps-settle",
  apply: "purge-steps-apply",
  end: "purge-steps-end",
} as const;
