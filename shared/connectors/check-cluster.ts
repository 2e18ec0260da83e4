/** Looks at one AKS cluster. No call goes to the cluster, and no credential of it is asked for. Used by verify. */
import { ACCESS_NEEDS, CLUSTER_LENDING_ACTIONS } from "./access-needs.ts";
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
import { mayDo, mayDoData } from "./effective.ts";
import type { FoundCluster } from "./found.ts";
import type { Cluster, Permission } from "./ports.ts";
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
    use.ok === true ? { ...use, ...inside(details, permissions ?? [], resourceId, context.who.objectId) } : use,
    look("admin"),
  ]);
  return { resourceId, displayName, state: stateOfAccess(access), access, findings: findingsOf(details) };
}

/**
 * Getting a kubeconfig is not yet being allowed anything inside, which the form service-account needs. The commands give
 * that in one namespace and no more: a role for the whole cluster would be lent with each entra-token.
 */
function inside(
  { hasEntra, hasAzureRbac }: Cluster,
  permissions: readonly Permission[],
  resourceId: string,
  objectId: string,
): Pick<AccessCheck, "code" | "message"> {
  if (!hasEntra) return { code: null, message: null };
  if (!hasAzureRbac) return notProved(`whoever administers a namespace runs there ${bindingCommands(objectId)}`);
  const isProved = CLUSTER_LENDING_ACTIONS.every((action) => mayDoData(permissions, action) === true);
  if (isProved) return { code: null, message: null };
  return notProved(
    `give it a custom role with the data actions ${CLUSTER_LENDING_ACTIONS.join(", ")} at ${resourceId}/namespaces/NAMESPACE`,
  );
}

function notProved(remedy: string): Pick<AccessCheck, "code" | "message"> {
  return {
    code: "NOT_PROVED",
    message: `The kubeconfig can be had; what the identity may do inside the cluster was not looked at. The forms exec and entra-token need nothing more here. For service-account ${remedy}. docs/clusters.md has it all.`,
  };
}

/** Tokens of the one account that is lent, and the Secrets of the leases. `NAMESPACE` is for the reader to fill in. */
function bindingCommands(objectId: string): string {
  const role = (name: string, verbs: string, resource: string) => [
    `kubectl create role ${name} --verb=${verbs} --resource=${resource} --namespace=NAMESPACE`,
    `kubectl create rolebinding ${name} --role=${name} --user=${objectId} --namespace=NAMESPACE`,
  ];
  return [
    ...role("latchkey-tokens", "create", "serviceaccounts/token --resource-name=latchkey"),
    ...role("latchkey-secrets", "get,create,delete", "secrets"),
  ].join(" && ");
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
