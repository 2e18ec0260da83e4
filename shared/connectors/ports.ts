/** What connectors need from outside: secrets, records, the directory's sign-in, and a view of Azure's resources. */
import type { AuthMethod, ConnectorConfiguration, SecretKind } from "./auth-methods.ts";
import type { Connector, Verification } from "./connector.ts";
import type { BlobContainerId } from "./resource-name.ts";
import type { VaultSecretId } from "./vault-secret.ts";

/** Types of resources that connectors serve, and a place inside a vault. */
export type { ResourceType } from "./resource-type.ts";
export type { VaultSecretId } from "./vault-secret.ts";

/** Everything that is needed to sign in as a connector. */
export type SignIn = {
  /** Equal keys sign in equally, so tokens may be shared; null = one use, keep nothing. */
  readonly key: string | null;
  readonly cloud: Connector["cloud"];
  readonly authMethod: AuthMethod;
  readonly configuration: ConnectorConfiguration;
  /** Read only when a new sign-in needs it; null for methods without. `read`: @throws UpstreamError VAULT_UNAVAILABLE */
  readonly secret: { readonly kind: SecretKind; readonly read: () => Promise<string> } | null;
};
/** Who a sign-in turned out to be, from its token. */
export type SignedIn = {
  readonly tenantId: string;
  readonly objectId: string;
  /** What it is in role assignments. */
  readonly kind: "User" | "ServicePrincipal";
};

/** Secrets of connectors, in the app's key vault. */
export type SecretStore = {
  /** Stores a new version and returns its id. @throws UpstreamError VAULT_UNAVAILABLE */
  put(name: string, value: string): Promise<string>;
  /** @throws UpstreamError VAULT_UNAVAILABLE */
  get(name: string, version: string): Promise<string>;
  /** Deletes the secret with all its versions; one that is not there is no error. @throws UpstreamError VAULT_UNAVAILABLE */
  remove(name: string): Promise<void>;
};

/** Stored connectors. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type ConnectorStore = {
  /** @throws ConflictError NAME_TAKEN */
  insert(connector: Connector): Promise<{ etag: string }>;
  /** By name or id; null when there is none. */
  find(nameOrId: string): Promise<{ connector: Connector; etag: string } | null>;
  /** At most `limit` connectors whose names follow `after`, in order. */
  list(after: string | null, limit: number): Promise<readonly Connector[]>;
  /** Replaces a connector that is still as it was read; its name and id stay. Its new ETag, or null when it is not. */
  replace(connector: Connector, etag: string): Promise<string | null>;
  /** Deletes a connector that is still as it was read; false when it is not. */
  removeIf(connector: Connector, etag: string): Promise<boolean>;
  /** Takes back an insert whose registration failed afterwards. */
  remove(connector: Connector): Promise<void>;
};

/**
 * Leases through a connector: `leaving`, something of theirs is in Azure that only this connector's sign-in can remove;
 * else `active`, their credentials live on without it; else `none`.
 * @throws UpstreamError STATE_UNAVAILABLE
 */
export type LeasesThrough = (connectorId: string) => Promise<"none" | "active" | "leaving">;

/** What the last verification of each connector found. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type VerificationStore = {
  put(connectorId: string, verification: Verification): Promise<void>;
  get(connectorId: string): Promise<Verification | null>;
  /** One that is not there is no error. */
  remove(connectorId: string): Promise<void>;
};

/** A subscription that a sign-in can see. Its id is in lower case. */
export type Subscription = { readonly subscriptionId: string; readonly displayName: string };

/** Where a resource stands. The subscription's id is in lower case. */
export type ArmPlace = { readonly subscriptionId: string; readonly resourceGroup: string };

/** A storage account that a sign-in can see. */
export type StorageAccount = ArmPlace & { readonly account: string };
/** The same, as ARM describes it. `location` e.g. `westeurope`: the storage provider counts by it. */
export type StorageAccountDetails = StorageAccount & { readonly location: string; readonly isHnsEnabled: boolean };

/** A container registry. */
export type Registry = ArmPlace & {
  readonly registry: string;
  /** Decides how many tokens it may have. */
  readonly tier: "Basic" | "Standard" | "Premium";
  /** Host name, in lower case. */
  readonly loginServer: string;
  /** `abac`: only the repository roles count there, and AcrPull and AcrPush do not. */
  readonly mode: "legacy" | "abac";
  readonly adminUserEnabled: boolean;
  /** Whether it takes tokens that were made for ARM. */
  readonly takesArmTokens: boolean;
};

/** An AKS cluster. */
export type Cluster = ArmPlace & {
  readonly cluster: string;
  /** Whether people sign in to it with Entra. */
  readonly hasEntra: boolean;
  /** Whether Azure roles decide inside it; else its own role bindings do. */
  readonly hasAzureRbac: boolean;
  readonly hasLocalAccounts: boolean;
  readonly isPrivate: boolean;
  readonly isRunning: boolean;
  /** Host names of its API server as ARM tells them, in lower case; the second is that of a private cluster. */
  readonly fqdn: string | null;
  readonly privateFqdn: string | null;
  /** In whose directory its people are; null without Entra. */
  readonly tenantId: string | null;
};

/** A key vault. */
export type Vault = ArmPlace & {
  readonly vault: string;
  /** Else access policies decide who reads secrets. */
  readonly hasRbac: boolean;
};

/** A user-assigned managed identity. */
export type Identity = ArmPlace & {
  readonly identity: string;
  readonly location: string;
  readonly clientId: string;
  readonly principalId: string;
  readonly tenantId: string;
};

/** What one role assignment gives the signed-in identity at a scope. Patterns with `*`; nothing is taken from another's. */
export type Permission = {
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly dataActions: readonly string[];
  readonly notDataActions: readonly string[];
};

/** Told before each page of a list is asked for. What it throws ends the list. */
export type BeforePage = () => void;

/**
 * Azure as one sign-in sees it. Every call: @throws InputError SIGN_IN_FAILED,
 * UpstreamError UPSTREAM_REFUSED or UPSTREAM_TIMEOUT. Lists: all pages; of a subscription, or of one resource group in it;
 * an unknown group has none.
 */
export type AzureView = {
  /** Proves that the sign-in works: gets a token for ARM and reads who it is for. */
  signIn(): Promise<SignedIn>;
  /** Those in which the identity has any role. */
  subscriptions(): Promise<readonly Subscription[]>;
  storageAccounts(
    subscriptionId: string,
    resourceGroup: string | null,
    beforePage?: BeforePage,
  ): Promise<readonly StorageAccountDetails[]>;
  /** @param account with its `location` where that is known: the storage provider counts by it */
  containers(
    account: StorageAccount & { readonly location?: string },
    beforePage?: BeforePage,
  ): Promise<readonly string[]>;
  /** The container in ARM's own case; null when it does not exist. */
  container(id: BlobContainerId): Promise<BlobContainerId | null>;
  registries(subscriptionId: string, resourceGroup: string | null): Promise<readonly Registry[]>;
  clusters(subscriptionId: string, resourceGroup: string | null): Promise<readonly Cluster[]>;
  vaults(subscriptionId: string, resourceGroup: string | null): Promise<readonly Vault[]>;
  identities(subscriptionId: string, resourceGroup: string | null): Promise<readonly Identity[]>;
  /** What the identity may do at an ARM id; one entry for each role assignment that reaches there. */
  permissions(armId: string): Promise<readonly Permission[]>;
};

/** Opens a view for a sign-in. */
export type OpenAzure = (signIn: SignIn) => AzureView;

/** A resource that a usable connector reaches, and how to sign in for it. */
export type Opened = {
  readonly connector: {
    readonly id: string;
    readonly name: string;
    /** When it ends: by what was set for it, or with its sign-in. */
    readonly expiresAt: string | null;
    /** What was set for it; left out: as `expiresAt`. */
    readonly setToEndAt?: string | null;
  };
  /** Canonical. */
  readonly resourceId: string;
  readonly displayName: string;
  readonly signIn: SignIn;
};
/** A blob container. */
export type OpenedContainer = Opened & { readonly container: BlobContainerId };
/** A storage account, not to be lent from but to end what was lent. */
export type OpenedStorageAccount = Opened & { readonly account: StorageAccount };
/** A Key Vault secret; whether it exists only its vault knows. */
export type OpenedVaultSecret = Opened & { readonly secret: VaultSecretId };
/** A container registry. */
export type OpenedRegistry = Opened & { readonly registry: Registry };
/** An AKS cluster. */
export type OpenedCluster = Opened & { readonly cluster: Cluster };
/** A registry by its place alone, and how to sign in to end what was lent there. */
export type ReopenedRegistry = Pick<Opened, "signIn" | "resourceId"> & {
  readonly registry: Pick<Registry, "subscriptionId" | "resourceGroup" | "registry">;
};
/** The same for a cluster. */
export type ReopenedCluster = Pick<Opened, "signIn" | "resourceId"> & {
  readonly cluster: Pick<Cluster, "subscriptionId" | "resourceGroup" | "cluster">;
};
/** A subscription. */
export type OpenedSubscription = Opened & { readonly subscription: Subscription };
