/** The audit trail of this process: one hash chain, written one record at a time. Used by register and issue. */
import { UpstreamError } from "../errors.ts";
import type { AuditStore } from "./ports.ts";
import { type AuditEvent, type AuditRow, chainRow } from "./record.ts";

/** Tries to find the end of our own chain after replies were lost, before giving up. */
const MAX_RESYNC_STEPS = 8;

/** Appends records. When `append` returns, the record is durable. */
export type AuditTrail = {
  /** @throws UpstreamError AUDIT_UNAVAILABLE: the caller must then give nothing out */
  append(event: AuditEvent): Promise<void>;
};

/**
 * @param deps.writerId names this process; nobody else writes under it, so no two writers share a chain
 */
export function createAuditTrail(deps: { store: AuditStore; writerId: string; now: () => Date }): AuditTrail {
  let sequence = 0;
  let prevHash = "";
  /** A row of which we do not know whether it was stored. */
  let unsettled: AuditRow | null = null;
  let tail: Promise<void> = Promise.resolve();

  /** Asked for and not left to a conflict: after midnight the next row lies in another partition and would meet none. */
  const settle = async (row: AuditRow): Promise<void> => {
    const hash = await deps.store.hashAt(row);
    if (hash !== null) {
      sequence = row.sequence;
      prevHash = hash;
    }
    unsettled = null;
  };

  const write = async (event: AuditEvent): Promise<void> => {
    if (unsettled !== null) await settle(unsettled);
    for (let step = 0; step < MAX_RESYNC_STEPS; step++) {
      const at = deps.now().toISOString();
      const row = chainRow(event, { at, writerId: deps.writerId, sequence: sequence + 1, prevHash });
      unsettled = row;
      const result = await deps.store.insert(row);
      unsettled = null;
      sequence += 1;
      if (result.kind === "written") {
        prevHash = row.hash;
        return;
      }
      // An earlier record of ours was stored although its reply never came: go on behind it.
      prevHash = result.hash;
    }
    throw new UpstreamError("AUDIT_UNAVAILABLE", "The end of the audit chain was not found. Try again.", {
      retryable: true,
    });
  };

  return {
    append(event) {
      // One at a time: a record's hash needs the one before it. A failed record does not stop the next.
      const done = tail.then(() => write(event));
      tail = done.catch(() => undefined);
      return done;
    },
  };
}
