/** Issues a credential: policy → resolve → mint → lease and audit, side by side → answer. No record, no credential. */
import { newLeaseId, principalHash, type RandomBytes } from "../ids.ts";
import type { Principal } from "../principal.ts";
import { type Lease, renewableUntil } from "./lease.ts";
import { type MintDeps, mint } from "./mint.ts";
import type { Minted } from "./minted.ts";
import type { Authorize, ConnectorName, LeaseStore } from "./ports.ts";
import { auditOf, type RecordDeps, record } from "./record.ts";
import { askOf, type CredentialRequest } from "./request.ts";

/** What issuing needs. */
export type IssueDeps = MintDeps &
  RecordDeps & {
    readonly authorize: Authorize;
    readonly connectorName: ConnectorName;
    readonly leases: LeaseStore;
    readonly now: () => Date;
    readonly randomBytes: RandomBytes;
  };
/** A lease with its credential: the only place where both are together. */
export type Issued = Minted & { readonly lease: Lease };

/**
 * @throws what Authorize, MintDeps and RecordDeps throw
 */
export async function issueCredential(
  deps: IssueDeps,
  request: CredentialRequest & { readonly connector: string },
  by: Principal,
  correlationId: string,
): Promise<Issued> {
  const ask = askOf(request, await deps.connectorName(request.connector));
  const authorized = await deps.authorize(by, ask);
  const now = deps.now();
  const minted = await mint(deps, ask.resourceType, { ...ask, asked: ask.resourceId, ...authorized }, now);
  const ph = principalHash(by);
  const lease: Lease = {
    id: newLeaseId(ph, deps.randomBytes),
    principalHash: ph,
    state: "active",
    connectorId: minted.connector.id,
    resourceType: ask.resourceType,
    resourceId: minted.resourceId,
    access: ask.access,
    scope: ask.scope,
    form: ask.form,
    principal: { id: by.id, issuer: by.issuer },
    project: request.project,
    domain: request.domain,
    reason: request.reason,
    rule: authorized.rule,
    ...minted.times,
    maxUntil: renewableUntil(now, [minted.connector.expiresAt, authorized.grantExpiresAt]),
    revocation: "expiry-only",
    exposedUntil: minted.exposedUntil,
    upstream: minted.upstream,
  };
  const event = await auditOf(deps, "credential.issued", lease, minted, by, correlationId);
  await record(
    deps,
    event,
    () => deps.leases.insert(lease),
    () => deps.leases.remove(lease),
  );
  return { ...minted, lease };
}
