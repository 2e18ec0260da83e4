/** Who calls a vault and what they may do: Key Vault's 401 and 403. Called by key-vault.ts for every request. */
import { decodeJwt } from "jose";
import type { AccessTokenClaims, AccessTokens, Authorization } from "../ports.ts";
import { VaultError } from "./vault-errors.ts";

/** The audience that a vault takes. */
export const VAULT_AUDIENCE = "https://vault.azure.net";

/** A vault as the rights check knows it. */
export type VaultIdentity = {
  readonly name: string;
  readonly location: string;
  /** ARM id of the vault. */
  readonly id: string;
  /** Without them Azure roles decide. `secrets`: permissions by their names there. */
  readonly accessPolicies?: readonly { readonly objectId: string; readonly secrets: readonly string[] }[] | undefined;
};

/** What access policies call an action on one secret; those that are called alike are left out. */
const POLICY_NAMES: Readonly<Record<string, string>> = {
  "getSecret/action": "get",
  "readMetadata/action": "get",
  "setSecret/action": "set",
  "recover/action": "recover",
  "purge/action": "purge",
};

/** @throws VaultError 401 with the challenge that the SDKs read tenant and audience from */
export async function identifyVaultCaller(
  authorization: string | undefined,
  deps: { readonly tokens: AccessTokens; readonly tenantId: string },
): Promise<AccessTokenClaims> {
  const refuse = (message: string) =>
    new VaultError(401, "Unauthorized", message, {
      challenge: `Bearer authorization="https://login.microsoftonline.com/${deps.tenantId}", resource="${VAULT_AUDIENCE}"`,
    });
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
  if (token === undefined) throw refuse("AKV10000: Request is missing a Bearer, PoP, or MTLS_POP token.");
  const verified = await deps.tokens.verify(token, [VAULT_AUDIENCE], deps.tenantId);
  if (verified.ok) return verified.claims;
  switch (verified.reason) {
    case "audience":
      throw refuse(`AKV10022: Invalid audience. Expected ${VAULT_AUDIENCE}, found: ${claimOf(token, "aud")}.`);
    case "issuer": {
      const expected = `https://sts.windows.net/${deps.tenantId}/`;
      throw refuse(`AKV10032: Invalid issuer. Expected one of ${expected}, found ${claimOf(token, "iss")}.`);
    }
    case "expired":
      throw refuse("[TokenExpired] Error validating token: IDX10223");
    case "notYetValid":
      throw refuse("[TokenNotYetValid] Error validating token: IDX10222");
    case "signature":
      throw refuse("AKV10046: Unable to resolve the key used for signature validation.");
    case "malformed":
      throw refuse("[BearerReadAccessTokenFailed] Error validating token: IDX12709");
  }
}

/**
 * @param action without its prefix, e.g. `getSecret/action`
 * @param secret null for the vault itself
 * @param deps.permission what access policies call it, where that does not follow from the action
 * @throws VaultError 403 ForbiddenByRbac, or AccessDenied of a vault on access policies
 */
export function demandVaultRight(
  caller: AccessTokenClaims,
  action: string,
  secret: string | null,
  deps: {
    readonly authorization: Authorization;
    readonly vault: VaultIdentity;
    readonly permission?: string | undefined;
  },
): void {
  const { authorization, vault } = deps;
  if (vault.accessPolicies !== undefined) {
    demandByPolicy(caller, deps.permission ?? POLICY_NAMES[action] ?? action, vault.accessPolicies, vault);
    return;
  }
  const operation = `Microsoft.KeyVault/vaults/secrets/${action}`;
  const scope = secret === null ? vault.id : `${vault.id}/secrets/${secret}`;
  const principal = { objectId: caller.oid, groups: caller.groups ?? [] };
  if (authorization.allows(principal, "dataActions", operation, scope)) return;
  const lines = [
    "Caller is not authorized to perform action on resource.",
    "If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.",
    `Caller: appid=${caller.appid ?? caller.azp ?? ""};oid=${caller.oid};iss=${caller.iss}`,
    `Action: '${operation}'`,
    `Resource: '${scope.toLowerCase()}'`,
    "Assignment: (not found)",
    "DenyAssignmentId: null",
    "DecisionReason: null ",
    `Vault: ${vault.name};location=${vault.location}`,
    "",
  ];
  throw new VaultError(403, "Forbidden", lines.join("\r\n"), { inner: "ForbiddenByRbac" });
}

function demandByPolicy(
  caller: AccessTokenClaims,
  permission: string,
  policies: NonNullable<VaultIdentity["accessPolicies"]>,
  vault: VaultIdentity,
): void {
  const principals = [caller.oid, ...(caller.groups ?? [])];
  const allowed = policies
    .filter(({ objectId }) => principals.includes(objectId))
    .flatMap(({ secrets }) => secrets.map((name) => name.toLowerCase()));
  if (allowed.includes(permission) || allowed.includes("all")) return;
  const who = `appid=${caller.appid ?? caller.azp ?? ""};oid=${caller.oid};iss=${caller.iss}`;
  const message = `The user, group or application '${who}' does not have secrets ${permission} permission on key vault '${vault.name};location=${vault.location}'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287`;
  throw new VaultError(403, "Forbidden", message, { inner: "AccessDenied" });
}

/** A claim for messages only: a refused token is not to be believed. */
function claimOf(token: string, claim: string): string {
  try {
    return String(decodeJwt(token)[claim] ?? "");
  } catch {
    return "";
  }
}
