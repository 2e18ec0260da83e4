/** Kubeconfigs of clusters, in ARM: that of a user and that of the administrator. Registered by arm.ts. */
import type { z } from "zod";
import type { Placed } from "../../placed-resources.ts";
import type { Seed } from "../../seed.ts";
import type { clusterSchema } from "../../seed-resources.ts";
import { type ClusterAuthorities, clusterHost } from "../kubernetes/cluster-identity.ts";
import { CLUSTER_API_VERSIONS } from "./api-versions.ts";
import { ArmError } from "./arm-errors.ts";
import type { ArmAnswer, ArmOperation, ArmRequest } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";
import {
  administratorUser,
  authProviderUser,
  type KubeconfigUser,
  kubeconfig,
  kubeloginUser,
} from "./cluster-kubeconfig.ts";
import { clusters } from "./clusters.ts";
import { memberOf } from "./provider-operations.ts";

const KIND = "Microsoft.ContainerService/managedClusters";
const PATH = `/subscriptions/:subscription/resourceGroups/:group/providers/${KIND}/:cluster`;
const PORT = 443;

type Cluster = Placed<z.infer<typeof clusterSchema>>;

/** What the operations need. */
export type ClusterCredentialDeps = {
  readonly seed: Seed;
  readonly rights: ArmRights;
  readonly authorities: ClusterAuthorities;
  /** PEM text of the authority behind the API servers' certificates. */
  readonly ca: string;
};

/**
 * A stopped cluster answers as a running one: only its host name is gone. Source of the shapes: azure-rest-api-specs,
 * Microsoft.ContainerService, and public kubeconfigs that AKS wrote.
 */
export function clusterCredentialOperations(deps: ClusterCredentialDeps): ArmOperation[] {
  const of = (request: ArmRequest, action: string) =>
    memberOf(deps.seed, clusters(deps.seed), request, "cluster", (scope) =>
      deps.rights.demand(request.caller, `${KIND}/${action}/action`, scope),
    );
  const administrator = async (cluster: Cluster) => {
    if (!cluster.resource.localAccounts) throw localAccountsDisabled();
    const authority = await deps.authorities.of(cluster.id);
    return administratorUser(await authority.administrator());
  };
  const answer = (request: ArmRequest, cluster: Cluster, name: string, user: KubeconfigUser): ArmAnswer => {
    const text = kubeconfig({
      cluster: cluster.name,
      server: `https://${hostOf(cluster, request)}:${PORT}`,
      ca: deps.ca,
      userName: `${name}_${cluster.group.name}_${cluster.name}`,
      user,
    });
    return { status: 200, body: { kubeconfigs: [{ name, value: Buffer.from(text).toString("base64") }] } };
  };
  return [
    operation("listClusterUserCredential", async (request) => {
      const cluster = of(request, "listClusterUserCredential");
      const format = formatOf(request);
      if (cluster.resource.entra === "none") {
        return answer(request, cluster, "clusterUser", await administrator(cluster));
      }
      const user = format === "azure" ? authProviderUser(cluster.tenantId) : kubeloginUser(cluster.tenantId);
      return answer(request, cluster, "clusterUser", user);
    }),
    operation("listClusterAdminCredential", async (request) => {
      const cluster = of(request, "listClusterAdminCredential");
      return answer(request, cluster, "clusterAdmin", await administrator(cluster));
    }),
  ];
}

function operation(name: string, answer: ArmOperation["answer"]): ArmOperation {
  return {
    method: "POST",
    path: `${PATH}/${name}`,
    apiVersions: CLUSTER_API_VERSIONS,
    provider: { type: "managedClusters" },
    answer,
  };
}

/** Clusters of these versions take kubelogin where nothing is asked for. @throws ArmError 400 for any other format */
function formatOf(request: ArmRequest): "azure" | "exec" {
  const asked = request.query("format")?.toLowerCase() ?? "exec";
  if (asked === "azure" || asked === "exec") return asked;
  throw clusterRefusal("BadRequest", `The format ${asked} is invalid: it is azure or exec.`);
}

/** @throws ArmError 400 for a name that the cluster has not */
function hostOf(cluster: Cluster, request: ArmRequest): string {
  const { fqdn, privateFqdn, server } = clusterHost(cluster.id, cluster.resource, cluster.location);
  const asked = request.query("server-fqdn")?.toLowerCase();
  if (asked === undefined || asked === "") return server;
  if (asked === "public") return fqdn;
  if (asked === "private" && privateFqdn !== null) return privateFqdn;
  throw clusterRefusal("BadRequest", `The server-fqdn ${asked} is invalid for this cluster.`);
}

/** 400 of the provider. Source: hashicorp/terraform-provider-azurerm pull request 15489. */
function localAccountsDisabled(): ArmError {
  const message = "Getting static credential is not allowed because this cluster is set to disable local accounts.";
  return clusterRefusal("BadRequest", message);
}

function clusterRefusal(code: string, message: string): ArmError {
  return new ArmError(400, code, message, { gateway: false, form: "cluster" });
}
