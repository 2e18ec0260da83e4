/** What the emulated services need of each other: who signs in (Entra), who may (authorization), what is stored. */

/** Claims of an access token that this Entra signed. Further claims may be there. */
export type AccessTokenClaims = {
  readonly aud: string;
  readonly iss: string;
  readonly tid: string;
  /** Object id of the principal. */
  readonly oid: string;
  /** Client id of the application that asked (v1 `appid`, v2 `azp`). */
  readonly appid?: string;
  readonly azp?: string;
  readonly groups?: readonly string[];
  readonly exp: number;
};

/** Why a token is refused; each service maps it to its own answer. */
export type TokenRefusal = "malformed" | "signature" | "expired" | "notYetValid" | "issuer" | "audience";

/** Checks the access tokens of the local Entra. */
export type AccessTokens = {
  /**
   * @param audiences those the service takes, compared without regard to a trailing slash
   * @param tenantId the only tenant whose tokens the service takes; every tenant's if left out
   */
  verify(
    token: string,
    audiences: readonly string[],
    tenantId?: string,
  ): Promise<{ ok: true; claims: AccessTokenClaims } | { ok: false; reason: TokenRefusal }>;
};

/** A principal as role assignments know it: its object id and those of its groups. */
export type Principal = { readonly objectId: string; readonly groups: readonly string[] };

/** Azure RBAC over the role assignments of the seed file. */
export type Authorization = {
  /**
   * @param plane `actions` for ARM, `dataActions` for a service's data plane
   * @param operation e.g. `Microsoft.Storage/storageAccounts/read`; compared without regard to case
   * @param scope ARM id; an assignment at this scope or above it counts
   */
  allows(principal: Principal, plane: "actions" | "dataActions", operation: string, scope: string): boolean;
};

/** A blob container as ARM shows it. */
export type StoredContainer = { readonly name: string; readonly etag: string; readonly lastModified: Date };

/** The containers that really are in Azurite. */
export type ContainerDirectory = {
  list(account: string): Promise<readonly StoredContainer[]>;
};

/** User delegation keys of storage accounts, as far as they were revoked. A key is named by what a SAS says of it. */
export type DelegationKeyRegister = {
  /** Told of every key that is made. */
  made(account: string, key: string): void;
  /** Every key of the account that was made so far is dead. */
  revokeAll(account: string): void;
  isRevoked(account: string, key: string): boolean;
};

/** How a registry's own sign-in asks for its tokens, which ARM keeps: name and password of a token with a scope map. */
export type RegistryTokens = {
  /**
   * What the token may do, as its scope map says it (`repositories/NAME/content/read`); null when name and password are
   * not good for this registry now.
   * @param registryId ARM id
   */
  actionsOf(registryId: string, name: string, password: string): readonly string[] | null;
};
