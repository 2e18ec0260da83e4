/** Opens a stored connector for one named resource. Joined to credentials by functions/main.ts. */
import { ConflictError, NotFoundError } from "../errors.ts";
import type { Connector } from "./connector.ts";
import { resolveBlobContainer } from "./inventory.ts";
import type { ConnectorStore, OpenAzure, OpenedContainer, SecretStore, SignIn } from "./ports.ts";
import { blobContainerArmId, blobContainerDisplayName } from "./resource-name.ts";

/** What using a connector needs. */
export type UseDeps = {
  readonly store: Pick<ConnectorStore, "find">;
  readonly secrets: SecretStore;
  readonly openAzure: OpenAzure;
  readonly now: () => Date;
  /** The service's own storage accounts, which no connector may reach. */
  readonly ownAccounts: readonly string[];
};
/** Finds a connector by name or id. @throws NotFoundError NOT_FOUND */
export async function findConnector(store: Pick<ConnectorStore, "find">, nameOrId: string) {
  const found = await store.find(nameOrId);
  if (found === null) {
    throw new NotFoundError("NOT_FOUND", "No connector has this name or id. GET /api/connectors lists them.");
  }
  return found;
}

/** Policy goes by names; an id is looked up. @throws NotFoundError NOT_FOUND for an id that is none */
export async function connectorName(store: Pick<ConnectorStore, "find">, nameOrId: string): Promise<string> {
  return UUID.test(nameOrId) ? (await findConnector(store, nameOrId)).connector.name : nameOrId;
}
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The named container, resolved inside the named connector and nowhere else.
 * @throws NotFoundError NOT_FOUND RESOURCE_NOT_FOUND, ConflictError CONNECTOR_EXPIRED CONNECTOR_DISABLED
 * AMBIGUOUS_RESOURCE, DeniedError DENIED, InputError INVALID_REQUEST SIGN_IN_FAILED, UpstreamError
 */
export async function openContainer(deps: UseDeps, nameOrId: string, resourceId: string): Promise<OpenedContainer> {
  const { connector } = await findConnector(deps.store, nameOrId);
  refuseUnusable(connector, deps.now());
  const signIn = signInOf(deps.secrets, connector);
  const container = await resolveBlobContainer(
    deps.openAzure(signIn),
    { ...connector, ownAccounts: deps.ownAccounts },
    resourceId,
  );
  return {
    connector: { id: connector.id, name: connector.name, expiresAt: connector.expiresAt },
    resourceId: blobContainerArmId(container),
    displayName: blobContainerDisplayName(container),
    container,
    signIn,
  };
}

function refuseUnusable(connector: Connector, now: Date): void {
  if (connector.expiresAt !== null && new Date(connector.expiresAt) <= now) {
    throw new ConflictError(
      "CONNECTOR_EXPIRED",
      "This connector has expired. An administrator can register a new one.",
    );
  }
  if (connector.state === "disabled") {
    throw new ConflictError("CONNECTOR_DISABLED", "This connector is disabled. An administrator can enable it.");
  }
}

function signInOf(secrets: SecretStore, connector: Connector): SignIn {
  return {
    key: JSON.stringify([connector.id, connector.secretVersion]),
    cloud: connector.cloud,
    configuration: connector.configuration,
    clientSecret: () => secrets.get(connector.secretName, connector.secretVersion),
  };
}
