/** A connector that is about to be stored: what Azure says of it, before anything is. Used by register and update. */
import { DeniedError, InputError } from "../errors.ts";
import { type AppIdentity, refuseUnavailableMethod } from "./app-identity.ts";
import type { AuthMethod, ConnectorConfiguration } from "./auth-methods.ts";
import { unsupportedText } from "./auth-methods.ts";
import { type Connector, type ConnectorRequest, configurationOf, secretOf, type Verification } from "./connector.ts";
import { RESOURCES } from "./find-resources.ts";
import type { Reach } from "./found.ts";
import type { AzureView, OpenAzure, SignIn } from "./ports.ts";
import type { OpenProbes } from "./probe.ts";
import { resolveAlias } from "./resolve-alias.ts";
import { readBlobContainerName, sameText } from "./resource-name.ts";
import type { ResourceType } from "./resource-type.ts";
import { exactResource, resourceTypesOf } from "./resource-types.ts";
import { readVaultSecretName, refuseUnreachableSecret, vaultSecretUrl } from "./vault-secret.ts";
import { verifyConnector } from "./verify.ts";

/** What looking at it needs. */
export type CandidateDeps = {
  readonly openAzure: OpenAzure;
  readonly openProbes: OpenProbes;
  readonly now: () => Date;
  readonly app: AppIdentity;
  /** The service's own storage accounts, which no connector may reach. */
  readonly ownAccounts: readonly string[];
  /** The service's own key vaults, which nobody is lent from. */
  readonly ownVaults: readonly string[];
};
/** What is asked to be stored. `resourceId` is as the caller wrote it. */
export type Candidate = {
  readonly authMethod: AuthMethod;
  readonly cloud: Connector["cloud"];
  readonly configuration: ConnectorConfiguration;
  readonly resourceTypes: readonly ResourceType[];
  readonly resourceId: string | null;
  readonly secret: SignIn["secret"];
};
/** What a registration asks for. @param tenantId that the secret itself names, for methods that are not told one */
export function candidateOf(request: ConnectorRequest, tenantId: string | null): Candidate {
  const { authMethod, cloud, resourceTypes, resourceId } = request;
  const configuration = configurationOf(request);
  const given = secretOf(request);
  return {
    authMethod,
    cloud,
    resourceTypes,
    resourceId,
    configuration: { ...configuration, tenantId: configuration.tenantId ?? tenantId },
    secret: given === null ? null : { kind: given.kind, read: async () => given.value },
  };
}

/** What was found: the canonical id of the only resource, and the verification. */
export type Verified = { readonly resourceId: string | null; readonly verification: Verification };
/** The same of one that Azure was not asked about. */
export type Unverified = Omit<Verified, "verification"> & { readonly verification: null };

/**
 * Signs in and verifies.
 * @throws InputError SIGN_IN_FAILED INVALID_REQUEST UNSUPPORTED_BY_METHOD, DeniedError DENIED,
 * NotFoundError RESOURCE_NOT_FOUND, ConflictError AMBIGUOUS_RESOURCE, UpstreamError
 */
export async function lookAtCandidate(deps: CandidateDeps, candidate: Candidate): Promise<Verified> {
  refuseUnserved(deps, candidate);
  const { cloud, authMethod, configuration, secret } = candidate;
  const signIn: SignIn = { key: null, cloud, authMethod, configuration, secret };
  const view = deps.openAzure(signIn);
  const who = await view.signIn();
  const { ownAccounts, ownVaults } = deps;
  const whole = { configuration, ownAccounts, ownVaults, cloud, resourceId: null };
  const { resourceId: text } = candidate;
  const resourceId = text === null ? null : await resolveResource(view, whole, text, deps, candidate);
  const types = resourceTypesOf({ ...candidate, resourceId });
  const reach = { ...whole, resourceId };
  const areTypesNamed = candidate.resourceTypes.length > 0 || resourceId !== null;
  const ask = { view, probes: deps.openProbes(signIn), who, authMethod, reach, types, areTypesNamed };
  return { resourceId, verification: await verifyConnector(ask, deps.now) };
}

/**
 * What can be said without asking Azure.
 * @throws InputError INVALID_REQUEST UNSUPPORTED_BY_METHOD, DeniedError DENIED
 */
export function takeUnverified(deps: CandidateDeps, candidate: Candidate): Unverified {
  refuseUnserved(deps, candidate);
  const { resourceId: text } = candidate;
  if (text === null) return { resourceId: null, verification: null };
  const exact = exactOf(deps, candidate, text);
  if (exact !== null) return { resourceId: exact.resourceId, verification: null };
  throw new InputError(
    "INVALID_REQUEST",
    "Without verification the resourceId must be a full id: other names are looked up in Azure.",
    {
      problems: [{ path: "/resourceId", expected: "an ARM id, or the URL of a Key Vault secret" }],
    },
  );
}

/** Types that are never served, by the method or under the limits, could never be of use; nor could a method that is not offered. */
function refuseUnserved({ app }: CandidateDeps, candidate: Candidate): void {
  const { authMethod, resourceTypes, resourceId, configuration } = candidate;
  refuseUnavailableMethod(candidate, app);
  const served = resourceTypesOf({ resourceTypes: [], resourceId: null, configuration });
  // A secret that is named for itself is served whatever the limits: they are about other places.
  const outside = resourceTypes.filter(
    (type) => !served.includes(type) && !(type === "key-vault-secret" && resourceId !== null),
  );
  if (outside.length > 0) {
    throw new InputError(
      "INVALID_REQUEST",
      `Under its limits the connector can never serve ${outside.join(", ")}. Give other types, or wider limits: a storage account leaves containers alone, a resource group no subscriptions, and any of them no vaults.`,
      { problems: [{ path: "/resourceTypes", expected: `types among ${served.join(", ")}` }] },
    );
  }
  const [first] = resourceTypes;
  if (first === undefined || resourceTypes.some((type) => unsupportedText(authMethod, type) === null)) return;
  throw new InputError("UNSUPPORTED_BY_METHOD", `${unsupportedText(authMethod, first)}. Use another method.`, {
    problems: [{ path: "/resourceTypes", expected: `types that ${authMethod} serves` }],
  });
}

/** The canonical id of the only resource that a connector is to reach. */
async function resolveResource(
  view: AzureView,
  reach: Reach,
  text: string,
  deps: CandidateDeps,
  candidate: Candidate,
): Promise<string> {
  const secret = readVaultSecretName(text);
  const exact = exactOf(deps, candidate, secret === null ? text : vaultSecretUrl(secret.id));
  if (exact?.resourceType === "key-vault-secret") return exact.resourceId;
  if (exact !== null) return (await RESOURCES[exact.resourceType].resolve(view, reach, text)).resourceId;
  const { authMethod } = candidate;
  const types = resourceTypesOf({ ...candidate, resourceId: null }).filter(
    (type) => unsupportedText(authMethod, type) === null,
  );
  const { resourceId } = await resolveAlias(view, reach, text, types);
  exactOf(deps, candidate, resourceId);
  return resourceId;
}

/** @throws InputError INVALID_REQUEST when the types leave out the resource's own, DeniedError DENIED */
function exactOf(deps: CandidateDeps, candidate: Candidate, text: string) {
  const exact = exactResource(text);
  const types = candidate.resourceTypes;
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
    refuseUnreachableSecret(secret.id, { ...candidate, resourceId: exact.resourceId }, deps.ownVaults);
  }
  const container = exact?.resourceType === "blob-container" ? readBlobContainerName(exact.resourceId) : null;
  if (container?.kind === "id" && deps.ownAccounts.some((own) => sameText(own, container.id.account))) {
    throw new DeniedError(
      "DENIED",
      "This storage account holds the service's own state, which is never lent. Use another account.",
    );
  }
  return exact;
}
