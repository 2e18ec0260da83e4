/** Registries and clusters of the seed, what the tests' caller is granted of them, and how it borrows. For e2e tests. */
import { type Answer, type Api, applicationOf, type ConnectorBody, type Problem, registration } from "./api.ts";
import { PLACE } from "./policy.ts";
import type { System } from "./system.ts";

const FIRST = "3d2f1e0c-9b8a-4756-8493-a2b1c0d9e840";
const RESEARCH = "5e4c3b2a-1f0e-4d9c-8b7a-695847362541";
function armId(subscription: string, group: string, type: string, name: string): string {
  return `/subscriptions/${subscription}/resourceGroups/${group}/providers/${type}/${name}`;
}
const REGISTRIES = "Microsoft.ContainerRegistry/registries";
const CLUSTERS = "Microsoft.ContainerService/managedClusters";

/** The registry of the second page. Legacy mode, Standard. */
export const REGISTRY_ID = armId(FIRST, "demo-zenml-demos", REGISTRIES, "demozenmlcontainerregistry");
/** Of the same name, with a label in its host name. The research connector may only look at it. */
export const LABELLED_ID = armId(RESEARCH, "research-vision", REGISTRIES, "demozenmlcontainerregistry");
/** In ABAC mode; takes no tokens for ARM. */
export const ABAC_ID = armId(RESEARCH, "research-vision", REGISTRIES, "researchabacregistry");
/** Tier Basic. */
export const BASIC_ID = armId(RESEARCH, "research-speech", REGISTRIES, "researchadminregistry");
/** Entra with Azure roles. */
export const CLUSTER_ID = armId(FIRST, "demo-zenml-demos", CLUSTERS, "demo-zenml-terraform-cluster");
/** Of the same name: Entra with roles inside it. */
export const RESEARCH_CLUSTER_ID = armId(RESEARCH, "research-vision", CLUSTERS, "demo-zenml-terraform-cluster");
/** Nobody signs in with Entra. */
export const NO_ENTRA_ID = armId(RESEARCH, "research-vision", CLUSTERS, "training");
/** No local accounts; the research connector may make nothing there. */
export const NO_LOCAL_ID = armId(RESEARCH, "research-speech", CLUSTERS, "training");
/** Stopped. */
export const STOPPED_ID = armId(RESEARCH, "research-vision", CLUSTERS, "nightly");
/** Its API server has no public name. */
export const PRIVATE_ID = armId(RESEARCH, "research-speech", CLUSTERS, "secure");

const READ_WRITE = { access: ["read", "write"] };
const LOGIN = { forms: ["access-token", "docker-login"] };
const USE = { access: ["use"] };
const named = (...repositories: readonly string[]) => ({ scope: { repositories } });
const inNamespace = (namespace: string) => ({ scope: { namespace } });

/** Grants by the name of their connector. */
const GRANTS: Readonly<Record<string, readonly object[]>> = {
  "registries-vision": [{ resourceId: REGISTRY_ID, ...READ_WRITE, ...named("vision/*"), maxTtlSeconds: 43_200 }],
  "registries-all": [{ resourceId: REGISTRY_ID, access: ["read"], ...named("*") }],
  "registries-named": [{ resourceId: REGISTRY_ID, access: ["read", "delete"], ...named("speech/asr", "zenml") }],
  "registries-wide": [
    { resourceId: REGISTRY_ID, access: ["read"], forms: ["registry-wide"], ...named("*"), maxTtlSeconds: 10_800 },
  ],
  "registries-short": [{ resourceId: REGISTRY_ID, access: ["read"], ...named("zenml"), maxTtlSeconds: 600 }],
  "registries-both": [REGISTRY_ID, LABELLED_ID].map((resourceId) => ({
    ...{ resourceId, access: ["read"], ...named("zenml"), maxTtlSeconds: 43_200 },
  })),
  "registries-research": [
    { resourceId: ABAC_ID, access: ["read"], ...named("vision/train", "shared/base") },
    { resourceId: BASIC_ID, access: ["read"], ...named("zenml"), ...LOGIN },
  ],
  "registries-arm-token": [
    { resourceId: REGISTRY_ID, access: ["read"], ...named("zenml"), forms: ["access-token", "docker-login"] },
  ],
  "abac-arm-token": [{ resourceId: ABAC_ID, access: ["read"], ...named("vision/train") }],
  "logins-main": [
    { resourceId: REGISTRY_ID, access: ["read", "write", "delete"], ...named("vision/*", "zenml"), ...LOGIN },
  ],
  "logins-basic": [{ resourceId: BASIC_ID, ...READ_WRITE, ...named("*"), ...LOGIN }],
  "containers-deleted": [
    { resourceId: REGISTRY_ID, access: ["read"], ...named("vision/train"), ...LOGIN },
    { resourceId: CLUSTER_ID, ...USE, ...inNamespace("vision") },
  ],
  "clusters-vision": [{ resourceId: CLUSTER_ID, ...USE, ...inNamespace("vision") }],
  "clusters-bare": [
    { resourceId: CLUSTER_ID, ...USE, ...inNamespace("speech") },
    { resourceId: CLUSTER_ID, ...USE, ...inNamespace("nowhere") },
  ],
  "clusters-whole": [
    { resourceId: CLUSTER_ID, ...USE, forms: ["exec", "entra-token"], maxTtlSeconds: 10_800 },
    { resourceId: CLUSTER_ID, access: ["admin"], forms: ["admin"] },
  ],
  "clusters-attacked": [
    { resourceId: CLUSTER_ID, ...USE, forms: ["exec"] },
    { resourceId: CLUSTER_ID, access: ["admin"], forms: ["admin"] },
  ],
  "clusters-denied": [
    { resourceId: CLUSTER_ID, ...USE, forms: ["entra-token"], maxTtlSeconds: 10_800 },
    { resourceId: CLUSTER_ID, ...USE, ...inNamespace("vision") },
    { effect: "deny", resourceId: RESEARCH_CLUSTER_ID, ...USE },
  ],
  "clusters-both": [CLUSTER_ID, RESEARCH_CLUSTER_ID].map((resourceId) => ({
    ...{ resourceId, ...USE, ...inNamespace("vision") },
  })),
  "clusters-research": [
    { resourceId: RESEARCH_CLUSTER_ID, ...USE, ...inNamespace("vision") },
    { resourceId: NO_ENTRA_ID, ...USE, ...inNamespace("vision") },
    { resourceId: NO_ENTRA_ID, ...USE, forms: ["exec", "entra-token"], maxTtlSeconds: 10_800 },
    { resourceId: NO_LOCAL_ID, ...USE, ...inNamespace("speech") },
    { resourceId: NO_LOCAL_ID, access: ["admin"], forms: ["admin"] },
    { resourceId: STOPPED_ID, ...USE, ...inNamespace("vision") },
    { resourceId: STOPPED_ID, ...USE, forms: ["exec"] },
    { resourceId: PRIVATE_ID, ...USE, ...inNamespace("vision") },
  ],
  "clusters-arm-token": [
    { resourceId: CLUSTER_ID, ...USE, ...inNamespace("vision") },
    { resourceId: CLUSTER_ID, ...USE, forms: ["exec"] },
  ],
};

/** Before the system decides for the first time: a change of policy holds after seconds. The caller is a member of PLACE already. */
export async function grantContainers(api: Api): Promise<void> {
  const records = Object.entries(GRANTS).flatMap(([connector, grants]) =>
    grants.map((grant, index) => [`grants/${connector}-${index}`, { connector, ...PLACE, ...grant }] as const),
  );
  const answers = await Promise.all(records.map(([path, body]) => api.create(path, body)));
  const refused = answers.find(({ status }) => status !== 200);
  if (refused !== undefined) throw new Error(`policy was refused: ${refused.text}`);
}

/** What borrowing answers, as far as tests look into it; a member that the form lacks is not there. */
export type LentBody = Problem & {
  readonly leaseId: string;
  readonly resourceId: string;
  readonly scope: { readonly repositories?: readonly string[]; readonly namespace?: string };
  readonly issuedAt: string;
  readonly expiresAt: string;
  readonly exposedUntil: string;
  readonly revocation: string;
  readonly rule: string;
  readonly warnings: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly credential: {
    readonly kind: string;
    readonly loginServer: string;
    readonly token: string;
    readonly username: string;
    readonly password: string;
    readonly kubeconfig: string;
    readonly context: string;
  };
};

/** Asks for a credential of the registry (or another, by `resourceId`). */
export function borrowRegistry(api: Api, connector: string, changes: object = {}, query = "") {
  const body = { resourceType: "docker-registry", resourceId: REGISTRY_ID, access: ["read"], ...changes };
  return api.call<LentBody>("POST", `connectors/${connector}/credentials${query}`, { body });
}

/** Asks for a credential of the cluster (or another, by `resourceId`). */
export function borrowCluster(api: Api, connector: string, changes: object = {}, query = "") {
  const body = { resourceType: "kubernetes-cluster", resourceId: CLUSTER_ID, access: ["use"], ...changes };
  return api.call<LentBody>("POST", `connectors/${connector}/credentials${query}`, { body });
}

/** The body of a credential that was lent. @throws Error when it was refused */
export function lent(answer: Answer<LentBody>): LentBody {
  if (answer.status !== 201 && answer.status !== 200) throw new Error(`not lent: ${answer.status} ${answer.text}`);
  return answer.body;
}

/**
 * Registers a connector for both types that signs in as an application of the seed. Files of one worker share it.
 * @returns its id
 * @throws Error when it is refused
 */
export async function registerContainers(
  system: System,
  api: Api,
  name: string,
  application = "zenml-connector",
): Promise<string> {
  const { clientId, secret } = applicationOf(system, application);
  const known = await api.call<ConnectorBody>("GET", `connectors/${name}`);
  if (known.status === 200) return known.body.id;
  const answer = await api.register(name, {
    configuration: { ...registration(system, name).configuration, clientId },
    secrets: { clientSecret: secret },
    resourceTypes: ["docker-registry", "kubernetes-cluster"],
  });
  if (answer.status !== 201) throw new Error(`not registered: ${answer.text}`);
  return answer.body.id;
}
