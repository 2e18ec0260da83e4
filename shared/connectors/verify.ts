/** Looks at what a connector really may do, by resource type, access and resource. Used by candidate.ts and verify-stored.ts. */
import pMap from "p-map";
import { LatchkeyError } from "../errors.ts";
import { utc } from "../time.ts";
import { type AuthMethod, unsupportedText } from "./auth-methods.ts";
import { type Check, works } from "./check.ts";
import { checkContainer } from "./check-blob.ts";
import { checkCluster } from "./check-cluster.ts";
import { type CheckContext, createCheckContext, isNoVerdict } from "./check-context.ts";
import { checkRegistry } from "./check-registry.ts";
import { checkVault } from "./check-vault.ts";
import type { Verification } from "./connector.ts";
import { RESOURCES } from "./find-resources.ts";
import type { Found, Listing, Reach } from "./found.ts";
import type { AzureView, SignedIn } from "./ports.ts";
import type { Probes } from "./probe.ts";
import type { ResourceType } from "./resource-type.ts";
import { probedOf } from "./verify-sample.ts";
import { checkedType, failedType, stateOfTypes, type TypeResult } from "./verify-states.ts";

/** Looks under way at once, for each type. */
const CHECK_CONCURRENCY = 8;
/**
 * Milliseconds after which no further look is begun: the caller's HTTP client gives up after about 30 s. The first looks
 * of each type, as many as go on at once, are always begun: what nobody looked at cannot be called in order.
 */
const CHECK_BUDGET_MS = 12_000;

/** What is verified, and as whom. The caller has proved the sign-in already. */
export type VerifyAsk = {
  readonly view: AzureView;
  readonly probes: Probes;
  readonly who: SignedIn;
  readonly authMethod: AuthMethod;
  readonly reach: Reach;
  /** Those that the connector serves. */
  readonly types: readonly ResourceType[];
  /** Whether somebody asked for these types; else they are all that there are. */
  readonly areTypesNamed: boolean;
};

/**
 * A type that Azure refuses, or does not answer for, is reported and does not stop the others, and neither does a resource.
 * @throws InputError SIGN_IN_FAILED when the sign-in fails for a resource all the same; UpstreamError when Azure could
 * be asked for no type that the method serves: an outage says nothing about the connector
 */
export async function verifyConnector(ask: VerifyAsk, now: () => Date): Promise<Verification> {
  const startedAt = now();
  const { context, view } = createCheckContext(ask.view, ask.probes, ask.who);
  const isLate = () => now().getTime() - startedAt.getTime() > CHECK_BUDGET_MS;
  const verified = await Promise.all(ask.types.map((type) => verifyType(type, { ...ask, view }, context, isLate)));
  const outage = outageOfAll(verified.filter(({ isServed }) => isServed));
  if (outage !== null) throw outage;
  const resourceTypes = verified.map(({ result }) => result);
  const state = stateOfTypes(resourceTypes, ask.areTypesNamed);
  const isAnyOut = verified.some((one) => one.outage !== null);
  // Where nobody answered something may work.
  return { checkedAt: utc(startedAt), state: state === "failed" && isAnyOut ? "degraded" : state, resourceTypes };
}

/** What was found of a type. `outage`: nobody answered for any of it. */
type Verified = {
  readonly result: TypeResult;
  readonly isServed: boolean;
  readonly outage: LatchkeyError | null;
};

function outageOfAll(types: readonly Verified[]): LatchkeyError | null {
  return types.every(({ outage }) => outage !== null) ? (types[0]?.outage ?? null) : null;
}

/**
 * One resource alone, by any of its names.
 * @throws as verifyConnector, and what resolving a name throws: InputError INVALID_REQUEST, DeniedError DENIED,
 * NotFoundError RESOURCE_NOT_FOUND, ConflictError AMBIGUOUS_RESOURCE
 */
export async function verifyResource(ask: VerifyAsk, type: ResourceType, text: string): Promise<TypeResult> {
  const refusal = unsupportedText(ask.authMethod, type);
  if (refusal !== null) return unsupported(type, refusal);
  const { context, view } = createCheckContext(ask.view, ask.probes, ask.who);
  const found = await RESOURCES[type].resolve(view, ask.reach, text);
  const { result, outage } = await checkAll(type, { found: [found], unread: [] }, ask.authMethod, context, () => false);
  if (outage !== null) throw outage;
  return result;
}

async function verifyType(
  type: ResourceType,
  { view, reach, authMethod }: VerifyAsk,
  context: CheckContext,
  isLate: () => boolean,
): Promise<Verified> {
  const text = unsupportedText(authMethod, type);
  if (text !== null) return { result: unsupported(type, text), isServed: false, outage: null };
  try {
    const listing = await list(type, view, reach);
    const { found, unread } = listing;
    const outages = unread.filter(({ error }) => isNoVerdict(error));
    if (found.length === 0 && unread.length > 0 && outages.length === unread.length) throw outages[0]?.error;
    return { ...(await checkAll(type, listing, authMethod, context, isLate)), isServed: true };
  } catch (error) {
    if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED") throw error;
    const message = `the ${PLURALS[type]} could not be listed`;
    const result = failedType(type, { code: error.code, message, remedy: error.message });
    return { result, isServed: true, outage: isNoVerdict(error) ? error : null };
  }
}

/** The only resource of a connector is looked up, not searched for. */
async function list(type: ResourceType, view: AzureView, reach: Reach): Promise<Listing> {
  if (reach.resourceId === null || type !== "blob-container") return RESOURCES[type].list(view, reach);
  return { found: [await RESOURCES[type].resolve(view, reach, reach.resourceId)], unread: [] };
}

/** Looks at what was found. `outage`: no resource at all could be asked for. */
async function checkAll(
  type: ResourceType,
  { found, unread, unlisted = 0 }: Listing,
  method: AuthMethod,
  context: CheckContext,
  isLate: () => boolean,
): Promise<Pick<Verified, "result" | "outage">> {
  if (found.length === 0 && unread.length === 0 && unlisted === 0) {
    const result = failedType(type, {
      code: "RESOURCE_NOT_FOUND",
      message: `the sign-in works, but no ${SINGULARS[type]} is visible within the connector's limits`,
      remedy: `Grant the connector's identity the role Reader on ${OWNERS[type]}, or widen the limits.`,
    });
    return { result, outage: null };
  }
  const outages: LatchkeyError[] = [];
  const look = async (one: Found, index: number): Promise<Check | null> => {
    if (index >= CHECK_CONCURRENCY && isLate()) return null;
    try {
      return await checkOne(one, method, context);
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code === "SIGN_IN_FAILED") throw error;
      outages.push(error);
      return unanswered(one, error);
    }
  };
  const checks = (await pMap(probedOf(found), look, { concurrency: CHECK_CONCURRENCY })).filter((one) => one !== null);
  const isOut = outages.length === checks.length && outages.every(isNoVerdict);
  return {
    result: checkedType(type, { found, unread, checks, unlisted }),
    outage: isOut ? (outages[0] ?? null) : null,
  };
}

async function checkOne(found: Found, method: AuthMethod, context: CheckContext): Promise<Check> {
  switch (found.resourceType) {
    case "blob-container":
      return checkContainer(context, found);
    case "docker-registry":
      return checkRegistry(context, found, method);
    case "kubernetes-cluster":
      return checkCluster(context, found);
    case "key-vault-secret":
      return checkVault(context, found);
    case "azure-generic": {
      // It is seen because the identity has a role in it, and the sign-in was a token request.
      const { resourceId, displayName } = found;
      return { resourceId, displayName, state: "ok", access: [works("use", "proved")], findings: [] };
    }
  }
}

function unanswered({ resourceId, displayName }: Found, error: LatchkeyError): Check {
  const code = error.code === "UPSTREAM_TIMEOUT" ? "UPSTREAM_TIMEOUT" : "UPSTREAM_REFUSED";
  const access = { access: "read", ok: null, proof: "none", code, message: error.message, remedy: null } as const;
  return { resourceId, displayName, state: "unknown", access: [access], findings: [] };
}

function unsupported(type: ResourceType, message: string): TypeResult {
  const remedy = "Use a connector with another authentication method for these.";
  return failedType(type, { code: "UNSUPPORTED_BY_METHOD", message, remedy });
}

const SINGULARS: Readonly<Record<ResourceType, string>> = {
  "azure-generic": "subscription",
  "blob-container": "blob container",
  "docker-registry": "container registry",
  "kubernetes-cluster": "AKS cluster",
  "key-vault-secret": "key vault",
};
const PLURALS: Readonly<Record<ResourceType, string>> = {
  "azure-generic": "subscriptions",
  "blob-container": "blob containers",
  "docker-registry": "container registries",
  "kubernetes-cluster": "AKS clusters",
  "key-vault-secret": "key vaults",
};
const OWNERS: Readonly<Record<ResourceType, string>> = {
  "azure-generic": "the subscription",
  "blob-container": "the storage accounts",
  "docker-registry": "the registries",
  "kubernetes-cluster": "the clusters",
  "key-vault-secret": "the vaults",
};
