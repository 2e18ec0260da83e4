/** First step of a run: what clusters use and which repositories there are, in blobs. A run that got further is left as it is. */
import { NotFoundError, UpstreamError } from "../../errors.ts";
import { utc } from "../../time.ts";
import type { InUse } from "../in-use/in-use.ts";
import { ClusterUnreadableError } from "../in-use/read-in-use.ts";
import { compilePattern } from "../pattern/match.ts";
import { parsePattern } from "../pattern/parse.ts";
import { openOwnRegistry } from "../policy/manage.ts";
import { effectiveRules, type PurgePolicy } from "../policy/policy.ts";
import type {
  LinesStore,
  OpenRegistry,
  OpenRegistryContent,
  PurgeRunStore,
  RegistryContent,
  StoredRun,
} from "../ports.ts";
import type { PurgeRun } from "../run.ts";
import { batchBlob, inUseBlob } from "../run-blobs.ts";
import { readRunPolicy } from "../run-policy.ts";
import { type CompiledRule, compileRules, rulesFor } from "./compiled-rules.ts";

/** Most repositories of one batch: mostly seconds of work. */
const MAX_BATCH = 50;
/** Fewer are not worth a step of their own. */
const MIN_BATCH = 10;
/** Into so many batches repositories are divided where they are few: the orchestration has as many planned side by side. */
const DIVIDED_INTO = 4;
/** Most repositories that one run plans: each batch is some entries in the history of the orchestration. */
const MAX_REPOSITORIES = 100_000;
/** A step ends before the host's own limit of five minutes does it. */
export const STEP_MS = 240_000;

/** What preparing needs. */
export type PrepareDeps = {
  readonly runs: Pick<PurgeRunStore, "get" | "replace">;
  readonly lines: Pick<LinesStore, "write">;
  readonly openRegistry: OpenRegistry;
  readonly openContent: OpenRegistryContent;
  /** As read-in-use.ts, for the clusters that server settings name. */
  readonly readInUse: (
    run: PurgeRun,
    policy: PurgePolicy,
    signal: AbortSignal,
  ) => Promise<{ readonly inUse: InUse; readonly warnings: readonly string[] }>;
  readonly now: () => Date;
  readonly timeout: (milliseconds: number) => AbortSignal;
};
/** What is to be done next; `code` when nothing can be. */
export type Preparation =
  | { readonly ok: false; readonly code: string }
  | { readonly ok: true; readonly phase: "plan" | "apply" | "over"; readonly batches: number };

/**
 * Opens the registry, lists its repositories and reads its clusters.
 * @throws LatchkeyError; NotFoundError NOT_FOUND when there is no such run
 */
export async function prepareRun(deps: PrepareDeps, loginServer: string, runId: string): Promise<Preparation> {
  const stored = await deps.runs.get(loginServer, runId);
  if (stored === null) throw new NotFoundError("NOT_FOUND", "There is no such run.");
  const { run } = stored;
  if (run.state === "applying") return { ok: true, phase: "apply", batches: run.batches };
  // A plan that was joined and not ended yet, because it is over its limits, is only weighed again.
  if (run.state === "planning") return { ok: true, phase: "plan", batches: run.planBlob === null ? run.batches : 0 };
  if (run.state !== "queued") return { ok: true, phase: "over", batches: 0 };
  if (run.cancelRequested) return { ok: false, code: "CANCELLED" };
  const signal = deps.timeout(STEP_MS);
  try {
    return await begin(deps, stored, signal);
  } catch (error) {
    if (error instanceof ClusterUnreadableError) return { ok: false, code: error.code };
    if (signal.aborted && error === signal.reason) throw tooSlow(error);
    throw error;
  }
}

function tooSlow(cause: unknown): UpstreamError {
  const text = "The registry's repositories, or what its clusters use, took longer to list than a step has. Try again.";
  return new UpstreamError("UPSTREAM_TIMEOUT", text, { retryable: true, cause });
}

async function begin(deps: PrepareDeps, { run, etag }: StoredRun, signal: AbortSignal): Promise<Preparation> {
  const policy = readRunPolicy(run);
  const opened = await openOwnRegistry(deps.openRegistry, policy.connector, run.loginServer);
  // Ages count from before anything is listed: what changes meanwhile is newer.
  const at = deps.now();
  const { resourceId } = opened;
  const prepared = { ...run, state: "planning", resourceId, updatedAt: utc(at) } as const;
  // The stored plan says all of it; what clusters use is read again before anything is deleted.
  if (run.planId !== null) {
    const plan = await deps.runs.get(run.loginServer, run.planId);
    if (plan === null) throw new NotFoundError("NOT_FOUND", "There is no such plan any more.");
    return proceed(deps, { ...prepared, listedAt: plan.run.listedAt }, etag);
  }

  const { inUse, warnings } = await deps.readInUse(run, policy, signal);
  await deps.lines.write(inUseBlob(run.id), inUse.lines());
  const rules = compileRules(effectiveRules(policy), matchesWhole);
  const repositories = await listRepositories(deps.openContent(opened), rules, signal);
  if (repositories === null) return { ok: false, code: "TOO_LARGE" };
  const batches = await writeBatches(deps, run.id, repositories);
  return proceed(
    deps,
    {
      ...prepared,
      listedAt: at.toISOString(),
      batches,
      warnings: [...run.warnings, ...warnings],
      counts: { ...run.counts, repositories: repositories.length },
    },
    etag,
  );
}

/** See CompilePattern: both patterns of a rule match the full name. */
export function matchesWhole(text: string): (name: string) => boolean {
  const matcher = compilePattern(parsePattern(text));
  return (name) => matcher.matchesWhole(name);
}

/** Repositories that any rule speaks of: the others are kept whole, and not read. Null: too many. */
async function listRepositories(
  content: Pick<RegistryContent, "repositories">,
  rules: readonly CompiledRule[],
  signal: AbortSignal,
): Promise<readonly string[] | null> {
  const names: string[] = [];
  for await (const page of content.repositories(signal)) {
    for (const repository of page) {
      if (rulesFor(rules, repository).length === 0) continue;
      if (names.length === MAX_REPOSITORIES) return null;
      names.push(repository);
    }
  }
  return names;
}

/** How many batches they are. */
async function writeBatches(
  { lines }: Pick<PrepareDeps, "lines">,
  runId: string,
  repositories: readonly string[],
): Promise<number> {
  const size = Math.min(MAX_BATCH, Math.max(MIN_BATCH, Math.ceil(repositories.length / DIVIDED_INTO)));
  const batches = Math.ceil(repositories.length / size);
  for (let batch = 0; batch < batches; batch++) {
    await lines.write(batchBlob(runId, batch), repositories.slice(batch * size, (batch + 1) * size));
  }
  return batches;
}

/** Whoever changed the record meanwhile has done this, or has cancelled it: what it says now is looked at again. */
async function proceed(deps: PrepareDeps, run: PurgeRun, etag: string): Promise<Preparation> {
  if ((await deps.runs.replace(run, etag)) !== null) return { ok: true, phase: "plan", batches: run.batches };
  const now = await deps.runs.get(run.loginServer, run.id);
  if (now?.run.state === "queued" && !now.run.cancelRequested) throw new Error("The run's record changed.");
  return prepareRun(deps, run.loginServer, run.id);
}
