/** A slice's hold on the row of its run: it takes it, looks whether it still has it, and writes what it has done. Used by apply.ts. */
import { UpstreamError } from "../../errors.ts";
import { utc } from "../../time.ts";
import type { LinesStore, PurgeRunStore, StoredRun } from "../ports.ts";
import type { PurgeRun } from "../run.ts";
import { readSlice, resting, writeStart } from "./slice-blobs.ts";

/** Tries against whoever writes the same row at the same time (a cancel): each means one of them got through. */
const MAX_TRIES = 8;

/** Why a slice must not go on: another has taken the row, the run has ended, or another run has the registry. */
export type Halt = "superseded" | "over" | "lock-lost";
/** Thrown inside a slice that must not go on; applySlice answers it. */
export class HaltError extends Error {
  readonly halt: Halt;
  constructor(halt: Halt) {
    super(halt);
    this.name = "HaltError";
    this.halt = halt;
  }
}

/** What the row needs. */
export type SliceRowDeps = {
  readonly runs: PurgeRunStore;
  readonly lines: LinesStore;
  readonly now: () => Date;
  readonly newId: () => string;
};
/** Which run. */
export type RunPlace = { readonly loginServer: string; readonly runId: string };

/** The row, as its slice has it. Every call: @throws HaltError, UpstreamError STATE_UNAVAILABLE */
export type SliceRow = {
  readonly id: string;
  /** As it was last written here. */
  run(): PurgeRun;
  isCancelled(): boolean;
  /** The slice before this one; whether it may still be at work. */
  readonly before: { readonly id: string | null; readonly isAtWork: boolean };
  /** Makes sure that the row was this slice's at most so many milliseconds ago; 0: from this call on. */
  look(maxAge: number): Promise<void>;
  /** When the last call began that found it this slice's, milliseconds since 1970. */
  lookedAt(): number;
  /** Writes it, whatever cancel came between. */
  commit(change: (run: PurgeRun) => PurgeRun): Promise<void>;
  /** Lets go of it: nothing is under way any more. */
  rest(): Promise<void>;
};

/** Takes the row: an older slice that still runs finds it gone. @throws HaltError, UpstreamError STATE_UNAVAILABLE */
export async function takeRow(deps: SliceRowDeps, { loginServer, runId }: RunPlace): Promise<SliceRow> {
  const { runs, lines, now } = deps;
  const id = deps.newId();
  const read = async (): Promise<StoredRun> => {
    const found = await runs.get(loginServer, runId);
    if (found === null || found.run.state !== "applying") throw new HaltError("over");
    return found;
  };

  let before: string | null = null;
  let lookedAt = 0;
  const take = async (): Promise<StoredRun> => {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      lookedAt = now().getTime();
      const found = await read();
      // Ours, of which the reply was lost.
      if (found.run.slice === id) return found;
      before = found.run.slice;
      await writeStart(lines, runId, id, { previous: readSlice(before).id, groups: found.run.groups });
      const taken: PurgeRun = { ...found.run, slice: id, updatedAt: utc(now()) };
      // Not when the reply is there: another may have taken it meanwhile.
      lookedAt = now().getTime();
      const takenEtag = await runs.replace(taken, found.etag);
      if (takenEtag !== null) return { run: taken, etag: takenEtag };
      if ((await read()).etag === found.etag) throw new HaltError("lock-lost");
    }
    throw contended();
  };

  let { run, etag } = await take();
  let isCancelled = run.cancelRequested;
  let looking: Promise<void> | null = null;
  const lookNow = async () => {
    const at = now().getTime();
    const fresh = await read();
    if (readSlice(fresh.run.slice).id !== id) throw new HaltError("superseded");
    isCancelled ||= fresh.run.cancelRequested;
    lookedAt = Math.max(lookedAt, at);
  };

  const look = async (maxAge: number) => {
    // One that has begun already is too old for 0.
    if (maxAge === 0) await looking;
    if (maxAge > 0 && now().getTime() - lookedAt <= maxAge) return;
    looking ??= lookNow().finally(() => {
      looking = null;
    });
    await looking;
  };

  const commit = async (change: (run: PurgeRun) => PurgeRun) => {
    const changed = change(run);
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const at = now().getTime();
      const next = { ...changed, cancelRequested: isCancelled, updatedAt: utc(new Date(at)) };
      const written = await runs.replace(next, etag);
      if (written !== null) {
        [run, etag, lookedAt] = [next, written, Math.max(lookedAt, at)];
        return;
      }
      const fresh = await read();
      isCancelled ||= fresh.run.cancelRequested;
      if (isWritten(next, fresh.run)) {
        // Ours, of which the reply was lost.
        [run, etag] = [fresh.run, fresh.etag];
        return;
      }
      if (fresh.run.slice !== id) throw new HaltError("superseded");
      if (fresh.etag === etag) throw new HaltError("lock-lost");
      etag = fresh.etag;
    }
    throw contended();
  };

  return {
    id,
    run: () => run,
    isCancelled: () => isCancelled,
    before: readSlice(before),
    look,
    lookedAt: () => lookedAt,
    commit,
    rest: () => commit((current) => ({ ...current, slice: resting(id) })),
  };
}

/** Each commit moves one of these. */
function isWritten(next: PurgeRun, found: PurgeRun): boolean {
  return next.cursor === found.cursor && next.groups === found.groups && next.slice === found.slice;
}

function contended(): UpstreamError {
  return new UpstreamError("STATE_UNAVAILABLE", "Too many write the record of one run. Repeat the call.", {
    retryable: true,
  });
}
