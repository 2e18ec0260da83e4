/** What issuing needs from outside. Other domains are named here as ports and joined in functions/main.ts. */
import type { Ask as AccessAsk } from "../access/ports.ts";
import type {
  Opened,
  OpenedCluster,
  OpenedContainer,
  OpenedRegistry,
  OpenedStorageAccount,
  OpenedSubscription,
  OpenedVaultSecret,
  ReopenedCluster,
  ReopenedRegistry,
  ResourceType,
  SignIn,
  VaultSecretId,
} from "../connectors/ports.ts";
import type { Principal } from "../principal.ts";
import type { Scope } from "../scope.ts";
import type { RegistryAccess } from "./docker-registry.ts";
import type { Lease } from "./lease.ts";
import type { Minted, MintRequest } from "./minted.ts";

/** Resolves a container inside the named connector. @throws LatchkeyError, see connectors/use.ts */
export type OpenContainer = (connector: string, resourceId: string) => Promise<OpenedContainer>;

/** Checks that the named connector may be used for a secret. @throws LatchkeyError, see connectors/use.ts */
export type OpenVaultSecret = (connector: string, resourceId: string) => Promise<OpenedVaultSecret>;
/** Resolves a subscription inside the named connector. @throws LatchkeyError, see connectors/use.ts */
export type OpenSubscription = (connector: string, resourceId: string, asked: string) => Promise<OpenedSubscription>;

/** One version of a secret, as its vault has it. */
export type VaultSecret = {
  readonly value: string;
  readonly version: string;
  readonly contentType: string | null;
  readonly notBefore: Date | null;
  readonly expiresAt: Date | null;
};
/**
 * Reads a secret from a customer's vault; null version = the latest, null answer = there is none.
 * @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT VAULT_UNAVAILABLE
 */
export type ReadVaultSecret = (request: {
  readonly signIn: SignIn;
  readonly secret: VaultSecretId;
  readonly version: string | null;
}) => Promise<VaultSecret | null>;

/**
 * URI of an audience by the name that requests use, if this sign-in may give tokens for it.
 * @throws InputError INVALID_REQUEST for one that is not served, UNSUPPORTED_BY_METHOD; DeniedError DENIED for tokens of
 * the app itself
 */
export type AudienceUri = (name: string, signIn: Pick<SignIn, "cloud" | "authMethod" | "configuration">) => string;
/**
 * A new access token of a connector's identity; its end is read from the token.
 * @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT VAULT_UNAVAILABLE
 */
export type IssueToken = (request: {
  readonly signIn: SignIn;
  readonly audience: string;
}) => Promise<{ token: string; expiresAt: Date; tenantId: string }>;

/** Limits inside a resource. */
export type { Scope } from "../scope.ts";

/**
 * Resolves a registry inside the named connector.
 * @param asked how the caller named it: policy does not look at the hash in a host name, so here it must be the real one
 * @throws LatchkeyError, see connectors/use.ts
 */
export type OpenRegistry = (connector: string, resourceId: string, asked: string) => Promise<OpenedRegistry>;
/** Resolves a cluster inside the named connector. @throws LatchkeyError, see connectors/use.ts */
export type OpenCluster = (connector: string, resourceId: string) => Promise<OpenedCluster>;
/**
 * The registry of a lease, to end what was lent: also through a connector that is expired or disabled. By canonical id.
 * @throws NotFoundError NOT_FOUND when the connector was deleted
 */
export type ReopenRegistry = (connectorId: string, resourceId: string) => Promise<ReopenedRegistry>;
/** The same for a cluster. */
export type ReopenCluster = (connectorId: string, resourceId: string) => Promise<ReopenedCluster>;
/**
 * Whether a connector, by its id, may be used at this moment, whatever was known of it a moment ago.
 * @throws NotFoundError NOT_FOUND, ConflictError CONNECTOR_EXPIRED CONNECTOR_DISABLED, UpstreamError STATE_UNAVAILABLE
 */
export type RefuseUnusable = (connectorId: string) => Promise<void>;

/** A token with its end, which is read from it. */
export type EndingToken = { readonly token: string; readonly expiresAt: Date };
/**
 * An access token of a registry for these repositories with these rights and nothing else: what it was granted is read
 * from it and compared.
 * @throws InputError SIGN_IN_FAILED UNSUPPORTED_BY_METHOD, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT
 */
export type IssueRegistryToken = (
  opened: Pick<OpenedRegistry, "registry" | "signIn">,
  repositories: readonly string[],
  access: readonly RegistryAccess[],
) => Promise<EndingToken>;
/** A new refresh token of a registry: all that the connector's identity may do there. @throws as IssueRegistryToken */
export type IssueRefreshToken = (opened: Pick<OpenedRegistry, "registry" | "signIn">) => Promise<EndingToken>;
/** Names of all repositories, in order, behind none; at most `limit`. @throws as IssueRegistryToken */
export type ListRepositories = (
  opened: Pick<OpenedRegistry, "registry" | "signIn">,
  limit: number,
) => Promise<readonly string[]>;

/** What the caller gets for a container. `sasToken` has no leading `?`. */
export type BlobSas = { readonly accountUrl: string; readonly containerUrl: string; readonly sasToken: string };
/**
 * Makes SAS tokens under a user delegation key.
 * @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT VAULT_UNAVAILABLE
 */
export type IssueBlobSas = (request: {
  readonly signIn: SignIn;
  readonly account: string;
  readonly container: string;
  /** SAS letters, e.g. `rl`. */
  readonly permissions: string;
  readonly expiresAt: Date;
}) => Promise<{ readonly sas: BlobSas /** When the key that signs it was asked for. */; readonly keyAskedAt: Date }>;

/** What policy says of a request that it allows. */
export type Authorized = {
  readonly rule: string;
  /** Canonical id of the resource that the request means. */
  readonly resourceId: string;
  /** As asked, filled up from the grant: repositories may be patterns. */
  readonly scope: Scope;
  readonly maxTtlSeconds: number;
  readonly grantExpiresAt: string | null;
};
/** A request as policy looks at it. */
export type Ask = AccessAsk & { readonly resourceType: ResourceType };
/** Asks policy. @throws DeniedError DENIED GROUPS_OVERAGE SCOPE_TOO_WIDE, ConflictError AMBIGUOUS_RESOURCE, UpstreamError */
export type Authorize = (by: Principal, ask: Ask) => Promise<Authorized>;
/** Name of a connector by its name or id. @throws NotFoundError NOT_FOUND for an id that is none */
export type ConnectorName = (nameOrId: string) => Promise<string>;

/** A record that cannot be read any more. */
export type DamagedLease = { readonly id: string; readonly damaged: true };

/** Stored leases. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type LeaseStore = {
  /** Asked before anything is made; what is certain is still only what insert says. @throws LimitError LEASE_LIMIT */
  checkRoom(principalHash: string): Promise<void>;
  /** Its ETag. @throws LimitError LEASE_LIMIT when the principal holds as many active ones as it may */
  insert(lease: Lease): Promise<string>;
  /** By id; null when there is none. */
  find(leaseId: string): Promise<{ lease: Lease; etag: string } | null>;
  /** Replaces a lease that is still as it was read: its new ETag, or null when it is not. An ended one counts no more. */
  replace(lease: Lease, etag: string): Promise<string | null>;
  /** Leases of one principal, or of all, by their ids. `after` is the id of the last one seen. */
  list(query: {
    principalHash: string | null;
    after: string | null;
    limit: number;
  }): Promise<readonly (Lease | DamagedLease)[]>;
  /** Takes back an insert whose credential was never answered. */
  remove(lease: Lease): Promise<void>;
};

/** One time at which the sweep must look at a lease. */
export type DueLease = { readonly leaseId: string /** UTC, whole seconds. */; readonly dueAt: string };
/**
 * When to look at the leases that leave something in Azure, and which of them could not be ended.
 * Every call: @throws UpstreamError STATE_UNAVAILABLE
 */
export type LeaseDueStore = {
  /** Adds a time, or repeats it. A lease may have several: the sweep drops what has nothing to say any more. */
  file(due: DueLease): Promise<void>;
  /** Takes one time back; one that is not there is no error. */
  drop(due: DueLease): Promise<void>;
  /** What is due, by the hour and the lease, behind `after`. */
  list(now: Date, after: DueLease | null, limit: number): Promise<readonly DueLease[]>;
  /** Lists a lease among those that could not be ended, or takes it off. Both may be repeated. */
  setIrrevocable(leaseId: string, isIrrevocable: boolean): Promise<void>;
  /** Ids of those, in order, behind `after`. */
  listIrrevocable(after: string | null, limit: number): Promise<readonly string[]>;
};

/** What a form will leave in Azure for one lease, before any of it is there. */
export type PlannedUpstream = Pick<Opened, "connector" | "resourceId" | "displayName"> & {
  /** Names by which a process that knows only the record finds it again. No secrets. */
  readonly upstream: Readonly<Record<string, string>>;
  /** What it will be for, without patterns. */
  readonly scope: Scope;
  readonly expiresAt: string;
};
/**
 * A form whose credentials leave something in Azure: a token of a registry, a Secret of a cluster. Every call:
 * @throws LatchkeyError; UpstreamError where trying again may help
 */
export type UpstreamForm = {
  /** What ending such a lease does to its credential. */
  readonly revocation: "immediate" | "delayed";
  /** Says what would be made, under names that follow from the lease's id; changes nothing. */
  plan(request: MintRequest, leaseId: string, now: Date): Promise<PlannedUpstream>;
  /** Makes what was planned. @throws NothingMade where nothing is left to be removed */
  make(request: MintRequest, planned: PlannedUpstream, now: Date, leaseId: string): Promise<Minted>;
  /** A new secret for what is there. @throws ConflictError LEASE_CLOSED when it is not: nothing is made anew here */
  renew(request: MintRequest, lease: Lease, now: Date): Promise<Minted>;
  /**
   * Removes what was made under these names; nothing there = done. Until when its secrets may still work after that.
   * @throws NotNowError where nothing can be removed as things are, and nothing of the lease works meanwhile
   */
  remove(lease: Lease): Promise<{ readonly exposedUntil: Date }>;
};
/** The forms that leave something in Azure, by name. */
export type UpstreamForms = ReadonlyMap<string, UpstreamForm>;

/**
 * Leases with SAS tokens that may still work, whatever their state, in the order of their ids, behind `after`.
 * @throws UpstreamError STATE_UNAVAILABLE
 */
export type ListLivingSas = (
  after: string | null,
  limit: number,
) => Promise<readonly { readonly found: Lease | DamagedLease; readonly etag: string }[]>;
/** Resolves a storage account inside the named connector. @throws LatchkeyError, see connectors/use.ts */
export type OpenStorageAccount = (connector: string, text: string) => Promise<OpenedStorageAccount>;
/**
 * Ends every user delegation key of an account, whoever had it made, and forgets those of this process.
 * @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED (nothing was ended) UPSTREAM_TIMEOUT (not known)
 */
export type RevokeDelegationKeys = (opened: OpenedStorageAccount) => Promise<void>;

/** The mark by which the audit trail recognises a credential. @throws UpstreamError VAULT_UNAVAILABLE */
export type ComputeMac = (credential: string) => Promise<string>;
