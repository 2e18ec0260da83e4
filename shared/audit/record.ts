/** One audit record: what happened, to whom, why; and its row in a hash chain. Pure. */
import { sha256 } from "../ids.ts";

/** What can happen. */
export const AUDIT_EVENTS = [
  "connector.registered",
  "connector.updated",
  "connector.deleted",
  "connector.verified",
  "credential.issued",
  "credential.renewed",
  "lease.revoked",
  "lease.removed",
  "lease.irrevocable",
  "connector.break-glass",
  "membership.changed",
  "membership.deleted",
  "grant.changed",
  "grant.deleted",
  "purge-policy.changed",
  "purge-policy.deleted",
  "purge.started",
  "purge.deleting",
  "purge.deleted",
  "purge.ended",
  "purge.cancel-requested",
] as const;
/** `ok`: it happened. `withdrawn`: the record before said so, but it did not come about. */
export const AUDIT_OUTCOMES = ["ok", "withdrawn"] as const;

/** What an event says. Details hold names and numbers only, never a credential. */
export type AuditEvent = {
  readonly event: (typeof AUDIT_EVENTS)[number];
  readonly outcome: (typeof AUDIT_OUTCOMES)[number];
  readonly principalId: string;
  readonly issuer: string;
  readonly tenantId: string;
  /** Canonical id of the resource, or of the connector for events about one. */
  readonly resourceId: string;
  readonly leaseId: string | null;
  /** The rule that allowed it, e.g. `role:Latchkey.Admin`. */
  readonly rule: string;
  readonly correlationId: string;
  readonly detail: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
  readonly credentialMac: string | null;
};

/** A record at its place in the chain of one writer on one day. */
export type AuditRow = AuditEvent & {
  readonly at: string;
  readonly writerId: string;
  /** 1 and up, without gaps. */
  readonly sequence: number;
  readonly prevHash: string;
  readonly hash: string;
};

/**
 * Places an event after `prevHash` (empty for the first of a writer).
 * The hash covers every field in a fixed order, so a changed, moved or removed record shows.
 */
export function chainRow(
  event: AuditEvent,
  place: { at: string; writerId: string; sequence: number; prevHash: string },
): AuditRow {
  const fields = [
    place.prevHash,
    place.at,
    place.writerId,
    place.sequence,
    event.event,
    event.outcome,
    event.principalId,
    event.issuer,
    event.tenantId,
    event.resourceId,
    event.leaseId,
    event.rule,
    event.correlationId,
    JSON.stringify(event.detail),
    event.credentialMac,
  ];
  return { ...event, ...place, hash: sha256(JSON.stringify(fields)) };
}
