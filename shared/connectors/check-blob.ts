/** Looks at one blob container: what its data roles give, and whether SAS tokens can be signed. Used by verify. */
import { ACCESS_NEEDS, type AccessNeed, OWNING_ACTION, type Role } from "./access-needs.ts";
import { STORAGE_ACCOUNT_TYPE } from "./arm-id.ts";
import { type AccessCheck, type Check, fails, stateOfAccess, unknown, withOptionalRemedies, works } from "./check.ts";
import type { CheckContext } from "./check-context.ts";
import { mayDo, mayDoData } from "./effective.ts";
import type { FoundContainer } from "./found.ts";
import type { Permission } from "./ports.ts";
import type { Probe } from "./probe.ts";
import { assignRole, containerTarget, resourceTarget } from "./remedy.ts";
import { storageAccountArmId } from "./resource-name.ts";

const NEEDS = ACCESS_NEEDS["blob-container"];

/** @throws what Probes and AzureView throw when there is no answer */
export async function checkContainer(context: CheckContext, found: FoundContainer): Promise<Check> {
  const { details: id, resourceId, displayName } = found;
  // The account first: one that does not answer is not asked again for each of its containers.
  const key = await context.delegationKey(id.account);
  const listed = await context.probes.listBlobs(id);
  const permissions = await context.permissions(resourceId);
  const owns = permissions !== null && mayDo(permissions, OWNING_ACTION.account);
  const target = containerTarget(resourceId, id);
  const read = (access: "read" | "list") =>
    listed.ok ? works(access, "proved") : refused(access, listed, { owns, role: NEEDS[access].role, target, context });
  const data = withOptionalRemedies([
    read("read"),
    read("list"),
    assigned("write", NEEDS.write, permissions),
    assigned("delete", NEEDS.delete, permissions),
  ]);
  const accountId = storageAccountArmId(id);
  const account = resourceTarget(STORAGE_ACCOUNT_TYPE, accountId);
  const sign = key.ok
    ? works("sign", "proved")
    : refused("sign", key, { owns, role: NEEDS.sign.role, target: account, context });
  const state = stateOfAccess(data);
  return {
    resourceId,
    displayName,
    // What can be read and not be signed for can be read by the connector, and lent to nobody.
    state: state === "ok" && !key.ok ? "degraded" : state,
    access: [...data, sign],
    findings: (await context.isHns(id)) ? ["HNS"] : [],
  };
}

type Circumstances = {
  readonly owns: boolean;
  readonly role: Role;
  readonly target: Parameters<typeof assignRole>[1];
  readonly context: CheckContext;
};

function refused(
  access: "read" | "list" | "sign",
  probe: Extract<Probe, { ok: false }>,
  { owns, role, target, context }: Circumstances,
): AccessCheck {
  switch (probe.reason) {
    case "network":
      return fails(access, "proved", {
        code: "NETWORK_BLOCKED",
        message: "The storage account takes no calls from this service's network. A role does not help; let it in.",
      });
    case "gone":
      return fails(access, "proved", { code: "RESOURCE_NOT_FOUND", message: "The container is not there any more." });
    case "role":
    case "policy": {
      const remedy = assignRole(role, target, context.who);
      // A key can be had with a control action, which owners have.
      if (owns && access !== "sign") {
        return fails(access, "proved", {
          code: "CONTROL_PLANE_ONLY",
          message: `Roles like Contributor are control plane only and do not open blobs. The role ${role.name} does.`,
          remedy,
        });
      }
      const where = access === "sign" ? "on the storage account itself" : "on the container or above it";
      return fails(access, "proved", {
        code: "ROLE_MISSING",
        message: `The role ${role.name} is missing ${where}.`,
        remedy,
      });
    }
    case "other":
      return fails(access, "proved", {
        code: "UPSTREAM_REFUSED",
        message: `The storage account refused${probe.code === null ? "" : ` (${probe.code})`}.`,
      });
  }
}

/** No harmless call shows these, so only what Azure lists of the permissions counts. */
function assigned(
  access: "write" | "delete",
  need: AccessNeed,
  permissions: readonly Permission[] | null,
): AccessCheck {
  const isListed = permissions !== null && need.actions.every((action) => mayDoData(permissions, action) === true);
  if (isListed) return works(access, "assigned");
  return unknown(access, {
    code: "NOT_PROVED",
    message: `Nothing harmless proves it, and Azure does not list it among the permissions. The role ${need.role.name} gives it.`,
  });
}
