/** Runs that nobody drives any more: their host died, or an outage lasted longer than the retries. Called by the timer. */
import type { DriveRun, PurgeRunStore } from "./ports.ts";

/** A run that goes on writes its record at least this often: a slice takes four minutes at most, and a retry another. */
const STALE_SECONDS = 600;
/** Runs that one look drives on; the next look takes the rest. */
const MAX_A_LOOK = 50;

/** What driving on needs. */
export type StaleDeps = {
  readonly runs: Pick<PurgeRunStore, "listStale">;
  readonly driveRun: DriveRun;
  readonly now: () => Date;
  /** Told of each run that could not be driven. */
  readonly onFailure: (error: unknown) => void;
};

/** @returns how many were driven on. @throws UpstreamError STATE_UNAVAILABLE */
export async function driveStale(deps: StaleDeps): Promise<number> {
  const before = new Date(deps.now().getTime() - STALE_SECONDS * 1_000);
  let driven = 0;
  for (const run of await deps.runs.listStale(before, MAX_A_LOOK)) {
    try {
      await deps.driveRun(run);
      driven++;
    } catch (error) {
      deps.onFailure(error);
    }
  }
  return driven;
}
