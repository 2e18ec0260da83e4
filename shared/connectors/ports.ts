/** What connectors need from outside: secrets, records, the directory's sign-in, and a view of Azure's resources. */
import type { Connector, ConnectorConfiguration, Verification } from "./connector.ts";
import type { BlobContainerId } from "./resource-name.ts";
import type { VaultSecretId } from "./vault-secret.ts";

/** A type of resource that connectors serve, and a place inside a vault. */
export type { ResourceType } from "./connector.ts";
export type { VaultSecretId } from "./vault-secret.ts";

/** Everything that is needed to sign in as a connector. */
export type SignIn = {
  /** Equal keys sign in equally, so tokens may be shared; null = one use, keep nothing. */
  readonly key: string | null;
  readonly cloud: Connector["cloud"];
  readonly configuration: ConnectorConfiguration;
  /** Reads the secret only when a new sign-in needs it. @throws UpstreamError VAULT_UNAVAILABLE */
  readonly clientSecret: () => Promise<string>;
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
  /** Takes back an insert whose registration failed afterwards. */
  remove(connector: Connector): Promise<void>;
};

/** What the last verification of each connector found. Every call: @throws UpstreamError STATE_UNAVAILABLE */
export type VerificationStore = {
  put(connectorId: string, verification: Verification): Promise<void>;
  get(connectorId: string): Promise<Verification | null>;
  /** One that is not there is no error. */
  remove(connectorId: string): Promise<void>;
};

/** A subscription that a sign-in can see. Its id is in lower case. */
export type Subscription = { readonly subscriptionId: string; readonly displayName: string };

/** A storage account that a sign-in can see. */
export type StorageAccount = {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly account: string;
};

/**
 * Azure as one sign-in sees it. Every call: @throws InputError SIGN_IN_FAILED,
 * UpstreamError UPSTREAM_REFUSED or UPSTREAM_TIMEOUT
 */
export type AzureView = {
  /** Proves that the sign-in works: gets a token and throws it away. */
  signIn(): Promise<void>;
  /** Those in which the identity has any role. */
  subscriptions(): Promise<readonly Subscription[]>;
  /** All accounts of a subscription, or of one resource group in it; an unknown group has none. */
  storageAccounts(subscriptionId: string, resourceGroup: string | null): Promise<readonly StorageAccount[]>;
  containers(account: StorageAccount): Promise<readonly string[]>;
  /** The container in ARM's own case; null when it does not exist. */
  container(id: BlobContainerId): Promise<BlobContainerId | null>;
};

/** Opens a view for a sign-in. */
export type OpenAzure = (signIn: SignIn) => AzureView;

/** A resource that a usable connector reaches, and how to sign in for it. */
export type Opened = {
  readonly connector: { readonly id: string; readonly name: string; readonly expiresAt: string | null };
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
/** A subscription. */
export type OpenedSubscription = Opened & { readonly subscription: Subscription };
