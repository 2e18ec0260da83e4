/** Deletes a connector with its secret. */
import type { AuditEvent } from "../audit/ports.ts";
import { ConflictError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import type { RegisterDeps } from "./register.ts";
import { findConnector } from "./use.ts";

/** What deleting needs. */
export type RemoveConnectorDeps = Pick<RegisterDeps, "store" | "secrets" | "verifications" | "appendAudit"> & {
  /** Whether a lease through this connector is active. @throws UpstreamError STATE_UNAVAILABLE */
  readonly hasActiveLeases: (connectorId: string) => Promise<boolean>;
  /** Forgets what it reached. @throws UpstreamError STATE_UNAVAILABLE */
  readonly removeInventory: (connectorId: string) => Promise<void>;
};

/**
 * The record goes first: from then on nobody can use it. What a process that dies leaves is a secret without a record, in
 * the vault, where it is safe.
 * @param etag what the caller saw
 * @param options.force although leases are active: what they gave out lives on until it ends
 * @throws NotFoundError NOT_FOUND, ConflictError ETAG_MISMATCH CONNECTOR_IN_USE, UpstreamError
 */
export async function removeConnector(
  deps: RemoveConnectorDeps,
  nameOrId: string,
  etag: string,
  by: Principal,
  options: { force: boolean; rule: string; correlationId: string },
): Promise<void> {
  const { connector, etag: current } = await findConnector(deps.store, nameOrId);
  if (etag !== current) throw changed();
  if (!options.force && (await deps.hasActiveLeases(connector.id))) {
    throw new ConflictError(
      "CONNECTOR_IN_USE",
      "Leases through this connector are active. End them, or repeat with force=true: their credentials live on until they end.",
    );
  }
  const event: AuditEvent = {
    event: "connector.deleted",
    outcome: "ok",
    principalId: by.id,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: connector.id,
    leaseId: null,
    rule: options.rule,
    correlationId: options.correlationId,
    detail: { name: connector.name, force: options.force },
    credentialMac: null,
  };
  await deps.appendAudit(event);
  if (!(await deps.store.removeIf(connector, etag))) {
    await deps.appendAudit({ ...event, outcome: "withdrawn" });
    throw changed();
  }
  await Promise.all([
    connector.secret === null ? null : deps.secrets.remove(connector.secret.name),
    deps.verifications.remove(connector.id),
    deps.removeInventory(connector.id),
  ]);
}

function changed(): ConflictError {
  return new ConflictError("ETAG_MISMATCH", "The connector was changed meanwhile. GET it again and repeat.");
}
