/** Registers a connector: sign in, verify, keep the secret in the vault, then the record, then the audit. */
import type { AppendAudit, AuditEvent } from "../audit/ports.ts";
import { ConflictError, InputError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { utc } from "../time.ts";
import { type CandidateDeps, candidateOf, lookAtCandidate, takeUnverified } from "./candidate.ts";
import { type Connector, type ConnectorRequest, type StoredSecret, secretOf, type Verification } from "./connector.ts";
import { connectorEvent } from "./connector-event.ts";
import type { ConnectorStore, SecretStore, VerificationStore } from "./ports.ts";
import { checkSecret } from "./secret-check.ts";

/** What registering needs; `newId` gives a random UUID. */
export type RegisterDeps = CandidateDeps & {
  readonly store: ConnectorStore;
  readonly secrets: SecretStore;
  readonly verifications: VerificationStore;
  readonly appendAudit: AppendAudit;
  readonly now: () => Date;
  readonly newId: () => string;
};
/** A stored connector with what its verification found; null when none was asked for. */
export type Registered = {
  readonly connector: Connector;
  readonly etag: string;
  readonly verification: Verification | null;
};

/**
 * What a failed step leaves is taken back. A failure of the state storage in between may still leave the connector,
 * with its audit record: the caller looks before repeating.
 * @param options.rule what allowed it, for the audit trail
 * @param options.verify false: store without looking at Azure; then `resourceId` must be a full id
 * @throws InputError SIGN_IN_FAILED INVALID_REQUEST, ConflictError NAME_TAKEN, DeniedError DENIED,
 * NotFoundError RESOURCE_NOT_FOUND, UpstreamError
 */
export async function registerConnector(
  deps: RegisterDeps,
  request: ConnectorRequest,
  by: Principal,
  options: { verify: boolean; rule: string; correlationId: string },
): Promise<Registered> {
  const now = deps.now();
  refusePast(request.expiresAt, now);
  const { endsAt, tenantId } = checkSecret(request, now);
  // The insert decides who gets the name; this spares everybody else the sign-in.
  if ((await deps.store.find(request.name)) !== null) throw nameTaken();

  const { secrets: _, configuration: __, ...kept } = request;
  const given = secretOf(request);
  const candidate = candidateOf(request, tenantId);
  const looked = options.verify ? await lookAtCandidate(deps, candidate) : takeUnverified(deps, candidate);
  const id = deps.newId();
  const connector: Connector = {
    ...kept,
    configuration: candidate.configuration,
    id,
    secret: given === null ? null : await keepSecret(deps, id, given, endsAt),
    resourceId: looked.resourceId,
    owner: by.id,
    state: looked.verification?.state ?? "unverified",
    checkedAt: looked.verification?.checkedAt ?? null,
    createdAt: utc(now),
    updatedAt: utc(now),
  };
  const event = connectorEvent(id, by, options, {
    event: "connector.registered",
    detail: {
      name: connector.name,
      authMethod: connector.authMethod,
      cloud: connector.cloud,
      ...connector.configuration,
      onlyResource: connector.resourceId,
      resourceTypes: connector.resourceTypes,
      visibility: connector.visibility,
      users: connector.users,
      expiresAt: connector.expiresAt,
      isVerified: options.verify,
    },
  });
  const tried: AuditEvent[] = [];
  try {
    if (looked.verification !== null) await deps.verifications.put(id, looked.verification);
    tried.push(event);
    // Before the row: a connector that can be used must be on record, even if this process dies in between.
    await deps.appendAudit(event);
    const { etag } = await deps.store.insert(connector);
    return { connector, etag, verification: looked.verification };
  } catch (error) {
    await takeBack(deps, connector, tried);
    throw error;
  }
}

/** @throws InputError INVALID_REQUEST */
export function refusePast(expiresAt: string | null, now: Date): void {
  if (expiresAt === null || new Date(expiresAt) > now) return;
  throw new InputError("INVALID_REQUEST", "expiresAt is in the past. Give a time in the future, or null.", {
    problems: [{ path: "/expiresAt", expected: "a time in the future" }],
  });
}

/** Keeps a secret as a new version under the connector's own name. @throws UpstreamError VAULT_UNAVAILABLE */
export async function keepSecret(
  deps: Pick<RegisterDeps, "secrets">,
  id: string,
  { kind, value }: NonNullable<ReturnType<typeof secretOf>>,
  endsAt: Date | null,
): Promise<StoredSecret> {
  const name = `connector-${id}`;
  const version = await deps.secrets.put(name, value);
  return { kind, name, version, endsAt: endsAt === null ? null : utc(endsAt) };
}

/**
 * Only when the row is surely gone does the trail say so, and does the secret go: a record must not point to nothing.
 * What cannot be taken back now stays: a secret without a record is in the vault, where it is safe.
 */
async function takeBack(deps: RegisterDeps, connector: Connector, tried: readonly AuditEvent[]): Promise<void> {
  try {
    await deps.store.remove(connector);
  } catch {
    return;
  }
  await Promise.allSettled([
    // What was never tried is not withdrawn; what failed may have arrived.
    ...tried.map((event) => deps.appendAudit({ ...event, outcome: "withdrawn" })),
    ...(connector.secret === null ? [] : [deps.secrets.remove(connector.secret.name)]),
    ...(connector.checkedAt === null ? [] : [deps.verifications.remove(connector.id)]),
  ]);
}

function nameTaken(): ConflictError {
  return new ConflictError("NAME_TAKEN", "A connector with this name exists. Choose another name.");
}
