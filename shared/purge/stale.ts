/** Runs that nobody drives any more: their host died, or an outage lasted longer than the retries. Called by the timer. */
import pMap from "p-map";
import type { DriveRun, PurgeRunStore } from "./ports.ts";
import type { PurgeRun } from "./run.ts";

/** A run that goes on writes its record at least this often: a slice takes four minutes at most, and a retry another. */
const STALE_SECONDS = 600;
/** Runs that are read at once. A look takes all pages: some that can never be driven must not stand before the others. */
const PAGE = 100;
/** Runs that are driven on at once: each is a question to the host, and rarely a start. */
const DRIVEN_AT_ONCE = 10;

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
  const drive = async (run: PurgeRun) => {
    try {
      await deps.driveRun(run);
      driven++;
    } catch (error) {
      deps.onFailure(error);
    }
  };
  let after: { readonly loginServer: string; readonly runId: string } | null = null;
  for (;;) {
    const page: readonly PurgeRun[] = await deps.runs.listStale(before, after, PAGE);
    await pMap(page, drive, { concurrency: DRIVEN_AT_ONCE });
    const last = page.at(-1);
    if (page.length < PAGE || last === undefined) return driven;
    after = { loginServer: last.loginServer, runId: last.id };
  }
}
