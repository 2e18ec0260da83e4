/** Joins the purge's rules to its stores, registries and clusters: what routes, steps and timer are given. Called by main.ts. */
import type { TokenCredential } from "@azure/identity";
import { createOpenRegistryContent } from "../shared/azure/acr-content.ts";
import { createListClusterImages } from "../shared/azure/cluster-workloads.ts";
import type { ConnectorIdentities } from "../shared/azure/identity.ts";
import type { ProxyEnvironment } from "../shared/azure/kept-connections.ts";
import type { RandomBytes } from "../shared/ids.ts";
import type { Log } from "../shared/log.ts";
import { applySlice } from "../shared/purge/apply/apply.ts";
import { endRun } from "../shared/purge/apply/finish.ts";
import { readInUse } from "../shared/purge/in-use/read-in-use.ts";
import { planSlice } from "../shared/purge/plan/plan-step.ts";
import { prepareRun, STEP_MS } from "../shared/purge/plan/prepare.ts";
import { settlePlan } from "../shared/purge/plan/settle-plan.ts";
import type { PurgePolicy } from "../shared/purge/policy/policy.ts";
import type { AppendAudit, OpenCluster, OpenRegistry } from "../shared/purge/ports.ts";
import type { PurgeRun } from "../shared/purge/run.ts";
import { readRunPolicy } from "../shared/purge/run-policy.ts";
import { type PurgeSettings, purgeMaxima } from "../shared/purge-registries.ts";
import { openLineBlobs } from "../shared/store/line-blobs.ts";
import { createFactsStore } from "../shared/store/manifest-facts.ts";
import { createPurgePolicyStore } from "../shared/store/purge-policy-records.ts";
import { createPurgeRunStore } from "../shared/store/purge-run-records.ts";
import type { Table } from "../shared/store/tables.ts";
import type { PurgePolicyRoutesDeps } from "./purge-policies.ts";
import type { PurgeRunRoutesDeps } from "./purge-runs.ts";
import { durableBinding, type PurgeSteps } from "./purge-steps.ts";
import type { PurgeTimerDeps } from "./purge-timer.ts";
import { logFailure } from "./route.ts";

/** What main.ts has made. */
export type PurgeBase = {
  readonly table: (name: "PurgePolicies" | "PurgeRuns") => Table;
  readonly blobsUrl: string;
  readonly identity: TokenCredential;
  readonly identities: ConnectorIdentities;
  readonly readUser: Parameters<typeof createListClusterImages>[0]["readUser"];
  readonly openRegistry: OpenRegistry;
  readonly openCluster: OpenCluster;
  readonly appendAudit: AppendAudit;
  readonly settings: PurgeSettings;
  readonly now: () => Date;
  readonly newId: () => string;
  readonly randomBytes: RandomBytes;
  readonly random: () => number;
  /** Of the process. */
  readonly proxies: ProxyEnvironment;
  readonly wait: (milliseconds: number, signal?: AbortSignal) => Promise<unknown>;
};
/** What is registered. */
export type PurgeParts = {
  readonly routes: PurgePolicyRoutesDeps & PurgeRunRoutesDeps;
  readonly steps: PurgeSteps;
  readonly timer: PurgeTimerDeps;
};

/** Nothing is opened before it is used. */
export function purgeParts(base: PurgeBase): PurgeParts {
  const { appendAudit, now, newId, openRegistry, randomBytes } = base;
  const wait = (milliseconds: number) => base.wait(milliseconds);
  const timeout = (milliseconds: number) => AbortSignal.timeout(milliseconds);
  const runs = createPurgeRunStore({ ...base, table: base.table("PurgeRuns"), wait });
  const policies = createPurgePolicyStore({ table: base.table("PurgePolicies"), now, newId });
  const lines = openLineBlobs({ url: base.blobsUrl, identity: base.identity, newId });
  const openContent = createOpenRegistryContent({
    ...base,
    clock: () => performance.now(),
    wait: async (milliseconds, signal) => void (await base.wait(milliseconds, signal)),
  });
  const boundsOf = (loginServer: string) => purgeMaxima(base.settings, loginServer);
  const hasClusters = (loginServer: string) => (base.settings.registries.get(loginServer)?.clusters.length ?? 0) > 0;
  const listClusterImages = createListClusterImages(base);
  const shared = { runs, policies, lines, openRegistry, openContent, boundsOf, appendAudit, now, newId, timeout };

  const inUseOf = (run: PurgeRun, policy: PurgePolicy, signal: AbortSignal) => {
    const named = base.settings.registries.get(run.loginServer)?.clusters ?? [];
    // A cluster that names no connector is read through the policy's own.
    const clusters = named.map((cluster) => ({ ...cluster, connector: cluster.connector ?? policy.connector }));
    const { onUnreadableCluster } = policy.inUse;
    return readInUse({ ...base, listClusterImages }, clusters, onUnreadableCluster, run.loginServer, signal);
  };
  const applying = {
    ...shared,
    wait,
    readInUse: (run: PurgeRun, signal: AbortSignal) => inUseOf(run, readRunPolicy(run), signal),
  };
  const planning = (log: Log, correlationId: string) => ({
    ...shared,
    facts: createFactsStore(lines),
    onUnread: (_repository: string, error: unknown) => logFailure(log, error, correlationId, "purge"),
  });

  return {
    routes: { ...shared, hasClusters, randomBytes },
    steps: {
      prepare: ({ registry, run }) => prepareRun({ ...shared, readInUse: inUseOf }, registry, run),
      plan: ({ registry, run, ...slice }, log) => planSlice(planning(log, run), registry, run, slice),
      settle: ({ registry, run, slices }) => settlePlan(shared, registry, run, slices),
      apply: ({ registry, run }) => applySlice(applying, { loginServer: registry, runId: run }, timeout(STEP_MS)),
      end: ({ registry, run, code }) => endRun(shared, { loginServer: registry, runId: run }, code),
    },
    timer: { ...shared, randomBytes, durable: durableBinding },
  };
}
