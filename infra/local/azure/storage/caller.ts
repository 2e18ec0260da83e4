/** Who sends a request to Azure Storage: bearer token, user delegation SAS or account key (called by storage.ts). */
import type { IncomingMessage } from "node:http";
import type { AccessTokens, DelegationKeyRegister, TokenRefusal } from "../ports.ts";
import {
  authenticationFailed,
  invalidToken,
  keyNotPermitted,
  malformedAuthorization,
  noAuthentication,
  publicAccessNotPermitted,
  resourceNotFound,
} from "./refusals.ts";
import type { StorageError, StorageService } from "./storage-error.ts";
import { checkUserDelegationSas } from "./user-delegation-sas.ts";

/**
 * `token` and `sas` act as the principal `objectId`, whose roles count.
 * `key` is the account itself: it may do everything, and Azurite checks its signature.
 */
export type Caller =
  | { readonly kind: "token"; readonly objectId: string; readonly tenantId: string; readonly groups: readonly string[] }
  | { readonly kind: "sas"; readonly objectId: string; readonly version: string }
  | { readonly kind: "key" };

/** First API version that takes bearer tokens. Source: learn.microsoft.com, "Authorize with Microsoft Entra ID". */
const BEARER_SINCE = "2017-11-09";
/** First API versions that answer with a bearer challenge. Same source. */
const CHALLENGE_SINCE: Readonly<Record<StorageService, string>> = {
  blob: "2019-12-12",
  queue: "2019-12-12",
  table: "2020-12-06",
};
/** Application id of Azure Storage, which is also an audience of its tokens. */
const STORAGE_APPLICATION = "e406a681-f3d4-42a8-90b6-c2b029497af1";

const TOKEN_DETAIL: Readonly<Record<TokenRefusal, string>> = {
  malformed: "IDX12741: JWT must have three segments (JWS) or five segments (JWE).",
  signature: "Signature validation failed. Signature verification failed.",
  expired: "Lifetime validation failed. The token is expired.",
  notYetValid: "Lifetime validation failed. The token is not yet valid.",
  issuer: "Issuer validation failed. Issuer did not match.",
  audience: "Audience validation failed. Audience did not match.",
};

/** What a request is checked against. */
export type CallerDeps = {
  readonly tokens: AccessTokens;
  readonly tenant: string;
  readonly delegationKeys: DelegationKeyRegister;
  readonly now: () => Date;
};

/** @param account name and whether it takes account keys */
export async function identifyCaller(
  deps: CallerDeps,
  service: StorageService,
  account: { readonly name: string; readonly sharedKeyAccess: boolean },
  request: IncomingMessage,
  query: URLSearchParams,
): Promise<{ ok: true; caller: Caller } | { ok: false; error: StorageError }> {
  const refuse = (error: StorageError) => ({ ok: false as const, error });
  const byKey = () =>
    account.sharedKeyAccess ? { ok: true as const, caller: { kind: "key" as const } } : refuse(keyNotPermitted());
  const version = headerOf(request, "x-ms-version");
  const challenges = version >= CHALLENGE_SINCE[service];

  const authorization = request.headers.authorization;
  if (authorization !== undefined) {
    const [, scheme = "", value = ""] = /^(\S+)\s+(\S.*)$/.exec(authorization) ?? [];
    if (scheme === "SharedKey" || scheme === "SharedKeyLite") return byKey();
    if (scheme.toLowerCase() !== "bearer") return refuse(malformedAuthorization());
    if (version < BEARER_SINCE) {
      return refuse(authenticationFailed("Authentication scheme Bearer is not supported in this version."));
    }
    const own = `https://${account.name}.${service}.core.windows.net`;
    const verdict = await deps.tokens.verify(
      value,
      ["https://storage.azure.com", own, STORAGE_APPLICATION],
      deps.tenant,
    );
    if (!verdict.ok) {
      const detail = TOKEN_DETAIL[verdict.reason];
      return refuse(challenges ? invalidToken(detail, deps.tenant) : authenticationFailed(detail));
    }
    const { oid, tid, groups } = verdict.claims;
    return { ok: true, caller: { kind: "token", objectId: oid, tenantId: tid, groups: groups ?? [] } };
  }

  if (query.has("sig")) {
    if (service !== "blob" || !query.has("skoid")) return byKey();
    const checked = checkUserDelegationSas(query, deps.tenant, deps.now());
    if (!checked.ok) return checked;
    // How Azure words this is not recorded anywhere; with another key the signature cannot match.
    if (deps.delegationKeys.isRevoked(account.name, checked.sas.key)) {
      return refuse(authenticationFailed("Signature did not match."));
    }
    return {
      ok: true,
      caller: { kind: "sas", objectId: checked.sas.ownerObjectId, version: checked.sas.version },
    };
  }

  // Without a credential the table service answers as to a wrong one.
  if (service === "table") return refuse(challenges ? invalidToken("", deps.tenant) : authenticationFailed(""));
  if (challenges) return refuse(noAuthentication(deps.tenant));
  const isRead = request.method === "GET" || request.method === "HEAD";
  return refuse(service === "blob" && isRead ? publicAccessNotPermitted() : resourceNotFound());
}

/** A header as one text, empty when it is not there. */
export function headerOf(request: IncomingMessage, name: string): string {
  return String(request.headers[name] ?? "");
}
