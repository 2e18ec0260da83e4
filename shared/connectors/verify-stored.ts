/** Verifies a connector that is stored, wholly or a part of it, and keeps what was found; and one that is only written down. Used by functions/connector-verify.ts. */
import { ConflictError, InputError, LatchkeyError, NotFoundError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { utc } from "../time.ts";
import { candidateOf, lookAtCandidate, type Verified } from "./candidate.ts";
import type { Connector, ConnectorRequest, Verification } from "./connector.ts";
import { connectorEvent } from "./connector-event.ts";
import { refuseUnusable } from "./connector-life.ts";
import type { SignedIn, SignIn } from "./ports.ts";
import { type RegisterDeps, refusePast } from "./register.ts";
import type { ResourceType } from "./resource-type.ts";
import { exactResource, resourceTypesOf } from "./resource-types.ts";
import { checkSecret } from "./secret-check.ts";
import { findConnector, signInOf } from "./use.ts";
import { type VerifyAsk, verifyConnector, verifyResource } from "./verify.ts";
import { failedType, stateOfTypes, type TypeResult, withCheck } from "./verify-states.ts";

/** Times that the record may change under us before the caller is told so. */
const MAX_TRIES = 5;

/** A part of what a connector reaches; null: all of it. */
export type VerifyPart = {
  readonly resourceType: ResourceType | null;
  /** Any name of a resource. */
  readonly resourceId: string | null;
};
/** What was found this time, and the record with it. */
export type VerifiedStored = {
  readonly connector: Connector;
  readonly etag: string;
  readonly verification: Verification;
};

/** Signs in and looks, and keeps nothing. @throws as registering, but for the name */
export async function verifyRequest(deps: RegisterDeps, request: ConnectorRequest): Promise<Verified> {
  const now = deps.now();
  refusePast(request.expiresAt, now);
  return lookAtCandidate(deps, candidateOf(request, checkSecret(request, now).tenantId));
}

/**
 * A refused sign-in is a verdict: the connector has failed, and that is kept. An outage of Azure is none.
 * @throws NotFoundError NOT_FOUND RESOURCE_NOT_FOUND, ConflictError CONNECTOR_EXPIRED CONNECTOR_DISABLED
 * AMBIGUOUS_RESOURCE ETAG_MISMATCH (it was changed meanwhile), InputError INVALID_REQUEST, DeniedError DENIED, UpstreamError
 */
export async function verifyStored(
  deps: RegisterDeps,
  nameOrId: string,
  part: VerifyPart,
  by: Principal,
  context: { rule: string; correlationId: string },
): Promise<VerifiedStored> {
  const { connector } = await findConnector(deps.store, nameOrId);
  refuseUnusable(connector, deps.now());
  const type = typeOfPart(connector, part);
  const verification = await look(deps, connector, type, part.resourceId);
  const event = connectorEvent(connector.id, by, context, {
    event: "connector.verified",
    detail: { name: connector.name, state: verification.state, resourceType: type },
  });
  await deps.appendAudit(event);
  try {
    return { ...(await keep(deps, connector, verification, part)), verification };
  } catch (error) {
    // A failure of the state storage may have come after the change; what surely was not kept is withdrawn.
    const isSure = error instanceof ConflictError || error instanceof NotFoundError;
    if (isSure) await deps.appendAudit({ ...event, outcome: "withdrawn" });
    throw error;
  }
}

async function look(
  deps: RegisterDeps,
  connector: Connector,
  type: ResourceType | null,
  resourceId: string | null,
): Promise<Verification> {
  const { cloud, authMethod, configuration } = connector;
  const served = resourceTypesOf(connector);
  const types = type === null ? served : [type];
  // Anew: what a kept sign-in still may says nothing of the secret.
  const signIn: SignIn = { ...signInOf(deps.secrets, connector), key: null };
  const view = deps.openAzure(signIn);
  let who: SignedIn;
  try {
    who = await view.signIn();
  } catch (error) {
    if (!(error instanceof LatchkeyError) || error.code !== "SIGN_IN_FAILED") throw error;
    // Nothing of it works, whichever part was asked for.
    return { checkedAt: utc(deps.now()), state: "failed", resourceTypes: served.map((one) => noSignIn(one, error)) };
  }
  const reach = {
    configuration,
    cloud,
    resourceId: connector.resourceId,
    ownAccounts: deps.ownAccounts,
    ownVaults: deps.ownVaults,
  };
  const areTypesNamed = type !== null || areNamed(connector);
  const ask: VerifyAsk = { view, probes: deps.openProbes(signIn), who, authMethod, reach, types, areTypesNamed };
  if (type === null || resourceId === null) return verifyConnector(ask, deps.now);
  const result = await verifyResource(ask, type, resourceId);
  return { checkedAt: utc(deps.now()), state: stateOfTypes([result], true), resourceTypes: [result] };
}

function noSignIn(type: ResourceType, error: LatchkeyError): TypeResult {
  const message = "the connector cannot sign in";
  return failedType(type, { code: error.code, message, remedy: error.message });
}

/** The verdict is about the connector as it was read: of one that was changed since it says nothing. */
async function keep(deps: RegisterDeps, verified: Connector, found: Verification, part: VerifyPart) {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { connector: fresh, etag: seen } = await findConnector(deps.store, verified.id);
    if (!isSameToAzure(fresh, verified)) break;
    const before = fresh.checkedAt === null ? null : await deps.verifications.get(fresh.id);
    const merged = merge(before, found, part, fresh);
    const state = fresh.state === "disabled" ? fresh.state : merged.state;
    const next: Connector = { ...fresh, state, checkedAt: merged.checkedAt };
    const etag = await deps.store.replace(next, seen);
    if (etag !== null) {
      await deps.verifications.put(fresh.id, merged);
      return { connector: next, etag };
    }
  }
  throw new ConflictError("ETAG_MISMATCH", "The connector was changed while it was verified. Verify it again.");
}

/** Whether Azure would say the same to both: they sign in alike and reach the same. */
function isSameToAzure(left: Connector, right: Connector): boolean {
  const [one, other] = [left, right].map(
    ({ id, cloud, authMethod, configuration, secret, resourceTypes, resourceId }) =>
      JSON.stringify([id, cloud, authMethod, configuration, secret, resourceTypes, resourceId]),
  );
  return one === other;
}

/** A part is put into what is known of the rest. */
function merge(
  before: Verification | null,
  found: Verification,
  { resourceType, resourceId }: VerifyPart,
  connector: Connector,
): Verification {
  const isWhole = resourceType === null && resourceId === null;
  const isNoSignIn = found.resourceTypes.every(({ error }) => error?.code === "SIGN_IN_FAILED");
  if (isWhole || isNoSignIn || before === null) return found;
  const served = resourceTypesOf(connector);
  const results = served.flatMap((type): TypeResult[] => {
    const fresh = found.resourceTypes.find((one) => one.resourceType === type);
    const known = before.resourceTypes.find((one) => one.resourceType === type);
    if (fresh === undefined || known === undefined) return [fresh ?? known ?? []].flat();
    return [resourceId === null || fresh.checks.length === 0 ? fresh : withCheck(known, fresh)];
  });
  return { ...found, state: stateOfTypes(results, areNamed(connector)), resourceTypes: results };
}

function areNamed({ resourceTypes, resourceId }: Connector): boolean {
  return resourceTypes.length > 0 || resourceId !== null;
}

/** @throws InputError INVALID_REQUEST when the connector does not serve the type, or a name alone does not say which is meant */
function typeOfPart(connector: Connector, { resourceType, resourceId }: VerifyPart): ResourceType | null {
  const served = resourceTypesOf(connector);
  const [only, ...others] = served;
  const said = resourceType ?? (resourceId === null ? null : (exactResource(resourceId)?.resourceType ?? null));
  if (said !== null && !served.includes(said)) throw wrongType(`one of ${served.join(", ")}`);
  if (said !== null || resourceId === null) return said;
  if (only === undefined || others.length > 0) throw wrongType("the type of the resource, beside its name");
  return only;
}

function wrongType(expected: string): InputError {
  return new InputError("INVALID_REQUEST", "The resourceType does not fit the connector. Give one that it serves.", {
    problems: [{ path: "/resourceType", expected }],
  });
}
