/** Plans the repositories of one batch, one after the other, until its time is over. Used by the plan step. */
import { z } from "zod";
import { LatchkeyError, NotFoundError, type UpstreamCode } from "../../errors.ts";
import type { PlanLine, UnreadRepository } from "../plan-line.ts";
import type { LinesStore } from "../ports.ts";
import { noCounts, type RunCounts } from "../run.ts";
import { type GatherDeps, type Gathered, type GatherInput, gather } from "./gather.ts";
import { addCounts } from "./plan-counts.ts";

/** What it needs from outside. */
export type PlanBatchDeps = GatherDeps & {
  readonly lines: LinesStore;
  /** Told of each repository that could not be read, for the log. */
  readonly onUnread: (repository: string, error: unknown) => void;
  /** Whether the run is to stop, asked before each repository behind the first. @throws UpstreamError STATE_UNAVAILABLE */
  readonly isCancelled: () => Promise<boolean>;
};
/** One slice of a batch. */
export type PlanBatchInput = Omit<GatherInput, "repository" | "asked"> & {
  readonly repositories: readonly string[];
  /** Place of the first that is not planned yet. */
  readonly from: number;
  /** Blob for the lines of this slice; written again when the slice is made again. */
  readonly part: string;
  /** Blob for what is half done of a repository that takes more than one slice. */
  readonly unfinished: string;
};
/** What became of it. */
export type PlannedBatch = {
  /** Where the next slice goes on; null: the batch is done. */
  readonly next: number | null;
  /** Of the lines of this slice. */
  readonly counts: RunCounts;
};

/** What a repository is said to be that a whole step was not enough to list. */
const TOO_SLOW: UpstreamCode = "UPSTREAM_TIMEOUT";

/** A line of `unfinished`. */
const answerSchema = z.strictObject({ repository: z.string(), digest: z.string(), referrers: z.array(z.string()) });

/**
 * Writes the lines of whole repositories. One that fails is a line of its own, and the others go on; so is one that the time
 * of a whole step was not enough for. One whose time ends because others took theirs is the first of the next slice.
 * @throws UpstreamError STATE_UNAVAILABLE
 */
export async function planBatch(deps: PlanBatchDeps, input: PlanBatchInput): Promise<PlannedBatch> {
  let counts = noCounts();
  let next: number | null = null;
  async function* lines(): AsyncGenerator<PlanLine | UnreadRepository> {
    for (const [index, repository] of input.repositories.entries()) {
      if (index < input.from) continue;
      const isFirst = index === input.from;
      // The next slice finds out itself that the run is cancelled.
      if (!isFirst && (deps.now() >= input.deadline || (await deps.isCancelled()))) {
        next = index;
        return;
      }
      const planned = await planOne(deps, input, repository, isFirst);
      if (planned.kind === "late") {
        next = index;
        return;
      }
      if (planned.kind === "more") {
        await keepUnfinished(deps.lines, input.unfinished, repository, planned.asked);
        next = index;
        return;
      }
      if (planned.kind === "unread") {
        counts = addCounts(counts, { ...noCounts(), repositories: 1, unreadRepositories: 1 });
        yield { repository, unread: planned.code };
      } else {
        counts = addCounts(counts, planned.counts);
        yield* planned.lines;
      }
    }
  }
  await deps.lines.write(input.part, lines());
  if (next === null) await deps.lines.remove(input.unfinished);
  return { next, counts };
}

type PlannedOne =
  | Exclude<Gathered, { kind: "unlisted" }>
  | { readonly kind: "late" }
  | { readonly kind: "unread"; readonly code: string };

async function planOne(
  deps: PlanBatchDeps,
  input: PlanBatchInput,
  repository: string,
  isFirst: boolean,
): Promise<PlannedOne> {
  try {
    const asked = isFirst ? await readUnfinished(deps.lines, input.unfinished, repository) : new Map();
    const gathered = await gather(deps, { ...input, repository, asked });
    return gathered.kind === "unlisted" ? { kind: "unread", code: gathered.code } : gathered;
  } catch (error) {
    const failure = error instanceof LatchkeyError ? error.code : "INTERNAL";
    if (failure === "STATE_UNAVAILABLE") throw error;
    if (input.signal.aborted && !isFirst) return { kind: "late" };
    const code = input.signal.aborted ? TOO_SLOW : failure;
    deps.onUnread(repository, error);
    return { kind: "unread", code };
  }
}

async function keepUnfinished(
  lines: LinesStore,
  name: string,
  repository: string,
  asked: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const answers = [...asked].map(([digest, referrers]) => ({ repository, digest, referrers }));
  await lines.write(name, answers);
}

/** What was asked before; nothing where there is none, or what there is cannot be used: it is asked again. */
async function readUnfinished(lines: LinesStore, name: string, repository: string) {
  const asked = new Map<string, readonly string[]>();
  try {
    for await (const { value } of lines.read(name, 0)) {
      const answer = answerSchema.safeParse(value);
      if (answer.success && answer.data.repository === repository) asked.set(answer.data.digest, answer.data.referrers);
    }
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  return asked;
}
