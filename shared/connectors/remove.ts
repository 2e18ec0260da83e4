/** Deletes a connector with its secret. */
import { ConflictError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import type { Connector } from "./connector.ts";
import { changedMeanwhile, connectorEvent } from "./connector-event.ts";
import type { LeasesThrough } from "./ports.ts";
import type { RegisterDeps } from "./register.ts";
import { findConnector } from "./use.ts";

/** What deleting needs. */
export type RemoveConnectorDeps = Pick<RegisterDeps, "store" | "secrets" | "verifications" | "appendAudit"> & {
  readonly leasesThrough: LeasesThrough;
  /** Forgets what it reached. @throws UpstreamError STATE_UNAVAILABLE */
  readonly removeInventory: (connectorId: string) => Promise<void>;
};

/**
 * Disabled first, then its secret and all that is known of it go, then its record: what fails or dies in between leaves a
 * disabled connector that can be deleted again.
 * @param etag what the caller saw
 * @param options.force although leases are active: what they gave out lives on until it ends. It does not help where something of theirs must still be removed
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
  if (etag !== current) throw changedMeanwhile();
  // What is in use is refused before anything of it is changed.
  await refuseInUse(deps, connector, options.force, "");
  const event = connectorEvent(connector.id, by, options, {
    event: "connector.deleted",
    detail: { name: connector.name, force: options.force },
  });
  await deps.appendAudit(event);
  const withdrawn = async (error: unknown): Promise<never> => {
    await deps.appendAudit({ ...event, outcome: "withdrawn" });
    throw error;
  };
  const last = await emptied(deps, connector, etag, options.force).catch(withdrawn);
  // Of a failure from here on nobody knows whether it came after the deletion: then the record stands.
  if (!(await deps.store.removeIf(connector, last))) await withdrawn(changedMeanwhile());
}

/** Without its secret and what is known of it; the ETag that its record has then. */
async function emptied(deps: RemoveConnectorDeps, connector: Connector, etag: string, force: boolean): Promise<string> {
  // Nobody uses it from here on; and while its secret cannot be deleted, it is there to be deleted again.
  const disabled = await deps.store.replace({ ...connector, state: "disabled" }, etag);
  if (disabled === null) throw changedMeanwhile();
  // Once more: whoever puts a lease on record later than this finds the connector disabled, and makes nothing.
  await refuseInUse(deps, connector, force, " The connector is disabled now.");
  if (connector.secret !== null) await deps.secrets.remove(connector.secret.name);
  await deps.verifications.remove(connector.id);
  await deps.removeInventory(connector.id);
  return disabled;
}

/** @param after what became of the connector, for people. @throws ConflictError CONNECTOR_IN_USE, UpstreamError */
async function refuseInUse(
  deps: Pick<RemoveConnectorDeps, "leasesThrough">,
  { id }: Connector,
  force: boolean,
  after: string,
): Promise<void> {
  const leases = await deps.leasesThrough(id);
  if (leases === "leaving") {
    throw new ConflictError(
      "CONNECTOR_IN_USE",
      `Leases through this connector have left tokens or Secrets in Azure, which nobody could remove without it, or are being made. End them first: GET /api/leases, DELETE /api/leases/{id}.${after}`,
    );
  }
  if (!force && leases === "active") {
    throw new ConflictError(
      "CONNECTOR_IN_USE",
      `Leases through this connector are active. End them, or repeat with force=true: their credentials live on until they end.${after}`,
    );
  }
}
