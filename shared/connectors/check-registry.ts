/** Looks at one container registry, by its mode. No call goes to the registry itself. Used by verify. */
import { ACCESS_NEEDS, type AccessNeed, OWNING_ACTION } from "./access-needs.ts";
import { REGISTRY_TYPE } from "./arm-id.ts";
import type { AuthMethod } from "./auth-methods.ts";
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
import type { FoundRegistry } from "./found.ts";
import type { Permission } from "./ports.ts";
import { assignRole, resourceTarget } from "./remedy.ts";

const ACCESS = ["read", "write", "delete"] as const;

/** @throws what AzureView throws when there is no answer */
export async function checkRegistry(
  context: CheckContext,
  { resourceId, displayName, details }: FoundRegistry,
  method: AuthMethod,
): Promise<Check> {
  const permissions = await context.permissions(resourceId);
  const needs = ACCESS_NEEDS[`docker-registry ${details.mode}`];
  const target = resourceTarget(REGISTRY_TYPE, resourceId);
  const look = (access: (typeof ACCESS)[number]): AccessCheck => {
    const need = needs[access];
    const remedy = assignRole(need.role, target, context.who);
    if (permissions === null) {
      return unknown(access, { code: "NOT_PROVED", message: "Azure does not tell what the identity may do there." });
    }
    return details.mode === "abac"
      ? inAbacMode(access, need, permissions, remedy)
      : inLegacyMode(access, need, permissions, remedy);
  };
  const access = withOptionalRemedies(ACCESS.map(look));
  const findings: Finding[] = [];
  if (details.adminUserEnabled) findings.push("ADMIN_USER_ENABLED");
  if (details.mode === "abac") findings.push("ABAC_MODE");
  if (method === "access-token" && !details.takesArmTokens) findings.push("ARM_TOKENS_REFUSED");
  return { resourceId, displayName, state: stateOfAccess(access), access, findings };
}

type Remedies = ReturnType<typeof assignRole>;
type Access = (typeof ACCESS)[number];

function inLegacyMode(
  access: Access,
  need: AccessNeed,
  permissions: readonly Permission[],
  remedy: Remedies,
): AccessCheck {
  if (need.actions.every((action) => mayDo(permissions, action))) return works(access, "assigned");
  return fails(access, "assigned", {
    code: "ROLE_MISSING",
    message: `The role ${need.role.name} is missing on the registry, which does not count the roles of repositories.`,
    remedy,
  });
}

function inAbacMode(
  access: Access,
  need: AccessNeed,
  permissions: readonly Permission[],
  remedy: Remedies,
): AccessCheck {
  if (need.actions.every((action) => mayDoData(permissions, action) === true)) return works(access, "assigned");
  if (mayDo(permissions, OWNING_ACTION.pull)) {
    return unknown(access, {
      code: "ROLE_NOT_HONOURED",
      message: `The registry counts the roles of repositories alone: AcrPull, AcrPush, Contributor and Owner do nothing there. The role ${need.role.name} does.`,
      remedy,
    });
  }
  return unknown(access, {
    code: "NOT_PROVED",
    message: `Azure does not list it among the permissions. The role ${need.role.name} gives it.`,
    remedy,
  });
}
