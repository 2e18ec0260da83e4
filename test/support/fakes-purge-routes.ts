/** What the verbs and routes of purge need, in memory. Used by the unit tests. */
import type { AuditEvent } from "../../shared/audit/ports.ts";
import type { OpenedRegistry } from "../../shared/connectors/ports.ts";
import { NotFoundError } from "../../shared/errors.ts";
import type { RegistryContent } from "../../shared/purge/ports.ts";
import { createPurgePolicyStore } from "../../shared/store/purge-policy-records.ts";
import { fakeTable } from "./fake-table.ts";
import { countingIds } from "./fakes.ts";
import { fakeLines, fakeRegistry } from "./fakes-purge.ts";
import { REGISTRY, runStoreParts } from "./fakes-purge-runs.ts";
import { openedRegistry, registry } from "./fakes-registry.ts";

/** A policy as it is sent: weekly, everything that is old enough. */
export const WEEKLY = { connector: "azure", schedule: { preset: "weekly" } } as const;

/** The registry of the tests, opened through the connector `azure`. */
export function openedOwn(changes: Partial<OpenedRegistry["registry"]> = {}): OpenedRegistry {
  return openedRegistry({ registry: registry({ registry: "registryone", loginServer: REGISTRY, ...changes }) });
}

/**
 * `audited`: the trail in order, with `write` and `insert` of the tables between. `driven`: runs that were to be driven.
 * `faults`: what each port throws, where it is set.
 */
export function purgeRouteParts() {
  const journal: string[] = [];
  const audited: AuditEvent[] = [];
  const driven: { id: string; loginServer: string }[] = [];
  const faults: Partial<Record<"audit" | "open" | "drive" | "list", Error>> = {};
  const content = fakeRegistry();
  const lines = fakeLines();
  const policyTable = fakeTable();
  const runs = runStoreParts();
  const opened: { registry: OpenedRegistry } = { registry: openedOwn() };
  const bounds = { maxItems: 50_000, maxSharePercent: 100 };
  const clustered = new Set([REGISTRY]);
  let drawn = 0;

  const policies = createPurgePolicyStore({ table: policyTable.table, now: runs.clock.now, newId: countingIds() });
  const deps = {
    policies: {
      ...policies,
      async write(...given: Parameters<typeof policies.write>) {
        journal.push("policy.write");
        return policies.write(...given);
      },
    },
    runs: runs.newStore(),
    lines,
    async openRegistry(connector: string, resourceId: string, asked: string) {
      journal.push(`open ${connector} ${resourceId} ${asked}`);
      if (faults.open !== undefined) throw faults.open;
      if (connector !== "azure") throw new NotFoundError("NOT_FOUND", "no such connector");
      return opened.registry;
    },
    openContent: (): RegistryContent => ({
      ...content.content,
      async *repositories(signal) {
        if (faults.list !== undefined) throw faults.list;
        yield* content.content.repositories(signal);
      },
    }),
    timeout: () => new AbortController().signal,
    async appendAudit(event: AuditEvent) {
      journal.push(`audit ${event.event} ${event.outcome}`);
      if (faults.audit !== undefined) throw faults.audit;
      audited.push(event);
    },
    boundsOf: () => bounds,
    hasClusters: (loginServer: string) => clustered.has(loginServer),
    async driveRun({ id, loginServer }: { id: string; loginServer: string }) {
      if (faults.drive !== undefined) throw faults.drive;
      driven.push({ id, loginServer });
    },
    now: runs.clock.now,
    randomBytes: (count: number) => new Uint8Array(count).fill(++drawn),
  };
  return { deps, journal, audited, driven, faults, content, lines, opened, bounds, clustered, runs, policyTable };
}
