/** Issues a credential: policy → room → mint → lease and audit, side by side → answer. No record, no credential. */
import { newLeaseId, principalHash, type RandomBytes } from "../ids.ts";
import type { Principal } from "../principal.ts";
import { utc } from "../time.ts";
import { type IssueUpstreamDeps, issueUpstream } from "./issue-upstream.ts";
import { isRecordAlone, type Lease, renewableUntil } from "./lease.ts";
import { type MintDeps, mint } from "./mint.ts";
import type { Minted } from "./minted.ts";
import type { Authorize, ConnectorName } from "./ports.ts";
import { auditOf, type RecordDeps, record } from "./record.ts";
import { askOf, type CredentialRequest } from "./request.ts";

/** What issuing needs. */
export type IssueDeps = MintDeps &
  RecordDeps &
  IssueUpstreamDeps & {
    readonly authorize: Authorize;
    readonly connectorName: ConnectorName;
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
  const ph = principalHash(by);
  // What has no room is refused before anything is made or recorded.
  await deps.leases.checkRoom(ph);
  const now = deps.now();
  const wanted = { ...ask, asked: ask.resourceId, ...authorized };
  const id = newLeaseId(ph, deps.randomBytes);
  const begun = {
    id,
    principalHash: ph,
    resourceType: ask.resourceType,
    access: ask.access,
    form: ask.form,
    principal: { id: by.id, issuer: by.issuer },
    project: request.project,
    domain: request.domain,
    reason: request.reason,
    rule: authorized.rule,
    issuedAt: utc(now),
    mintedAt: utc(now),
    endedAt: null,
    revokeAttempts: 0,
  };
  const placed = ({ connector, resourceId }: Pick<Minted, "connector" | "resourceId">) => ({
    connectorId: connector.id,
    resourceId,
    maxUntil: renewableUntil(now, [connector.expiresAt, authorized.grantExpiresAt]),
  });

  const form = deps.upstreamForms.get(ask.form);
  if (form !== undefined) {
    const planned = await form.plan(wanted, id, now);
    const { upstream, scope, expiresAt } = planned;
    const times = { expiresAt, refreshAfter: null, exposedUntil: expiresAt };
    const { revocation } = form;
    const pending: Lease = { ...begun, ...placed(planned), ...times, scope, state: "pending", revocation, upstream };
    return issueUpstream(deps, pending, () => form.make(wanted, planned, now, id), by, correlationId);
  }

  const minted = await mint(deps, ask.resourceType, wanted, now);
  const isOver = isRecordAlone({ ...minted.times, exposedUntil: minted.exposedUntil });
  const lease: Lease = {
    ...begun,
    ...placed(minted),
    ...minted.times,
    ...(isOver ? { maxUntil: minted.times.issuedAt } : {}),
    scope: minted.scope,
    state: "active",
    mintedAt: minted.times.issuedAt,
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
