/** Registers a connector: sign in, verify, keep the secret in the vault, then the record, then the audit. */
import type { AppendAudit, AuditEvent } from "../audit/ports.ts";
import { ConflictError, InputError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { utc } from "../time.ts";
import {
  type Connector,
  type ConnectorRequest,
  configurationOf,
  type StoredSecret,
  secretOf,
  type Verification,
} from "./connector.ts";
import { type Limits, resolveBlobContainer } from "./inventory.ts";
import type { AzureView, ConnectorStore, OpenAzure, SecretStore, SignIn, VerificationStore } from "./ports.ts";
import { blobContainerArmId } from "./resource-name.ts";
import { exactResource, resourceTypesOf } from "./resource-types.ts";
import { resolveSubscription, subscriptionArmId } from "./subscription.ts";
import { readVaultSecretName, refuseUnreachableSecret } from "./vault-secret.ts";
import { verifyConnector } from "./verify.ts";

/** What registering needs; `newId` gives a random UUID. */
export type RegisterDeps = {
  readonly store: ConnectorStore;
  readonly secrets: SecretStore;
  readonly verifications: VerificationStore;
  readonly appendAudit: AppendAudit;
  readonly openAzure: OpenAzure;
  readonly now: () => Date;
  readonly newId: () => string;
  /** The service's own storage accounts, which no connector may reach. */
  readonly ownAccounts: readonly string[];
  /** The service's own key vaults, which nobody is lent from. */
  readonly ownVaults: readonly string[];
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
  if (request.expiresAt !== null && new Date(request.expiresAt) <= now) {
    const problems = [{ path: "/expiresAt", expected: "a time in the future" }];
    throw new InputError("INVALID_REQUEST", "expiresAt is in the past. Give a time in the future, or null.", {
      problems,
    });
  }
  // The insert decides who gets the name; this spares everybody else the sign-in.
  if ((await deps.store.find(request.name)) !== null) throw nameTaken();

  const { secrets: _, configuration: __, ...kept } = request;
  const given = secretOf(request);
  const looked = options.verify
    ? await lookAtAzure(deps, request, now)
    : { resourceId: unverifiedResourceId(deps, request), verification: null };
  const id = deps.newId();
  const connector: Connector = {
    ...kept,
    configuration: configurationOf(request),
    id,
    secret: given === null ? null : await keepSecret(deps, id, given),
    resourceId: looked.resourceId,
    owner: by.id,
    state: looked.verification?.state ?? "unverified",
    checkedAt: looked.verification?.checkedAt ?? null,
    createdAt: utc(now),
    updatedAt: utc(now),
  };
  const event: AuditEvent = {
    event: "connector.registered",
    outcome: "ok",
    principalId: connector.owner,
    issuer: by.issuer,
    tenantId: by.tenantId,
    resourceId: id,
    leaseId: null,
    rule: options.rule,
    correlationId: options.correlationId,
    detail: { name: connector.name, authMethod: connector.authMethod, clientId: connector.configuration.clientId },
    credentialMac: null,
  };
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

async function keepSecret(
  deps: RegisterDeps,
  id: string,
  { kind, value }: NonNullable<ReturnType<typeof secretOf>>,
): Promise<StoredSecret> {
  const name = `connector-${id}`;
  return { kind, name, version: await deps.secrets.put(name, value) };
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

async function lookAtAzure(deps: RegisterDeps, request: ConnectorRequest, now: Date) {
  const given = secretOf(request);
  const configuration = configurationOf(request);
  const signIn: SignIn = {
    key: null,
    cloud: request.cloud,
    authMethod: request.authMethod,
    configuration,
    secret: given === null ? null : { kind: given.kind, read: async () => given.value },
  };
  const view = deps.openAzure(signIn);
  await view.signIn();
  const whole = { configuration, ownAccounts: deps.ownAccounts, resourceId: null };
  const { resourceId: text } = request;
  const resourceId = text === null ? null : await resolveResource(view, whole, text, deps, request);
  const limits = { ...whole, resourceId };
  const types = resourceTypesOf({ ...request, configuration, resourceId });
  return { resourceId, verification: await verifyConnector(view, limits, types, now) };
}

/** The canonical id of the only resource that a connector is to reach. An alias is that of a container, unless none is served. */
async function resolveResource(
  view: AzureView,
  limits: Limits,
  text: string,
  deps: RegisterDeps,
  request: ConnectorRequest,
): Promise<string> {
  const exact = exactOf(deps, request, text);
  if (exact?.resourceType === "key-vault-secret") return exact.resourceId;
  const types = request.resourceTypes;
  const isSubscription =
    exact === null ? types.length === 1 && types[0] === "azure-generic" : exact.resourceType === "azure-generic";
  if (isSubscription) return subscriptionArmId(await resolveSubscription(view, limits, text));
  return blobContainerArmId(await resolveBlobContainer(view, limits, text));
}

/** @throws InputError INVALID_REQUEST when the types leave out the resource's own, DeniedError DENIED */
function exactOf(deps: RegisterDeps, request: ConnectorRequest, text: string) {
  const exact = exactResource(text);
  const types = request.resourceTypes;
  if (exact !== null && types.length > 0 && types.some((type) => type !== exact.resourceType)) {
    throw new InputError(
      "INVALID_REQUEST",
      `The resourceId is a ${exact.resourceType}. Name this type alone, or none.`,
      {
        problems: [{ path: "/resourceTypes", expected: `${exact.resourceType} alone, or empty` }],
      },
    );
  }
  const secret = exact?.resourceType === "key-vault-secret" ? readVaultSecretName(exact.resourceId) : null;
  if (exact !== null && secret !== null) {
    const configuration = configurationOf(request);
    refuseUnreachableSecret(secret.id, { ...request, configuration, resourceId: exact.resourceId }, deps.ownVaults);
  }
  return exact;
}

function unverifiedResourceId(deps: RegisterDeps, request: ConnectorRequest): string | null {
  const { resourceId: text } = request;
  if (text === null) return null;
  const exact = exactOf(deps, request, text);
  if (exact !== null) return exact.resourceId;
  throw new InputError(
    "INVALID_REQUEST",
    "Without verification the resourceId must be a full id: other names are looked up in Azure.",
    {
      problems: [{ path: "/resourceId", expected: "an ARM id, or the URL of a Key Vault secret" }],
    },
  );
}

function nameTaken(): ConflictError {
  return new ConflictError("NAME_TAKEN", "A connector with this name exists. Choose another name.");
}
