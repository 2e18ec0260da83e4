/** The audit trail of this process: one hash chain; records that wait are written together. Used by register and issue. */
import { UpstreamError } from "../errors.ts";
import { isRefusedContent } from "../refused-content.ts";
import { utc } from "../time.ts";
import type { AuditStore } from "./ports.ts";
import { type AuditEvent, type AuditRow, chainRow } from "./record.ts";

/** Rows of one transaction: the most that Table Storage takes. */
const MAX_BATCH = 100;
/** A record that waited this long is given up: its caller has no answer yet, and would have none in time. */
const MAX_WAIT_MS = 15_000;
/** Tries to find the end of our own chain after replies were lost, before giving up. */
const MAX_RESYNC_STEPS = 8;

/** Appends records. When `append` returns, the record is durable. */
export type AuditTrail = {
  /** @throws UpstreamError AUDIT_UNAVAILABLE: the caller must then give nothing out */
  append(event: AuditEvent): Promise<void>;
};

type Waiting = {
  readonly event: AuditEvent;
  readonly since: number;
  readonly done: () => void;
  readonly failed: (reason: unknown) => void;
};

/**
 * @param deps.writerId names this process; nobody else writes under it, so no two writers share a chain
 */
export function createAuditTrail(deps: { store: AuditStore; writerId: string; now: () => Date }): AuditTrail {
  const waiting: Waiting[] = [];
  let isWriting = false;
  let end: ChainEnd = { sequence: 0, hash: "" };
  /** Rows of which we do not know whether they were stored; all or none of them were. */
  let unsettled: readonly AuditRow[] = [];
  /** The last such rows: a request that was given up can still arrive. */
  let ghost: readonly AuditRow[] = [];

  /** Asked for and not left to a conflict: after midnight the next row lies in another partition and would meet none. */
  const settle = async (): Promise<void> => {
    const [first] = unsettled;
    if (first === undefined) return;
    if ((await deps.store.hashAt(first)) === first.hash) end = endOf(unsettled, end);
    ghost = unsettled;
    unsettled = [];
  };

  const writeBatch = async (events: readonly AuditEvent[]): Promise<void> => {
    await settle();
    for (let step = 0; step < MAX_RESYNC_STEPS; step++) {
      const rows = chain(events, end, { at: utc(deps.now()), writerId: deps.writerId });
      unsettled = rows;
      const result = await deps.store.insert(rows);
      unsettled = [];
      if (result.kind === "written") {
        end = endOf(rows, end);
        return;
      }
      // Earlier rows of ours arrived after we had looked for them: go on behind them.
      end = ghost[0]?.hash === result.hash ? endOf(ghost, end) : { sequence: end.sequence + 1, hash: result.hash };
    }
    throw unavailable("The end of the audit chain was not found.");
  };

  const writeWaiting = async (): Promise<void> => {
    isWriting = true;
    for (let batch = waiting.splice(0, MAX_BATCH); batch.length > 0; batch = waiting.splice(0, MAX_BATCH)) {
      await writeTogether(batch);
    }
    isWriting = false;
  };

  const writeTogether = async (waited: readonly Waiting[]): Promise<void> => {
    const oldest = deps.now().getTime() - MAX_WAIT_MS;
    const batch = waited.filter(({ since }) => since >= oldest);
    for (const { since, failed } of waited) if (since < oldest) failed(unavailable("The audit trail is slow."));
    if (batch.length === 0) return;
    try {
      await writeBatch(batch.map(({ event }) => event));
      for (const { done } of batch) done();
    } catch (reason) {
      // One record that the table refuses must not fail those of others.
      if (batch.length > 1 && isRefusedContent(reason)) {
        for (const one of batch) await writeTogether([one]);
      } else {
        for (const { failed } of batch) failed(reason);
      }
    }
  };

  return {
    append: (event) =>
      new Promise<void>((done, failed) => {
        waiting.push({ event, since: deps.now().getTime(), done, failed });
        if (!isWriting) void writeWaiting();
      }),
  };
}

/** The last record of a chain: the next one names its hash. */
type ChainEnd = { readonly sequence: number; readonly hash: string };

function chain(events: readonly AuditEvent[], end: ChainEnd, place: { at: string; writerId: string }): AuditRow[] {
  const rows: AuditRow[] = [];
  for (const event of events) {
    const { sequence, hash: prevHash } = endOf(rows, end);
    rows.push(chainRow(event, { ...place, sequence: sequence + 1, prevHash }));
  }
  return rows;
}

function endOf(rows: readonly AuditRow[], before: ChainEnd): ChainEnd {
  return rows.at(-1) ?? before;
}

function unavailable(what: string): UpstreamError {
  return new UpstreamError("AUDIT_UNAVAILABLE", `${what} Try again.`, { retryable: true });
}
