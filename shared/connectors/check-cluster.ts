/** Looks at one AKS cluster. No call goes to the cluster, and no credential of it is asked for. Used by verify. */
import { ACCESS_NEEDS } from "./access-needs.ts";
import { CLUSTER_TYPE } from "./arm-id.ts";
import {
  type AccessCheck,
  type Check,
  type Finding,
  fails,
  stateOfAccess,
  unknown,
  withOptionalRemedies,
  works,
} from "./check.ts";
import type { CheckContext } from "./check-context.ts";
import { mayDo } from "./effective.ts";
import type { FoundCluster } from "./found.ts";
import type { Cluster } from "./ports.ts";
import { assignRole, resourceTarget } from "./remedy.ts";

const NEEDS = ACCESS_NEEDS["kubernetes-cluster"];

/** @throws what AzureView throws when there is no answer */
export async function checkCluster(
  context: CheckContext,
  { resourceId, displayName, details }: FoundCluster,
): Promise<Check> {
  const permissions = await context.permissions(resourceId);
  const target = resourceTarget(CLUSTER_TYPE, resourceId);
  const look = (access: "use" | "admin"): AccessCheck => {
    if (access === "admin" && !details.hasLocalAccounts) {
      return fails(access, "assigned", {
        code: "LOCAL_ACCOUNTS_DISABLED",
        message: "The cluster has no local accounts, so there is no administrator's credential.",
      });
    }
    if (permissions === null) {
      return unknown(access, { code: "NOT_PROVED", message: "Azure does not tell what the identity may do there." });
    }
    const { actions, role } = NEEDS[access];
    if (actions.every((action) => mayDo(permissions, action))) return works(access, "assigned");
    return fails(access, "assigned", {
      code: "ROLE_MISSING",
      message: `The role ${role.name} is missing on the cluster.`,
      remedy: assignRole(role, target, context.who),
    });
  };
  const use = look("use");
  const access = withOptionalRemedies([
    use.ok === true ? { ...use, message: inside(details, context.who.objectId) } : use,
    look("admin"),
  ]);
  return { resourceId, displayName, state: stateOfAccess(access), access, findings: findingsOf(details) };
}

/** Reaching the cluster is not yet being allowed anything in it. */
function inside({ hasEntra, hasAzureRbac }: Cluster, objectId: string): string | null {
  if (!hasEntra) return null;
  return hasAzureRbac
    ? "What it may do inside is for the Azure Kubernetes Service RBAC roles to say, and was not looked at."
    : `What it may do inside is for the cluster's own role bindings to say, for the user ${objectId}: kubectl create clusterrolebinding latchkey --clusterrole=view --user=${objectId}`;
}

function findingsOf(cluster: Cluster): Finding[] {
  const findings: [boolean, Finding][] = [
    [!cluster.hasEntra, "NO_ENTRA"],
    [cluster.hasEntra && cluster.hasAzureRbac, "AZURE_RBAC"],
    [cluster.hasEntra && !cluster.hasAzureRbac, "KUBERNETES_RBAC"],
    [!cluster.hasLocalAccounts, "LOCAL_ACCOUNTS_DISABLED"],
    [!cluster.isRunning, "STOPPED"],
    [cluster.isPrivate, "PRIVATE"],
  ];
  return findings.flatMap(([holds, finding]) => (holds ? [finding] : []));
}
