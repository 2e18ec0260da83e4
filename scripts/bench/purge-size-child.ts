/** Plans one large registry in a process of its own, so that its memory is told apart. Forked by purge-size.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { inUseMaker } from "../../shared/purge/in-use/in-use.ts";
import { planSlice } from "../../shared/purge/plan/plan-step.ts";
import { prepareRun } from "../../shared/purge/plan/prepare.ts";
import { settlePlan } from "../../shared/purge/plan/settle-plan.ts";
import { NO_BOUNDS } from "../../shared/purge/policy/policy.ts";
import type { OpenedRegistry } from "../../shared/purge/ports.ts";
import { createFactsStore } from "../../shared/store/manifest-facts.ts";
import { fileLines } from "./file-lines.ts";
import { largeRegistry } from "./purge-large-registry.ts";
import { type Planned, sizeSchema } from "./purge-size.ts";
import { memoryRuns, queuedPurge } from "./purge-state.ts";
import { watchMemory } from "./watch-memory.ts";

/** Lines between two looks at the memory while a plan is written: all that it is made of is alive then. */
const LINES_A_SAMPLE = 10_000;
const LOGIN_SERVER = "large.azurecr.io";
const DAY_MS = 86_400_000;

const size = sizeSchema.parse(JSON.parse(process.argv[2] ?? ""));
const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
try {
  process.send?.(await plan());
} finally {
  rmSync(folder, { recursive: true, force: true });
  process.disconnect();
}

async function plan(): Promise<Planned> {
  const now = () => new Date();
  // What is older than the middle goes.
  const perRepository = Math.ceil(size.manifests / size.repositories);
  const middleDays = Math.round((perRepository * 60_000) / 2 / DAY_MS) + 1;
  const newestAt = Date.now() - (size.going === "all" ? (middleDays + 1) * DAY_MS : DAY_MS);
  const { content, calls } = largeRegistry({ ...size, newestAt });
  const policy = {
    connector: "bench",
    rules: [
      { name: "stable", action: "keep", repositories: ".*", tags: "stable-.*" },
      {
        name: "old",
        action: "delete",
        repositories: ".*",
        tags: "^(?!keep-).*",
        untagged: true,
        olderThan: `${middleDays}d`,
        keepNewest: 10,
      },
    ],
  };
  const asked = queuedPurge(LOGIN_SERVER, policy, now);
  const { inUse } = inUseMaker();
  const memory = size.isWatched ? watchMemory() : null;
  const base = memory?.first ?? 0;
  const lines = fileLines(folder, (count) => count % LINES_A_SAMPLE === 0 && memory?.sample());
  const deps = {
    runs: memoryRuns(asked),
    lines,
    facts: createFactsStore(lines),
    openRegistry: async () => opened(),
    openContent: () => content,
    readInUse: async () => ({ inUse, warnings: [] }),
    boundsOf: () => NO_BOUNDS,
    onUnread: (repository: string, error: unknown) => {
      throw new Error(`${repository} could not be read`, { cause: error });
    },
    now,
    timeout: (milliseconds: number) => AbortSignal.timeout(milliseconds),
  };
  const startedAt = performance.now();
  const prepared = await prepareRun(deps, LOGIN_SERVER, asked.id);
  if (!prepared.ok) throw new Error(prepared.code);
  const slices: number[] = [];
  for (let batch = 0; batch < prepared.batches; batch++) {
    for (let slice = 0, from: number | null = 0; from !== null; slice++) {
      const planned = await planSlice(deps, LOGIN_SERVER, asked.id, { batch, slice, from });
      if (!planned.ok) throw new Error(planned.code);
      slices[batch] = slice + 1;
      from = planned.next;
    }
  }
  await settlePlan(deps, LOGIN_SERVER, asked.id, slices);
  const seconds = (performance.now() - startedAt) / 1000;
  const run = (await deps.runs.get(LOGIN_SERVER, asked.id))?.run ?? asked;
  const { manifests, toDelete } = run.counts;
  const heap = (memory?.end().heap ?? 0) - base;
  // Source: getrusage(2), ru_maxrss in KiB.
  return {
    manifests,
    toDelete,
    seconds,
    slices: slices.reduce((sum, count) => sum + count, 0),
    ...calls,
    heap,
    rss: process.resourceUsage().maxRSS * 1024,
  };
}

function opened(): OpenedRegistry {
  const place = { subscriptionId: "00000000-0000-4000-8000-000000000001", resourceGroup: "bench", registry: "large" };
  const configuration = {
    tenantId: null,
    clientId: null,
    subscriptionId: null,
    resourceGroup: null,
    storageAccount: null,
  };
  return {
    connector: { id: "00000000-0000-4000-8000-000000000002", name: "bench", expiresAt: null },
    resourceId: `/subscriptions/${place.subscriptionId}/resourceGroups/bench/providers/Microsoft.ContainerRegistry/registries/large`,
    displayName: LOGIN_SERVER,
    signIn: { key: "bench", cloud: "public", authMethod: "managed-identity", configuration, secret: null },
    registry: {
      ...place,
      tier: "Premium",
      loginServer: LOGIN_SERVER,
      mode: "legacy",
      adminUserEnabled: false,
      takesArmTokens: true,
    },
  };
}
