/** Typed fakes of the product's ports, with a journal of the calls in their order. Used by the unit tests. */
import type { AuditEvent } from "../../shared/audit/record.ts";
import { NO_APP_IDENTITY } from "../../shared/connectors/app-identity.ts";
import { type Connector, type ConnectorRequest, connectorRequestSchema } from "../../shared/connectors/connector.ts";
import type {
  AzureView,
  ConnectorStore,
  SecretStore,
  SignIn,
  StorageAccount,
  StorageAccountDetails,
  VerificationStore,
} from "../../shared/connectors/ports.ts";
import type { Probes } from "../../shared/connectors/probe.ts";
import type { RegisterDeps } from "../../shared/connectors/register.ts";
import { ConflictError, UpstreamError } from "../../shared/errors.ts";
import type { RandomBytes } from "../../shared/ids.ts";
import type { Principal } from "../../shared/principal.ts";

/** The clock of every test; `NOW_TEXT` is how tables and the API write it. */
export const NOW = new Date("2026-11-21T10:00:00.000Z");
export const NOW_TEXT = "2026-11-21T10:00:00Z";
export const now = (): Date => NOW;

export const TENANT = "a79ff333-8f45-4a74-a42e-68871c17b7fb";
export const SUBSCRIPTION = "3d2f1e0c-9b8a-4756-8493-a2b1c0d9e840";
/** Object id of the connector's identity. */
export const OBJECT = "4e7d2c1b-0a9f-4e8d-b7c6-a5f4e3d2c116";
export const CLIENT = "8926254a-8c3f-430a-a2fd-bdab234d491e";
/** Random enough to be found anywhere it must not be. */
export const SECRET = "s3cr3t~Zk9.value-that-must-not-be-seen";
/** The service's own key vault. */
export const OWN_VAULT = "latchkey-vault";
/** The service's own state account, and that of its Functions host. */
export const OWN_ACCOUNT = "latchkeystate";
export const HOST_ACCOUNT = "latchkeyhost";
export const OWN_ACCOUNTS: readonly string[] = [OWN_ACCOUNT, HOST_ACCOUNT];

export const ADMIN: Principal = {
  kind: "app",
  issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
  tenantId: TENANT,
  subject: "c0ffee01-6d2f-4e30-9b4c-5d6e7f809118",
  id: `app:${TENANT}/c0ffee01-6d2f-4e30-9b4c-5d6e7f809118`,
  groups: [],
  roles: ["Latchkey.Admin"],
};
/** One who asks for credentials. */
export const USER: Principal = {
  ...ADMIN,
  kind: "user",
  subject: "5e5e5e5e-1111-4222-8333-444455556666",
  id: `user:${TENANT}/5e5e5e5e-1111-4222-8333-444455556666`,
  roles: ["Latchkey.User"],
};

/** Byte `i` of each call is `i` again and again. */
export const countingBytes: RandomBytes = (count) => Uint8Array.from({ length: count }, (_, index) => index);

/** UUIDs that count up. */
export function countingIds(): () => string {
  let made = 0;
  return () => `00000000-0000-4000-8000-${String(++made).padStart(12, "0")}`;
}

type ServicePrincipalRequest = Extract<ConnectorRequest, { authMethod: "service-principal" }>;

/** A valid registration of a service principal, as parsed. */
export function connectorRequest(changes: Partial<ServicePrincipalRequest> = {}): ServicePrincipalRequest {
  const request = connectorRequestSchema.parse({
    name: "azure-service-principal",
    authMethod: "service-principal",
    configuration: { tenantId: TENANT, clientId: CLIENT },
    secrets: { clientSecret: SECRET },
  });
  if (request.authMethod !== "service-principal") throw new Error("The fake is no service principal.");
  return { ...request, ...changes };
}

/** The sign-in of that service principal. */
export function signIn(changes: Partial<SignIn> = {}): SignIn {
  return {
    key: "k",
    cloud: "public",
    authMethod: "service-principal",
    configuration: connectorRequest().configuration,
    secret: { kind: "clientSecret", read: async () => "s" },
    ...changes,
  };
}

/** A stored connector. */
export function connector(changes: Partial<Connector> = {}): Connector {
  const { secrets: _, ...kept } = connectorRequest();
  return {
    ...kept,
    id: "11111111-2222-4333-8444-555555555555",
    secret: {
      kind: "clientSecret",
      name: "connector-11111111-2222-4333-8444-555555555555",
      version: "v1",
      endsAt: null,
    },
    owner: `app:${TENANT}/${ADMIN.subject}`,
    state: "healthy",
    checkedAt: NOW_TEXT,
    createdAt: NOW_TEXT,
    updatedAt: NOW_TEXT,
    ...changes,
  };
}

/** A failure of the service's own state. */
export function unavailable(code: "STATE_UNAVAILABLE" | "AUDIT_UNAVAILABLE" | "VAULT_UNAVAILABLE"): UpstreamError {
  return new UpstreamError(code, "not now", { retryable: true });
}

/** ARM as one sign-in sees it: containers by `<resource group>/<account>` in one subscription. */
export function azureView(
  accounts: Readonly<Record<string, readonly string[] | Error>>,
  journal: string[] = [],
): AzureView {
  const all = Object.keys(accounts).map((key): StorageAccountDetails => {
    const [resourceGroup = "", account = ""] = key.split("/");
    return { subscriptionId: SUBSCRIPTION, resourceGroup, account, location: "westeurope", isHnsEnabled: false };
  });
  const containersOf = ({ resourceGroup, account }: StorageAccount) => {
    const containers = accounts[`${resourceGroup}/${account}`] ?? [];
    if (containers instanceof Error) throw containers;
    return containers;
  };
  return {
    async signIn() {
      journal.push("sign-in");
      return { tenantId: TENANT, objectId: OBJECT, kind: "ServicePrincipal" };
    },
    async subscriptions() {
      journal.push("subscriptions");
      return [{ subscriptionId: SUBSCRIPTION, displayName: "ZenML Subscription" }];
    },
    async storageAccounts(subscriptionId, resourceGroup) {
      journal.push(`accounts ${resourceGroup ?? "*"}`);
      const wanted = all.filter((account) => account.subscriptionId === subscriptionId);
      return resourceGroup === null ? wanted : wanted.filter((account) => account.resourceGroup === resourceGroup);
    },
    async containers(account) {
      journal.push(`containers ${account.account}`);
      return containersOf(account);
    },
    async container(id) {
      journal.push(`container ${id.account}/${id.container}`);
      const place = all.find(
        ({ resourceGroup, account }) =>
          resourceGroup.toLowerCase() === id.resourceGroup.toLowerCase() && account === id.account,
      );
      if (place === undefined || !containersOf(place).includes(id.container)) return null;
      const { subscriptionId, resourceGroup, account } = place;
      return { subscriptionId, resourceGroup, account, container: id.container };
    },
    registries: async () => [],
    clusters: async () => [],
    vaults: async () => [],
    identities: async () => [],
    permissions: async () => [],
  };
}

/** Stores that let everybody in. */
export const OPEN_STORES: Probes = {
  listBlobs: async () => ({ ok: true }),
  delegationKey: async () => ({ ok: true }),
  listSecrets: async () => ({ ok: true }),
  listVersions: async () => ({ ok: true }),
};

/** Connectors in memory. */
export function connectorStore(journal: string[] = []): ConnectorStore & { readonly rows: Map<string, Connector> } {
  const rows = new Map<string, Connector>();
  // A row that a test puts there itself has the first ETag.
  const versions = new Map<string, number>();
  const etagOf = (name: string) => `W/"${versions.get(name) ?? 1}"`;
  const isAsRead = ({ name, id }: Connector, etag: string) => rows.get(name)?.id === id && etagOf(name) === etag;
  return {
    rows,
    async insert(added) {
      journal.push("store.insert");
      if (rows.has(added.name)) throw new ConflictError("NAME_TAKEN", "taken");
      rows.set(added.name, added);
      return { etag: etagOf(added.name) };
    },
    async replace(changed, etag) {
      journal.push("store.replace");
      if (!isAsRead(changed, etag)) return null;
      rows.set(changed.name, changed);
      versions.set(changed.name, (versions.get(changed.name) ?? 1) + 1);
      return etagOf(changed.name);
    },
    async removeIf(removed, etag) {
      journal.push("store.removeIf");
      return isAsRead(removed, etag) && rows.delete(removed.name);
    },
    async find(nameOrId) {
      const found = rows.get(nameOrId) ?? [...rows.values()].find(({ id }) => id === nameOrId);
      return found === undefined ? null : { connector: found, etag: etagOf(found.name) };
    },
    async list(after, limit) {
      const names = [...rows.keys()].filter((name) => after === null || name > after).sort();
      return names.slice(0, limit).flatMap((name) => rows.get(name) ?? []);
    },
    async remove(removed) {
      journal.push("store.remove");
      if (rows.get(removed.name)?.id === removed.id) rows.delete(removed.name);
    },
  };
}

/** Secrets in memory: the newest value by name in `values`, and every version. */
export function secretStore(journal: string[] = []): SecretStore & { readonly values: Map<string, string> } {
  const values = new Map<string, string>();
  const versions = new Map<string, string[]>();
  return {
    values,
    async put(name, value) {
      journal.push("secrets.put");
      values.set(name, value);
      const all = [...(versions.get(name) ?? []), value];
      versions.set(name, all);
      return `v${all.length}`;
    },
    async get(name, version) {
      journal.push("secrets.get");
      return versions.get(name)?.[Number(version.slice(1)) - 1] ?? "";
    },
    async remove(name) {
      journal.push("secrets.remove");
      values.delete(name);
      versions.delete(name);
    },
  };
}

/** Verifications in memory. */
export function verificationStore(journal: string[] = []): VerificationStore & { readonly ids: Set<string> } {
  const kept = new Map<string, Parameters<VerificationStore["put"]>[1]>();
  const ids = new Set<string>();
  return {
    ids,
    async put(id, verification) {
      journal.push("verifications.put");
      ids.add(id);
      kept.set(id, verification);
    },
    get: async (id) => kept.get(id) ?? null,
    async remove(id) {
      journal.push("verifications.remove");
      ids.delete(id);
    },
  };
}

/** Everything that registering needs, in memory. `signIns` are those that a view was opened for. */
export function registerParts(view?: (journal: string[]) => AzureView) {
  const journal: string[] = [];
  const store = connectorStore(journal);
  const secrets = secretStore(journal);
  const verifications = verificationStore(journal);
  const audited: AuditEvent[] = [];
  const signIns: SignIn[] = [];
  const opened = view?.(journal) ?? azureView({ "group/accountone": ["data"] }, journal);
  const deps: RegisterDeps = {
    store,
    secrets,
    verifications,
    async appendAudit(event) {
      journal.push(`audit ${event.event} ${event.outcome}`);
      audited.push(event);
    },
    openAzure(signIn) {
      signIns.push(signIn);
      return opened;
    },
    openProbes: () => OPEN_STORES,
    now,
    newId: countingIds(),
    app: NO_APP_IDENTITY,
    ownAccounts: OWN_ACCOUNTS,
    ownVaults: [OWN_VAULT],
  };
  return { deps, journal, store, secrets, verifications, audited, signIns };
}
