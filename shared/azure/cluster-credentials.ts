/** What ARM gives of a cluster: itself, its kubeconfigs. Implements ReadCluster, ReadClusterServer and ReadClusterAdmin. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { ManagedClustersOperations } from "@azure/arm-containerservice";
import type { OpenedCluster, ReopenedCluster } from "../connectors/ports.ts";
import type { ReadCluster, ReadClusterAdmin, ReadClusterServer } from "../credentials/cluster-ports.ts";
import { UpstreamError } from "../errors.ts";
import { lazy } from "../lazy.ts";
import { clusterOf } from "./arm-clusters.ts";
import { READER } from "./arm-list.ts";
import { readable } from "./broken-answers.ts";
import { armOptions } from "./client-options.ts";
import { type GivenKubeconfig, readGivenKubeconfig } from "./given-kubeconfig.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector, failureOf } from "./upstream.ts";

const armModule = lazy(() => import("@azure/arm-containerservice"));

const USER_ROLE =
  "Grant the connector's identity the role Azure Kubernetes Service Cluster User Role at the cluster; a cluster that is stopped has to be started.";
const ADMIN_ROLE =
  "Grant the connector's identity the role Azure Kubernetes Service Cluster Admin Role at the cluster; one without local accounts has no administrator's credential.";

type Opened = Pick<OpenedCluster, "signIn" | "cluster">;
/**
 * Gives the kubeconfig of a cluster's user, whatever it holds.
 * @param isDoubted whether what was read before has proved wrong
 * @throws as ReadClusterServer
 */
export type ReadClusterUser = (opened: Opened, isDoubted?: boolean) => Promise<GivenKubeconfig>;

/** Reads the kubeconfig that every user of a cluster is given; on a cluster without Entra it holds a certificate. */
export function createReadClusterUser(identities: ConnectorIdentities): ReadClusterUser {
  return (opened) =>
    callAsConnector("get the kubeconfig of the cluster's users", USER_ROLE, async (abortSignal) => {
      const clusters = await openClusters(identities, opened);
      const { resourceGroup, cluster } = opened.cluster;
      const options = { format: "exec", abortSignal };
      const { kubeconfigs } = await readable(clusters.listClusterUserCredentials(resourceGroup, cluster, options));
      return pick(kubeconfigs, "clusterUser", opened);
    });
}

/** The address and authority of a cluster, without what signs in there. */
export function createReadClusterServer(readUser: ReadClusterUser): ReadClusterServer {
  return async (opened) => (await readUser(opened)).server;
}

/** The administrator's certificate. The token beside it is left out: nobody knows when it ends. */
export function createReadClusterAdmin(identities: ConnectorIdentities): ReadClusterAdmin {
  return (opened) =>
    callAsConnector("get the administrator's kubeconfig of the cluster", ADMIN_ROLE, async (abortSignal) => {
      const clusters = await openClusters(identities, opened);
      const { resourceGroup, cluster } = opened.cluster;
      const { kubeconfigs } = await readable(
        clusters.listClusterAdminCredentials(resourceGroup, cluster, { abortSignal }),
      );
      const { server, certificate } = await pick(kubeconfigs, "clusterAdmin", opened);
      const endsAt = certificate === null ? null : endOfCertificate(certificate);
      if (certificate === null || endsAt === null) throw unusable();
      return { server, user: certificate, endsAt };
    });
}

/** The cluster itself, for ending what was lent there. */
export function createReadCluster(identities: ConnectorIdentities): ReadCluster {
  return (reopened) =>
    callAsConnector("read the cluster", READER, async (abortSignal) => {
      const clusters = await openClusters(identities, reopened);
      const { resourceGroup, cluster } = reopened.cluster;
      try {
        return clusterOf(await readable(clusters.get(resourceGroup, cluster, { abortSignal })));
      } catch (error) {
        const { status, code } = failureOf(error);
        // By its code: a 404 can also say that the subscription is not seen any more.
        if (status === 404 && code !== null && GONE.has(code)) return null;
        throw error;
      }
    });
}
const GONE: ReadonlySet<string> = new Set(["ResourceNotFound", "ResourceGroupNotFound"]);

async function openClusters(
  identities: ConnectorIdentities,
  { signIn, cluster }: Pick<ReopenedCluster, "signIn" | "cluster">,
): Promise<ManagedClustersOperations> {
  const { ContainerServiceClient } = await armModule();
  return new ContainerServiceClient(identities(signIn), cluster.subscriptionId, armOptions(signIn.cloud))
    .managedClusters;
}

/** ARM may give several; they are told apart by name. @throws UpstreamError UPSTREAM_REFUSED */
async function pick(
  kubeconfigs: readonly { readonly name?: string; readonly value?: Uint8Array }[] | undefined,
  name: string,
  { cluster, signIn }: Opened,
): Promise<GivenKubeconfig> {
  const found = (kubeconfigs ?? []).filter((item) => item.name === name);
  const [one, second] = found;
  const given =
    one?.value === undefined || second !== undefined
      ? null
      : await readGivenKubeconfig(one.value, cluster, signIn.cloud);
  if (given === null) throw unusable();
  return given;
}

/** Null when it is no certificate with its key. */
function endOfCertificate({ certificateData, keyData }: NonNullable<GivenKubeconfig["certificate"]>): Date | null {
  try {
    const certificate = new X509Certificate(Buffer.from(certificateData, "base64"));
    const isPair = certificate.checkPrivateKey(createPrivateKey(Buffer.from(keyData, "base64")));
    return isPair ? certificate.validToDate : null;
  } catch {
    return null;
  }
}

function unusable(): UpstreamError {
  return new UpstreamError(
    "UPSTREAM_REFUSED",
    "Azure gave no kubeconfig that is this cluster's alone, with the host name that Azure lists for it and a certificate of its authority. Nothing of it is used.",
    { retryable: false },
  );
}
