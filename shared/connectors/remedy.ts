/** What would mend a missing right: the role, where, the az command and the Bicep text. Pure. Used by the check-*.ts. */
import type { Role } from "./access-needs.ts";
import { CLUSTER_TYPE, REGISTRY_TYPE, STORAGE_ACCOUNT_TYPE, VAULT_TYPE } from "./arm-id.ts";
import type { Remedy } from "./check.ts";
import type { SignedIn, VaultSecretId } from "./ports.ts";

/** Where a role is to be assigned. */
export type Target = {
  /** ARM id, or for a secret whose vault was not looked up its URL. */
  readonly scope: string;
  /** What az is told in its place, if that differs. */
  readonly azScope?: string;
  /** Type as Bicep writes it, with its API version. */
  readonly bicepType: string;
  /** Name with those of its parents, by slashes. */
  readonly bicepName: string;
};

/** API versions that are older than the clouds' youngest, so that they work in each. */
const VERSIONS = {
  [STORAGE_ACCOUNT_TYPE]: "2023-05-01",
  [REGISTRY_TYPE]: "2025-11-01",
  [CLUSTER_TYPE]: "2024-10-01",
  [VAULT_TYPE]: "2023-07-01",
} as const;

/** A storage account, registry, cluster or vault. @param armId canonical */
export function resourceTarget(type: keyof typeof VERSIONS, armId: string): Target {
  const name = armId.slice(armId.lastIndexOf("/") + 1);
  return { scope: armId, bicepType: `${type}@${VERSIONS[type]}`, bicepName: name };
}

/** A blob container. */
export function containerTarget(armId: string, { account, container }: { account: string; container: string }): Target {
  const type = `${STORAGE_ACCOUNT_TYPE}/blobServices/containers@${VERSIONS[STORAGE_ACCOUNT_TYPE]}`;
  return { scope: armId, bicepType: type, bicepName: `${account}/default/${container}` };
}

/** A secret by its URL: az looks the vault's place up by its name, which is the only one in the cloud. */
export function secretTarget({ vault, name }: VaultSecretId, url: string): Target {
  return {
    scope: url,
    azScope: `$(az keyvault show --name ${vault} --query id --output tsv)/secrets/${name}`,
    bicepType: `${VAULT_TYPE}/secrets@${VERSIONS[VAULT_TYPE]}`,
    bicepName: `${vault}/${name}`,
  };
}

/** What can stand between quotes in a shell and in Bicep without meaning anything there. */
const PLAIN = /^[-\p{L}\p{N}_./():]+$/u;

/** Null where a name could mean something to a shell: no command is better than a wrong one. */
export function assignRole(
  role: Role,
  target: Target,
  { objectId, kind }: Pick<SignedIn, "objectId" | "kind">,
): Remedy | null {
  const { scope, azScope = scope, bicepType, bicepName } = target;
  if (![scope, bicepName, objectId].every((text) => PLAIN.test(text))) return null;
  const properties = `principalId: '${objectId}', principalType: '${kind}', roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '${role.id}')`;
  return {
    role: role.name,
    roleDefinitionId: `/providers/Microsoft.Authorization/roleDefinitions/${role.id}`,
    scope,
    az: `az role assignment create --assignee-object-id ${objectId} --assignee-principal-type ${kind} --role "${role.name}" --scope "${azScope}"`,
    bicep: [
      `resource target '${bicepType}' existing = { name: '${bicepName}' }`,
      `resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = { name: guid(target.id, '${objectId}', '${role.id}'), scope: target, properties: { ${properties} } }`,
    ].join("\n"),
    optional: false,
  };
}

/** As assignRole, for a vault where access policies decide and roles do nothing. @param scope its ARM id or URL */
export function setAccessPolicy(vault: string, scope: string, { objectId, tenantId }: SignedIn): Remedy | null {
  if (![vault, scope, objectId, tenantId].every((text) => PLAIN.test(text))) return null;
  return {
    role: null,
    roleDefinitionId: null,
    scope,
    az: `az keyvault set-policy --name ${vault} --object-id ${objectId} --secret-permissions get list`,
    bicep: `resource policy 'Microsoft.KeyVault/vaults/accessPolicies@${VERSIONS[VAULT_TYPE]}' = { name: '${vault}/add', properties: { accessPolicies: [{ tenantId: '${tenantId}', objectId: '${objectId}', permissions: { secrets: ['get', 'list'] } }] } }`,
    optional: false,
  };
}
