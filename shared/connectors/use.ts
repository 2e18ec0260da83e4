/** Opens a stored connector for one named resource. Joined to credentials by functions/main.ts. */
import { DeniedError, NotFoundError } from "../errors.ts";
import { parseClusterName } from "./cluster.ts";
import type { Connector } from "./connector.ts";
import { endOf, refuseUnusable } from "./connector-life.ts";
import { resolveCluster, resolveRegistry } from "./find-resources.ts";
import { type Limits, readStorageAccounts, resolveBlobContainer } from "./inventory.ts";
import type {
  AzureView,
  ConnectorStore,
  OpenAzure,
  Opened,
  OpenedCluster,
  OpenedContainer,
  OpenedRegistry,
  OpenedStorageAccount,
  OpenedSubscription,
  OpenedVaultSecret,
  ReopenedCluster,
  ReopenedRegistry,
  SecretStore,
  SignIn,
} from "./ports.ts";
import { isRegistryNamed, parseRegistryName } from "./registry.ts";
import {
  blobContainerArmId,
  blobContainerDisplayName,
  parseStorageAccountName,
  sameText,
  storageAccountArmId,
} from "./resource-name.ts";
import type { ResourceType } from "./resource-type.ts";
import { resourceTypesOf } from "./resource-types.ts";
import { isNamed, parseSubscriptionName, type ResolveSubscription, subscriptionArmId } from "./subscription.ts";
import { parseVaultSecretName, refuseUnreachableSecret, vaultSecretUrl } from "./vault-secret.ts";

/** What using a connector needs. */
export type UseDeps = {
  readonly store: Pick<ConnectorStore, "find">;
  readonly secrets: SecretStore;
  readonly openAzure: OpenAzure;
  /** The same without what it may have kept; left out: it keeps nothing. */
  readonly openAzureAnew?: OpenAzure;
  readonly now: () => Date;
  /** The service's own storage accounts, which no connector may reach. */
  readonly ownAccounts: readonly string[];
  /** The service's own key vaults, which nobody is lent from. */
  readonly ownVaults: readonly string[];
};
/** Finds a connector by name or id. @throws NotFoundError NOT_FOUND */
export async function findConnector(store: Pick<ConnectorStore, "find">, nameOrId: string) {
  const found = await store.find(nameOrId);
  if (found === null) throw noConnector();
  return found;
}

/** The same words for one that is not there and for one that the caller may not see. */
export function noConnector(): NotFoundError {
  return new NotFoundError(
    "NOT_FOUND",
    "No connector that you may see has this name or id. GET /api/connectors lists them.",
  );
}

/** Policy goes by names; an id is looked up. @throws NotFoundError NOT_FOUND for an id that is none */
export async function connectorName(store: Pick<ConnectorStore, "find">, nameOrId: string): Promise<string> {
  return UUID.test(nameOrId) ? (await findConnector(store, nameOrId)).connector.name : nameOrId;
}
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Whether a connector may be used at this moment. For what would be left in Azure without it: the caller must have put on
 * record what it is about to leave, so that whoever deletes the connector sees the one or the other.
 * @param deps.store the table itself: what is kept of it is too old to say
 * @throws NotFoundError NOT_FOUND, ConflictError CONNECTOR_EXPIRED CONNECTOR_DISABLED, UpstreamError STATE_UNAVAILABLE
 */
export async function refuseUnusableNow(deps: Pick<UseDeps, "store" | "now">, connectorId: string): Promise<void> {
  refuseUnusable((await findConnector(deps.store, connectorId)).connector, deps.now());
}

/**
 * The named container, resolved inside the named connector and nowhere else.
 * @throws NotFoundError NOT_FOUND RESOURCE_NOT_FOUND, ConflictError CONNECTOR_EXPIRED CONNECTOR_DISABLED
 * AMBIGUOUS_RESOURCE, DeniedError DENIED, InputError INVALID_REQUEST SIGN_IN_FAILED, UpstreamError
 */
export async function openContainer(deps: UseDeps, nameOrId: string, resourceId: string): Promise<OpenedContainer> {
  const { connector, limits, opened } = await openConnector(deps, nameOrId, "blob-container");
  const container = await resolveBlobContainer(deps.openAzure(opened.signIn), limits, resourceId);
  const displayName = blobContainerDisplayName(container);
  return { ...opened, connector, resourceId: blobContainerArmId(container), displayName, container };
}

/**
 * The named secret, if this connector may be used for it. Whether it exists only its vault knows.
 * @throws NotFoundError NOT_FOUND, ConflictError CONNECTOR_EXPIRED CONNECTOR_DISABLED, DeniedError DENIED,
 * InputError INVALID_REQUEST, UpstreamError
 */
export async function openVaultSecret(deps: UseDeps, nameOrId: string, resourceId: string): Promise<OpenedVaultSecret> {
  const { id: secret } = parseVaultSecretName(resourceId);
  const { connector, limits, opened } = await openConnector(deps, nameOrId, "key-vault-secret");
  refuseUnreachableSecret(secret, { ...limits, cloud: opened.signIn.cloud }, deps.ownVaults);
  const displayName = `${secret.vault}/${secret.name}`;
  return { ...opened, connector, resourceId: vaultSecretUrl(secret), displayName, secret };
}

/**
 * The named subscription, as the connector's identity sees it.
 * @param asked how the caller named it: policy takes any display name, so here it must be the real one
 * @throws as openContainer
 */
export async function openSubscription(
  deps: UseDeps & { readonly resolveSubscription: ResolveSubscription },
  nameOrId: string,
  resourceId: string,
  asked: string,
): Promise<OpenedSubscription> {
  const { connector, limits, opened } = await openConnector(deps, nameOrId, "azure-generic");
  const subscription = await deps.resolveSubscription(opened.signIn, limits, resourceId);
  if (!isNamed(subscription, parseSubscriptionName(asked))) {
    throw new NotFoundError(
      "RESOURCE_NOT_FOUND",
      "The subscription that is granted has another name. Check the name, or give the subscription's id.",
    );
  }
  const { displayName } = subscription;
  return { ...opened, connector, resourceId: subscriptionArmId(subscription), displayName, subscription };
}

/**
 * The named registry, resolved inside the named connector and nowhere else.
 * @param asked how the caller named it: policy does not look at the hash in a host name, so here it must be the real one
 * @throws as openContainer
 */
export async function openRegistry(
  deps: UseDeps,
  nameOrId: string,
  resourceId: string,
  asked: string,
): Promise<OpenedRegistry> {
  const { connector, limits, opened } = await openConnector(deps, nameOrId, "docker-registry");
  const reach = { ...limits, cloud: opened.signIn.cloud, ownVaults: deps.ownVaults };
  const found = await resolved(deps, opened.signIn, (view) => resolveRegistry(view, reach, resourceId));
  const { displayName, details: registry } = found;
  if (!isRegistryNamed(registry, parseRegistryName(asked))) {
    throw new NotFoundError(
      "RESOURCE_NOT_FOUND",
      "The registry that is granted has another host name. Check the name, or give the registry's ARM id.",
    );
  }
  return { ...opened, connector, resourceId: found.resourceId, displayName, registry };
}

/** The named cluster, resolved inside the named connector and nowhere else. @throws as openContainer */
export async function openCluster(deps: UseDeps, nameOrId: string, resourceId: string): Promise<OpenedCluster> {
  const { connector, limits, opened } = await openConnector(deps, nameOrId, "kubernetes-cluster");
  const reach = { ...limits, cloud: opened.signIn.cloud, ownVaults: deps.ownVaults };
  const found = await resolved(deps, opened.signIn, (view) => resolveCluster(view, reach, resourceId));
  return { ...opened, connector, resourceId: found.resourceId, displayName: found.displayName, cluster: found.details };
}

/** What is missing in a list that was kept may have been made since: it is looked for once more. */
async function resolved<F>(
  { openAzure, openAzureAnew }: Pick<UseDeps, "openAzure" | "openAzureAnew">,
  signIn: SignIn,
  resolve: (view: AzureView) => Promise<F>,
): Promise<F> {
  try {
    return await resolve(openAzure(signIn));
  } catch (error) {
    if (openAzureAnew === undefined || !(error instanceof NotFoundError)) throw error;
    return resolve(openAzureAnew(signIn));
  }
}

type OpenedConnector = {
  readonly connector: Opened["connector"];
  readonly limits: Limits;
  readonly opened: Pick<Opened, "signIn">;
};

/** A connector that may be used now, for this type. */
async function openConnector(deps: UseDeps, nameOrId: string, type: ResourceType): Promise<OpenedConnector> {
  const { connector } = await findConnector(deps.store, nameOrId);
  refuseUnusable(connector, deps.now());
  if (!resourceTypesOf(connector).includes(type)) {
    throw new DeniedError(
      "DENIED",
      `The connector, with its limits, does not serve the type ${type}. Use one that does; GET /api/connectors shows the types and limits of each.`,
    );
  }
  const { id, name, configuration, resourceId } = connector;
  const expiresAt = endOf(connector);
  return {
    connector: { id, name, expiresAt, setToEndAt: connector.expiresAt },
    limits: { configuration, resourceId, ownAccounts: deps.ownAccounts },
    opened: { signIn: signInOf(deps.secrets, connector) },
  };
}

/**
 * A storage account within the limits of a connector, for ending what was lent: that works with an expired or disabled
 * connector as well.
 * @param text ARM id or name
 * @throws NotFoundError NOT_FOUND RESOURCE_NOT_FOUND, InputError INVALID_REQUEST SIGN_IN_FAILED, UpstreamError
 */
export async function openStorageAccount(deps: UseDeps, nameOrId: string, text: string): Promise<OpenedStorageAccount> {
  const asked = parseStorageAccountName(text);
  const { connector } = await findConnector(deps.store, nameOrId);
  const signIn = signInOf(deps.secrets, connector);
  const { id, name, configuration, resourceId: only } = connector;
  const expiresAt = endOf(connector);
  const limits = { configuration, ownAccounts: deps.ownAccounts };
  // Names of accounts are unique in a cloud: one that was found is the one, whatever could not be listed.
  const { accounts, unread } = await readStorageAccounts(deps.openAzure(signIn), limits);
  const found = accounts.find((account) => {
    const armId = storageAccountArmId(account);
    const isWithin = only === null || only.toLowerCase().startsWith(`${armId.toLowerCase()}/`);
    return isWithin && sameText(asked.kind === "id" ? armId : account.account, asked.text);
  });
  if (found === undefined) {
    if (unread[0] !== undefined) throw unread[0].error;
    throw new NotFoundError(
      "RESOURCE_NOT_FOUND",
      "No such storage account within the connector, or its identity may not see it. Check the name; GET /api/connectors shows the limits of each connector.",
    );
  }
  const resourceId = storageAccountArmId(found);
  const opened = { connector: { id, name, expiresAt }, resourceId, displayName: found.account, signIn };
  return { ...opened, account: found };
}

/**
 * The registry of a lease, for ending it: that works with an expired or disabled connector as well, whatever its limits
 * are by now. Nothing is asked of Azure.
 * @param resourceId canonical
 * @throws NotFoundError NOT_FOUND when the connector was deleted, InputError INVALID_REQUEST
 */
export async function reopenRegistry(
  deps: Pick<UseDeps, "store" | "secrets">,
  connectorId: string,
  resourceId: string,
): Promise<ReopenedRegistry> {
  const name = parseRegistryName(resourceId);
  if (name.kind !== "id") throw new Error("A lease has a canonical id.");
  return { signIn: await signInOfConnector(deps, connectorId), resourceId, registry: name.id };
}

/** The same for a cluster. */
export async function reopenCluster(
  deps: Pick<UseDeps, "store" | "secrets">,
  connectorId: string,
  resourceId: string,
): Promise<ReopenedCluster> {
  const name = parseClusterName(resourceId);
  if (name.kind !== "id") throw new Error("A lease has a canonical id.");
  return { signIn: await signInOfConnector(deps, connectorId), resourceId, cluster: name.id };
}

async function signInOfConnector(deps: Pick<UseDeps, "store" | "secrets">, connectorId: string): Promise<SignIn> {
  return signInOf(deps.secrets, (await findConnector(deps.store, connectorId)).connector);
}

/** How to sign in as a stored connector. */
export function signInOf(secrets: SecretStore, connector: Connector): SignIn {
  const { id, cloud, authMethod, configuration, secret: stored } = connector;
  return {
    // Whatever changes who signs in, and where, is another sign-in: nothing of the one before may serve.
    key: JSON.stringify([id, cloud, authMethod, configuration, stored?.version ?? null]),
    cloud,
    authMethod,
    configuration,
    secret: stored === null ? null : { kind: stored.kind, read: () => secrets.get(stored.name, stored.version) },
  };
}
