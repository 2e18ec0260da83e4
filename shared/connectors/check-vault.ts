/** Looks at one key vault, or at one secret whose vault was not looked up. Names and dates are read, never a value. Used by verify. */
import { ACCESS_NEEDS } from "./access-needs.ts";
import { VAULT_TYPE } from "./arm-id.ts";
import { type AccessCheck, type Check, type CheckCode, fails, type Remedy, unknown, works } from "./check.ts";
import type { CheckContext } from "./check-context.ts";
import { mayDoData } from "./effective.ts";
import type { FoundVault } from "./found.ts";
import type { Probe } from "./probe.ts";
import { assignRole, resourceTarget, secretTarget, setAccessPolicy } from "./remedy.ts";
import { readVaultSecretName } from "./vault-secret.ts";

const NEEDS = ACCESS_NEEDS["key-vault-secret"];

/** @throws what Probes and AzureView throw when there is no answer */
export async function checkVault(context: CheckContext, found: FoundVault): Promise<Check> {
  return found.details === null ? checkSecret(context, found) : checkWhole(context, found, found.details);
}

async function checkWhole(
  context: CheckContext,
  { resourceId, displayName }: FoundVault,
  { vault, hasRbac }: NonNullable<FoundVault["details"]>,
): Promise<Check> {
  const listed = await context.probes.listSecrets(vault);
  const permissions = await context.permissions(resourceId);
  const remedy = hasRbac
    ? assignRole(NEEDS.list.role, resourceTarget(VAULT_TYPE, resourceId), context.who)
    : setAccessPolicy(vault, resourceId, context.who);
  const list = listed.ok ? works("list", "proved") : fails("list", "proved", wholeReasonOf(listed, remedy, resourceId));
  const mayRead =
    hasRbac && permissions !== null && NEEDS.read.actions.every((action) => mayDoData(permissions, action) === true);
  const read = mayRead
    ? works("read", "assigned")
    : unknown("read", {
        code: "NOT_PROVED",
        message: "No value was read. Single secrets may be open to the identity by rights of their own.",
      });
  const isBlocked = !listed.ok && (listed.reason === "network" || listed.reason === "gone");
  return {
    resourceId,
    displayName,
    state: listed.ok ? "ok" : isBlocked ? "failed" : "degraded",
    access: [list, read],
    findings: hasRbac ? [] : ["ACCESS_POLICIES"],
  };
}

/** A secret by its URL: who is in charge of its vault shows only in a refusal. */
async function checkSecret(context: CheckContext, { resourceId, displayName }: FoundVault): Promise<Check> {
  const secret = readVaultSecretName(resourceId)?.id;
  if (secret === undefined) throw new Error("A found secret has no URL of one.");
  const listed = await context.probes.listVersions(secret);
  const hasPolicies = !listed.ok && listed.reason === "policy";
  return {
    resourceId,
    displayName,
    state: listed.ok ? "ok" : hasPolicies ? "unknown" : "failed",
    access: listed.ok ? [works("list", "proved"), NOT_READ] : [refusedRead(listed)],
    findings: hasPolicies ? ["ACCESS_POLICIES"] : [],
  };

  function refusedRead(probe: Refused): AccessCheck {
    if (secret === undefined) throw new Error("A found secret has no URL of one.");
    if (probe.reason !== "policy") {
      const role = assignRole(NEEDS.read.role, secretTarget(secret, resourceId), context.who);
      return fails("read", "proved", reasonOf(probe, role));
    }
    // Policies may give the value and not the names.
    return unknown("read", reasonOf(probe, setAccessPolicy(secret.vault, resourceId, context.who)));
  }
}

const NOT_READ = unknown("read", {
  code: "NOT_PROVED",
  message: "No value was read: that the identity sees the secret does not prove that it may read it.",
});

/** A role at the vault opens every secret in it, which is seldom what is wanted. */
function wholeReasonOf(probe: Refused, remedy: Remedy | null, vaultId: string) {
  const reason = reasonOf(probe, remedy);
  if (reason.code !== "ROLE_MISSING") return reason;
  return {
    ...reason,
    message: `${reason.message} At the vault it opens every secret: for single ones give it at each, with the scope ${vaultId}/secrets/<name>.`,
  };
}

type Refused = Extract<Probe, { ok: false }>;

function reasonOf(probe: Refused, remedy: Remedy | null): { code: CheckCode; message: string; remedy?: Remedy | null } {
  switch (probe.reason) {
    case "role":
      return { code: "ROLE_MISSING", message: `The role ${NEEDS.read.role.name} is missing.`, remedy };
    case "policy":
      return {
        code: "ACCESS_POLICY_MISSING",
        message:
          "The vault goes by access policies, where roles do nothing. The identity's has no secret permission List.",
        remedy,
      };
    case "network":
      return {
        code: "NETWORK_BLOCKED",
        message: "The vault takes no calls from this service's network. A role does not help; let it in.",
      };
    case "gone":
      return { code: "RESOURCE_NOT_FOUND", message: "There is nothing of this name." };
    case "other":
      return {
        code: "UPSTREAM_REFUSED",
        message: `The vault refused${probe.code === null ? "" : ` (${probe.code})`}.`,
      };
  }
}
