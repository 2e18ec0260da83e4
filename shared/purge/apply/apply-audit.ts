/** What the audit trail is told of a purge: before deletions, of each one, and at the end. Pure. */

import type { AuditEvent } from "../ports.ts";
import type { PurgeRun } from "../run.ts";
import type { ApplyItem } from "./apply-items.ts";
import type { Done } from "./report.ts";

/** Digests and tags that one record names at most: a record is one row of a table. */
const MAX_NAMES = 20;

/** Written before a group is begun: without it nothing is deleted. */
export function deletingEvent(run: PurgeRun, items: readonly ApplyItem[]): AuditEvent {
  const digests = items.slice(0, MAX_NAMES).map(({ line }) => `${line.repository}@${line.digest}`);
  return eventOf(run, "purge.deleting", { group: run.groups, count: items.length, digests });
}

/** One for each thing that was deleted. */
export function deletedEvents(run: PurgeRun, { item, parts }: Done): readonly AuditEvent[] {
  const { repository, digest, action } = item.line;
  return parts
    .filter(({ outcome }) => outcome === "deleted" || outcome === "untagged")
    .map(({ tags }) =>
      eventOf(run, "purge.deleted", {
        repository,
        digest,
        action,
        tags: tags.slice(0, MAX_NAMES),
        tagCount: tags.length,
      }),
    );
}

/** Written before a run's row says that it has ended. */
export function endedEvent(run: PurgeRun): AuditEvent {
  const { deletedManifests, deletedTags, changed, protected: kept, gone, failed, skipped } = run.counts;
  return eventOf(run, "purge.ended", {
    state: run.state,
    code: run.code,
    deletedManifests,
    deletedTags,
    changed,
    protected: kept,
    gone,
    failed,
    skipped,
    bytesFreed: run.bytesFreed,
  });
}

function eventOf(run: PurgeRun, event: AuditEvent["event"], detail: AuditEvent["detail"]): AuditEvent {
  return {
    event,
    outcome: "ok",
    ...run.startedBy,
    resourceId: run.resourceId ?? run.loginServer,
    leaseId: null,
    rule: `purge:${run.policy}`,
    correlationId: run.correlationId,
    detail: { registry: run.loginServer, policy: run.policy, runId: run.id, ...detail },
    credentialMac: null,
  };
}
