/**
 * Changes a connector: the new sign-in is verified, then its secret kept as a new version, then the record switched.
 * Until then the old one serves.
 */
import { z } from "zod";
import { parse } from "../parse.ts";
import type { Principal } from "../principal.ts";
import { utc } from "../time.ts";
import { type AuthMethod, type ConnectorConfiguration, METHOD_SCHEMAS } from "./auth-methods.ts";
import { type Candidate, lookAtCandidate, takeUnverified } from "./candidate.ts";
import {
  type Connector,
  type ConnectorRequest,
  connectorRequestSchema,
  connectorSchemas,
  secretOf,
} from "./connector.ts";
import { changedMeanwhile, connectorEvent } from "./connector-event.ts";
import { keepSecret, type RegisterDeps, type Registered, refusePast } from "./register.ts";
import { checkSecret } from "./secret-check.ts";
import { findConnector, signInOf } from "./use.ts";

const { resourceTypes, resourceId, labels, visibility, users, expiresAt } = connectorSchemas;
/** Body of `PATCH /connectors/{c}`: what is left out stays. Name, method and cloud stay for ever. */
export const connectorPatchSchema = z
  .strictObject({
    configuration: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("members of the method's configuration; those left out stay"),
    secrets: z.record(z.string(), z.unknown()).optional().describe("the new secret, as at registering"),
    resourceTypes: resourceTypes.removeDefault().optional(),
    resourceId: resourceId.removeDefault().optional(),
    labels: labels.removeDefault().optional(),
    visibility: visibility.removeDefault().optional(),
    users: users.removeDefault().optional(),
    expiresAt: expiresAt.removeDefault().optional(),
    enabled: z.boolean().optional().describe("false: nobody may use it; true: it is verified and may be used again"),
  })
  .meta({ id: "ConnectorPatch" });
/** See connectorPatchSchema. */
export type ConnectorPatch = z.output<typeof connectorPatchSchema>;

/** What of a patch changes what the connector reaches or how it signs in. */
const NEEDS_A_LOOK = ["configuration", "secrets", "resourceTypes", "resourceId"] as const;

/**
 * @param etag what the caller saw
 * @throws NotFoundError NOT_FOUND, ConflictError ETAG_MISMATCH, InputError SIGN_IN_FAILED INVALID_REQUEST
 * UNSUPPORTED_BY_METHOD, DeniedError DENIED, NotFoundError RESOURCE_NOT_FOUND, UpstreamError
 */
export async function updateConnector(
  deps: RegisterDeps,
  nameOrId: string,
  patch: ConnectorPatch,
  etag: string,
  by: Principal,
  options: { verify: boolean; rule: string; correlationId: string },
): Promise<Registered> {
  const now = deps.now();
  const { connector: old, etag: current } = await findConnector(deps.store, nameOrId);
  // What the writer did not see must not be written over; the switch itself decides it once more.
  if (etag !== current) throw changedMeanwhile();
  const request = merged(old, patch);
  if (patch.expiresAt !== undefined) refusePast(patch.expiresAt, now);
  const given = patch.secrets === undefined ? null : secretOf(request);
  const checked = given === null ? null : checkSecret(request, now);

  const isLookedAt = NEEDS_A_LOOK.some((member) => patch[member] !== undefined) || patch.enabled === true;
  const configuration = configurationAfter(old, request, checked?.tenantId ?? null);
  const candidate: Candidate = {
    ...old,
    configuration,
    resourceTypes: request.resourceTypes,
    resourceId: request.resourceId,
    secret: given === null ? signInOf(deps.secrets, old).secret : { kind: given.kind, read: async () => given.value },
  };
  const looked = !isLookedAt
    ? null
    : options.verify
      ? await lookAtCandidate(deps, candidate)
      : takeUnverified(deps, candidate);
  const state = looked === null ? old.state : (looked.verification?.state ?? "unverified");
  const isDisabled = patch.enabled === false || (old.state === "disabled" && patch.enabled !== true);
  const next: Connector = {
    ...old,
    configuration,
    resourceTypes: request.resourceTypes,
    resourceId: looked === null ? old.resourceId : looked.resourceId,
    labels: request.labels,
    visibility: request.visibility,
    users: request.users,
    expiresAt: request.expiresAt,
    secret: given === null ? old.secret : await keepSecret(deps, old.id, given, checked?.endsAt ?? null),
    state: isDisabled ? "disabled" : state,
    checkedAt: looked?.verification?.checkedAt ?? (looked === null ? old.checkedAt : null),
    updatedAt: utc(now),
  };
  const verification = looked?.verification ?? null;
  const before = verification === null ? null : await deps.verifications.get(old.id);
  // Before the switch: what is shown of a connector must not be older than what it is.
  if (verification !== null) await deps.verifications.put(old.id, verification);
  const event = connectorEvent(old.id, by, options, {
    event: "connector.updated",
    // Of a secret only which version serves from now on.
    detail: { name: old.name, changed: Object.keys(patch).sort(), isVerified: options.verify, ...changesOf(old, next) },
  });
  await deps.appendAudit(event);
  const written = await deps.store.replace(next, etag);
  if (written === null) {
    // The new version of the secret stays unused in the vault, where it is safe.
    if (before !== null) await deps.verifications.put(old.id, before);
    await deps.appendAudit({ ...event, outcome: "withdrawn" });
    throw changedMeanwhile();
  }
  return { connector: next, etag: written, verification };
}

/** The patch over what is stored, checked as if it were registered anew. @throws InputError INVALID_REQUEST */
function merged(old: Connector, patch: ConnectorPatch): ConnectorRequest {
  const { configuration, secrets, enabled: _, ...rest } = patch;
  const { name, authMethod, cloud, resourceTypes, resourceId, labels, visibility, users, expiresAt } = old;
  const kept = { name, authMethod, cloud, resourceTypes, resourceId, labels, visibility, users, expiresAt };
  const ownConfiguration = Object.fromEntries(
    Object.entries(old.configuration).filter(([member]) => membersOf(authMethod).has(member)),
  );
  return parse(
    connectorRequestSchema,
    {
      ...kept,
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      configuration: { ...ownConfiguration, ...configuration },
      secrets: secrets ?? (old.secret === null ? {} : { [old.secret.kind]: "unchanged" }),
    },
    "body",
  );
}

/** What a method's configuration may say. */
function membersOf(method: AuthMethod): ReadonlySet<string> {
  const { configuration } = METHOD_SCHEMAS[method];
  const shape = "shape" in configuration ? configuration.shape : configuration.unwrap().shape;
  return new Set(Object.keys(shape));
}

/** The tenant of an access token is that of the token. */
function configurationAfter(
  old: Connector,
  request: ConnectorRequest,
  tenantId: string | null,
): ConnectorConfiguration {
  const { tenantId: before, clientId } = old.configuration;
  const configuration = { tenantId: before, clientId, ...request.configuration };
  return tenantId === null ? configuration : { ...configuration, tenantId };
}

/** Longest text of a value on the trail, in characters: all of them together must fit one column. */
const MAX_VALUE = 1_000;

/** Every member that is another now, as it was and as it is. */
function changesOf(old: Connector, next: Connector): Record<string, readonly string[]> {
  const flat = ({ configuration, secret, ...connector }: Connector) => ({
    ...configuration,
    onlyResource: connector.resourceId,
    resourceTypes: connector.resourceTypes,
    labels: connector.labels,
    visibility: connector.visibility,
    users: connector.users,
    expiresAt: connector.expiresAt,
    state: connector.state,
    secretKind: secret?.kind ?? null,
    secretVersion: secret?.version ?? null,
  });
  const [before, after] = [flat(old), flat(next)].map((members) =>
    Object.entries(members).map(([name, value]) => [name, JSON.stringify(value).slice(0, MAX_VALUE)] as const),
  );
  const known = new Map(before);
  return Object.fromEntries(
    (after ?? []).flatMap(([name, text]) => (known.get(name) === text ? [] : [[name, [known.get(name) ?? "", text]]])),
  );
}
