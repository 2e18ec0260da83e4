/** The forms exec, entra-token and admin of clusters: kubeconfigs that leave nothing behind in the cluster. Used by mint.ts. */
import { AKS_SERVER_APP, type CloudName } from "../cloud.ts";
import type { OpenedCluster } from "../connectors/ports.ts";
import { utc } from "../time.ts";
import type { ReadClusterAdmin, ReadClusterServer, RefuseClusterToken } from "./cluster-ports.ts";
import { refuseTooLong } from "./fixed-life.ts";
import { type KubeUser, writeKubeconfig } from "./kubeconfig.ts";
import { refuseClusterForm, refuseOtherTenant } from "./kubernetes-cluster.ts";
import { refreshTime } from "./lease.ts";
import type { Minted, MintRequest } from "./minted.ts";
import type { IssueToken, OpenCluster } from "./ports.ts";

/** What making them needs. */
export type MintClusterAccessDeps = {
  readonly openCluster: OpenCluster;
  readonly readClusterServer: ReadClusterServer;
  readonly readClusterAdmin: ReadClusterAdmin;
  readonly refuseClusterToken: RefuseClusterToken;
  readonly issueToken: IssueToken;
};
type Made = Pick<Minted, "times" | "exposedUntil" | "credential" | "marked" | "warnings">;
type Make = (deps: MintClusterAccessDeps, opened: OpenedCluster, request: MintRequest, now: Date) => Promise<Made>;

/**
 * @throws what its ports throw; InputError MODE_UNSUPPORTED UNSUPPORTED_BY_METHOD for a cluster or connector that cannot
 * give the form, CROSS_TENANT for one of another tenant; DeniedError DENIED SCOPE_TOO_WIDE for a token that must not be lent, or not that long
 */
export async function mintClusterAccess(deps: MintClusterAccessDeps, request: MintRequest, now: Date): Promise<Minted> {
  const make = FORMS.get(request.form);
  if (make === undefined) throw new Error("Not a form of this file.");
  const opened = await deps.openCluster(request.connector, request.resourceId);
  refuseClusterForm(opened, request.form);
  const { connector, resourceId, displayName } = opened;
  const made = await make(deps, opened, request, now);
  return { connector, resourceId, displayName, scope: request.scope, upstream: {}, env: {}, ...made };
}

const FORMS: ReadonlyMap<string, Make> = new Map<string, Make>([
  ["exec", mintExec],
  ["entra-token", mintEntraToken],
  ["admin", mintAdmin],
]);

/** Names of the clouds as kubelogin takes them. Source: its documentation, and the environments of go-autorest. */
const ENVIRONMENTS: Readonly<Record<CloudName, string>> = {
  public: "AzurePublicCloud",
  "us-government": "AzureUSGovernmentCloud",
  china: "AzureChinaCloud",
};

async function mintExec(deps: MintClusterAccessDeps, opened: OpenedCluster, request: MintRequest, now: Date) {
  const server = await deps.readClusterServer(opened);
  const { tenantId } = opened.cluster;
  const args = [
    "get-token",
    // After `az login`; in a pipeline the variable AAD_LOGIN_METHOD sets another way, which kubelogin puts above this.
    ...["--login", "azurecli"],
    ...["--environment", ENVIRONMENTS[opened.signIn.cloud]],
    ...["--server-id", AKS_SERVER_APP],
    ...(tenantId === null ? [] : ["--tenant-id", tenantId]),
  ];
  const installHint =
    "kubelogin is needed to sign in to this cluster: az aks install-cli, or https://azure.github.io/kubelogin/install.html";
  const issuedAt = utc(now);
  return {
    times: { issuedAt, expiresAt: null, refreshAfter: null },
    // Nothing that could be used by anybody was given out.
    exposedUntil: issuedAt,
    credential: await kubeconfigOf(opened, request, server, { kind: "exec", command: "kubelogin", args, installHint }),
    marked: null,
    warnings: [
      "This kubeconfig holds no secret: whoever uses it signs in to the cluster as himself (az login and kubelogin), with the rights that he has there. The namespace is where kubectl begins, not a limit.",
    ],
  };
}

async function mintEntraToken(deps: MintClusterAccessDeps, opened: OpenedCluster, request: MintRequest, now: Date) {
  deps.refuseClusterToken(opened.signIn);
  const server = await deps.readClusterServer(opened);
  const { token, expiresAt, tenantId } = await deps.issueToken({ signIn: opened.signIn, audience: AKS_SERVER_APP });
  // A sign-in that names no tenant tells it by its token alone.
  refuseOtherTenant(opened.cluster, tenantId);
  const tooLong = refuseTooLong({ expiresAt, request, connector: opened.connector, now });
  return {
    times: { issuedAt: utc(now), expiresAt: utc(expiresAt), refreshAfter: refreshTime(now, expiresAt) },
    exposedUntil: utc(expiresAt),
    credential: await kubeconfigOf(opened, request, server, { kind: "token", token }),
    marked: token,
    warnings: [
      "This token cannot be narrowed: it works on every AKS cluster where the connector's identity has a role, in all of its namespaces.",
      ...tooLong,
    ],
  };
}

async function mintAdmin(deps: MintClusterAccessDeps, opened: OpenedCluster, request: MintRequest, now: Date) {
  const { server, user, endsAt } = await deps.readClusterAdmin(opened);
  return {
    times: { issuedAt: utc(now), expiresAt: null, refreshAfter: null },
    exposedUntil: null,
    credential: await kubeconfigOf(opened, request, server, { kind: "certificate", ...user }),
    marked: user.keyData,
    warnings: [
      `This is the certificate of the cluster's administrator, the same for everybody who is lent it: it may do everything there, no audit log of the cluster names a person, and nobody can take it back before ${utc(endsAt)} but by rotating the cluster's certificates (az aks rotate-certs).`,
    ],
  };
}

function kubeconfigOf(
  { connector, resourceId, cluster: { cluster } }: OpenedCluster,
  { form, scope }: MintRequest,
  server: Parameters<typeof writeKubeconfig>[0]["server"],
  user: KubeUser,
) {
  const namespace = scope.namespace ?? null;
  return writeKubeconfig({ server, user, namespace, form, resourceId, connectorId: connector.id, cluster });
}
