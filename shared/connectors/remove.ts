/** Deletes a connector with its secret. */
import type { AuditEvent } from "../audit/ports.ts";
import { ConflictError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import type { Connector } from "./connector.ts";
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
 * Disabled first, then its secret and all that is known of it go, then its record: what fails or dies in between leaves a
 * disabled connector that can be deleted again.
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
  try {
    await removeAll(deps, connector, etag);
  } catch (error) {
    await deps.appendAudit({ ...event, outcome: "withdrawn" });
    throw error;
  }
}

async function removeAll(deps: RemoveConnectorDeps, connector: Connector, etag: string): Promise<void> {
  // Nobody uses it from here on; and while its secret cannot be deleted, it is there to be deleted again.
  const disabled = await deps.store.replace({ ...connector, state: "disabled" }, etag);
  if (disabled === null) throw changed();
  if (connector.secret !== null) await deps.secrets.remove(connector.secret.name);
  await deps.verifications.remove(connector.id);
  await deps.removeInventory(connector.id);
  if (!(await deps.store.removeIf(connector, disabled))) throw changed();
}

function changed(): ConflictError {
  return new ConflictError("ETAG_MISMATCH", "The connector was changed meanwhile. GET it again and repeat.");
}
