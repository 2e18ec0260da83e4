/** What the trail says of a change of a connector, and the refusal of one that somebody else's came before. Pure. */
import type { AuditEvent } from "../audit/ports.ts";
import { ConflictError } from "../errors.ts";
import type { Principal } from "../principal.ts";

/** What let the caller in, and the request: for the trail. */
export type ChangeContext = { readonly rule: string; readonly correlationId: string };

/** @param what the event, and what it says: names and numbers only */
export function connectorEvent(
  connectorId: string,
  by: Principal,
  { rule, correlationId }: ChangeContext,
  what: Pick<AuditEvent, "event" | "detail">,
): AuditEvent {
  return {
    ...what,
    outcome: "ok",
    principalId: by.id,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: connectorId,
    leaseId: null,
    rule,
    correlationId,
    credentialMac: null,
  };
}

/** For who changes what it saw: it is not so any more. */
export function changedMeanwhile(): ConflictError {
  return new ConflictError("ETAG_MISMATCH", "The connector was changed meanwhile. GET it again and repeat.");
}
