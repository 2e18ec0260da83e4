/**
 * The form service-account of clusters: a token of a ServiceAccount in one namespace, bound to a Secret that is made for
 * the lease. Removing the Secret ends the token.
 */
import type { OpenedCluster } from "../connectors/ports.ts";
import { ConflictError, DeniedError, InputError, LatchkeyError, NotNowError, UpstreamError } from "../errors.ts";
import { namespaceSchema } from "../scope.ts";
import { utc } from "../time.ts";
import { DEFAULT_TTL_SECONDS } from "./chosen-life.ts";
import type { ClusterApi, OpenClusterApi, ReadCluster } from "./cluster-ports.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { MIN_TTL_SECONDS, refuseClusterForm } from "./kubernetes-cluster.ts";
import { type Lease, longestLifeSeconds, refreshTime } from "./lease.ts";
import type { Minted, MintRequest } from "./minted.ts";
import { isRefused, NothingMade } from "./nothing-made.ts";
import type { OpenCluster, PlannedUpstream, ReopenCluster, UpstreamForm } from "./ports.ts";
import { endOfToken } from "./service-account-token.ts";

/** The ServiceAccount that a namespace has for lending. What it may do is decided by its RoleBindings there. */
export const SERVICE_ACCOUNT = "latchkey";
/**
 * Tokens end this much before the connector, the grant or the lease does: the cluster's clock counts their life, and may
 * be ahead of ours.
 */
const CLOCK_SECONDS = 60;
/**
 * A token may work for this long after its Secret was deleted, in seconds: an API server remembers for 10 that it was
 * good, and a Secret that something else still holds (a finalizer) counts for 60 more. Source: kube-apiserver,
 * `TokenSuccessCacheTTL` and the leeway of bound objects in its token validator.
 */
const EXPOSED_SECONDS = 70;

/** What this form needs. */
export type ServiceAccountDeps = {
  readonly openCluster: OpenCluster;
  readonly reopenCluster: ReopenCluster;
  readonly readCluster: ReadCluster;
  readonly openClusterApi: OpenClusterApi;
  readonly now: () => Date;
};

/** See UpstreamForm. */
export function createServiceAccountForm(deps: ServiceAccountDeps): UpstreamForm {
  /** What a plan was made of, for making it: no second list of the clusters. */
  const plans = new WeakMap<PlannedUpstream, OpenedCluster>();
  return {
    revocation: "immediate",

    async plan(request, leaseId, now) {
      const opened = await open(deps, request);
      const { connector, resourceId, displayName } = opened;
      namespaceOf(request);
      const seconds = lifeSeconds(request, [connector.expiresAt, request.grantExpiresAt], now);
      const planned: PlannedUpstream = {
        connector,
        resourceId,
        displayName,
        // The lease's random part: 26 letters and digits, so the name is a DNS label that nobody can guess.
        upstream: { secret: `latchkey-${leaseId.slice(leaseId.indexOf("-") + 1)}` },
        scope: request.scope,
        expiresAt: utc(new Date(now.getTime() + seconds * 1000)),
      };
      plans.set(planned, opened);
      return planned;
    },

    async make(request, planned, now, leaseId) {
      const opened = plans.get(planned) ?? (await open(deps, request));
      // Nothing was asked of the cluster yet, whatever failed.
      const api = await deps.openClusterApi(opened).catch(nothingMade);
      const { secret: name = "" } = planned.upstream;
      const namespace = namespaceOf(request);
      const uid = await makeSecret(api, { namespace, name, leaseId });
      // As it was planned: both times have lost their milliseconds.
      const seconds = (Date.parse(planned.expiresAt) - Date.parse(utc(now))) / 1000;
      const ends = [opened.connector.expiresAt, request.grantExpiresAt];
      return lend(deps, api, opened, request, { secret: { name, uid }, seconds, now, ends });
    },

    async renew(request, lease, now) {
      const opened = await open(deps, request);
      const { secret: name = "", secretUid: uid = "" } = lease.upstream;
      const ends = [opened.connector.expiresAt, request.grantExpiresAt, lease.maxUntil];
      const seconds = lifeSeconds(request, ends, now);
      const api = await deps.openClusterApi(opened);
      return lend(deps, api, opened, request, { secret: { name, uid }, seconds, now, ends });
    },

    async remove(lease) {
      const reopened = await deps.reopenCluster(lease.connectorId, lease.resourceId);
      const cluster = await deps.readCluster(reopened);
      if (cluster?.isRunning === false) {
        throw new NotNowError(
          "The cluster is stopped, so what the lease has there is removed when it has been started.",
        );
      }
      // With the cluster everything in it is gone.
      if (cluster !== null) await removeSecret(await deps.openClusterApi({ ...reopened, cluster }), lease);
      return { exposedUntil: new Date(deps.now().getTime() + EXPOSED_SECONDS * 1000) };
    },
  };
}

async function open(deps: ServiceAccountDeps, request: MintRequest): Promise<OpenedCluster> {
  const opened = await deps.openCluster(request.connector, request.resourceId);
  refuseClusterForm(opened, request.form);
  return opened;
}

/** Policy fills it in from the grant, and it goes into paths: what is none is never asked for. */
function namespaceOf({ scope }: MintRequest): string {
  const namespace = namespaceSchema.safeParse(scope.namespace);
  if (namespace.success) return namespace.data;
  throw new InputError("INVALID_REQUEST", "Neither the request nor the grant says which namespace. Name one.", {
    problems: [{ path: "/scope/namespace", expected: "a namespace" }],
  });
}

/** @throws DeniedError SCOPE_TOO_WIDE when less is left than a token lives at least */
function lifeSeconds(request: MintRequest, ends: readonly (string | null)[], now: Date): number {
  const left = longestLifeSeconds(ends, now) - CLOCK_SECONDS;
  const wanted = request.ttlSeconds ?? DEFAULT_TTL_SECONDS;
  const seconds = Math.min(wanted, request.maxTtlSeconds, left);
  if (seconds >= MIN_TTL_SECONDS) return seconds;
  throw new DeniedError(
    "SCOPE_TOO_WIDE",
    `A token of a cluster lives ${MIN_TTL_SECONDS} seconds at least, and the connector, the grant or the lease gives only ${Math.max(0, seconds)}. Have it extended.`,
  );
}

/** Its uid. One of our name that is there already is ours, when a reply was lost, or it is somebody else's doing. */
async function makeSecret(api: ClusterApi, secret: { namespace: string; name: string; leaseId: string }) {
  const made = await api.createSecret(secret).catch((error: unknown) => refused(api, secret, error));
  if (made.kind === "made") return made.uid;
  if (made.kind === "absent") throw notOnboarded(secret.namespace);
  const there = await api.findSecret(secret);
  if (there !== null && there.leaseId === secret.leaseId) return there.uid;
  throw new UpstreamError(
    "UPSTREAM_REFUSED",
    "The namespace has something of another's under the name of the lease. Ask again.",
    { retryable: true },
  );
}

/** After a refusal: what is there came of an earlier try, whose answer was lost, and is to be removed. */
async function refused(
  api: ClusterApi,
  secret: { namespace: string; name: string; leaseId: string },
  error: unknown,
): Promise<never> {
  if (!isRefused(error)) throw error;
  const there = await api.findSecret(secret).catch((failure: unknown) => {
    // Who may not even look could not remove it either.
    if (isRefused(failure)) return null;
    throw error;
  });
  throw there?.leaseId === secret.leaseId ? error : new NothingMade(error);
}

function nothingMade(error: unknown): never {
  throw error instanceof LatchkeyError ? new NothingMade(error) : error;
}

type Lending = {
  readonly secret: { readonly name: string; readonly uid: string };
  readonly seconds: number;
  /** When it was asked for. */
  readonly now: Date;
  /** What the token must not outlive. */
  readonly ends: readonly (string | null)[];
};
async function lend(
  deps: Pick<ServiceAccountDeps, "now">,
  api: ClusterApi,
  opened: OpenedCluster,
  request: MintRequest,
  { secret, seconds, now, ends }: Lending,
): Promise<Minted> {
  const { connector, resourceId, displayName, cluster } = opened;
  const namespace = namespaceOf(request);
  const asked = { account: { namespace, name: SERVICE_ACCOUNT }, secret, seconds };
  const answer = await api.requestToken(asked);
  if (answer.kind === "no-account") throw notOnboarded(namespace);
  if (answer.kind === "no-secret") {
    throw new ConflictError(
      "LEASE_CLOSED",
      "What the lease had in the cluster is gone, and its token with it. Ask for a new credential.",
    );
  }
  const { token } = answer;
  // Making may have taken a while, which is not the cluster's clock being ahead.
  const expiresAt = endOfToken(token, asked, deps.now());
  if (ends.some((end) => end !== null && Date.parse(end) < expiresAt.getTime())) throw tooSlow();
  const { server } = api;
  const { form } = request;
  return {
    connector,
    resourceId,
    displayName,
    scope: request.scope,
    times: { issuedAt: utc(now), expiresAt: utc(expiresAt), refreshAfter: refreshTime(now, expiresAt) },
    exposedUntil: utc(expiresAt),
    credential: await writeKubeconfig({
      server,
      user: { kind: "token", token },
      namespace,
      form,
      resourceId,
      connectorId: connector.id,
      cluster: cluster.cluster,
    }),
    marked: token,
    upstream: { secretUid: secret.uid },
    warnings: [],
    env: {},
  };
}

function tooSlow(): UpstreamError {
  return new UpstreamError(
    "UPSTREAM_TIMEOUT",
    "Making the token took so long that it would outlive the connector, the grant or the lease. Ask again.",
    { retryable: true },
  );
}

async function removeSecret(api: ClusterApi, lease: Lease): Promise<void> {
  const { secret: name = "", secretUid: uid } = lease.upstream;
  const secret = { namespace: lease.scope.namespace ?? "", name };
  if (uid !== undefined) return api.deleteSecret({ ...secret, uid });
  // Its making never came to an end: what has this name is ours only if it says so.
  const there = await api.findSecret(secret);
  if (there !== null && there.leaseId === lease.id) await api.deleteSecret({ ...secret, uid: there.uid });
}

function notOnboarded(namespace: string): InputError {
  const account = `kubectl create serviceaccount ${SERVICE_ACCOUNT} --namespace ${namespace}`;
  const binding = `kubectl create rolebinding ${SERVICE_ACCOUNT} --clusterrole view --serviceaccount ${namespace}:${SERVICE_ACCOUNT} --namespace ${namespace}`;
  return new InputError(
    "MODE_UNSUPPORTED",
    `The namespace ${namespace} is not prepared for lending, or does not exist. Somebody who administers it runs: ${account} && ${binding}. The role says what every credential of this namespace may do; one that may make tokens or run pods, as edit does by Jobs, Deployments or exec, lets its holder go on after the lease.`,
  );
}
