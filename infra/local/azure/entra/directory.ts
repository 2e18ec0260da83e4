/** Who and what is in the tenant: tenants by name, clients, users and their app roles. Read by the token endpoint. */
import { createHash, timingSafeEqual } from "node:crypto";
import { type FederatedCredential, identitiesOf, type Seed, tenantOf, tenantsOf } from "../../seed.ts";

/** An app registration of the seed. */
export type Application = Seed["applications"][number];
/** A user of the seed. */
export type User = Seed["users"][number];
/** An application or a managed identity that asks for tokens. */
export type Client = Pick<Application, "name" | "clientId"> & {
  readonly objectId: string | undefined;
  readonly secret: string | undefined;
  readonly federatedCredentials: readonly FederatedCredential[];
  /** Anybody may call itself by its id: it has nothing to prove itself with. */
  readonly isPublic: boolean;
  /** `xms_mirid`: ARM id of a managed identity, in the form in which tokens say it; undefined for an application. */
  readonly managedIdentity: string | undefined;
};

/** Microsoft's own public clients, which are in every tenant and with which people sign in from a terminal. */
const FIRST_PARTY_CLIENTS: readonly Client[] = [
  {
    name: "Microsoft Azure CLI",
    clientId: "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    objectId: undefined,
    secret: undefined,
    federatedCredentials: [],
    isPublic: true,
    managedIdentity: undefined,
  },
  // As which kubelogin signs people in.
  {
    name: "Azure Kubernetes Service AAD Client",
    clientId: "80faf920-1908-4b52-b5ef-a8e7bedfc67a",
    objectId: undefined,
    secret: undefined,
    federatedCredentials: [],
    isPublic: true,
    managedIdentity: undefined,
  },
];

/** Names under which many tenants are addressed at once; only the sign-in itself says which one. */
const SHARED_TENANTS = new Set(["common", "organizations"]);

/** What a path's first segment means. */
export type TenantName = "ours" | "shared" | "unknown";

/** Tells the tenant (GUID or a domain name), `common` and `organizations`, and everything else apart. */
export function tenantNamed(seed: Seed, segment: string): TenantName {
  const name = segment.toLowerCase();
  if (name === seed.tenant.id.toLowerCase() || name === seed.tenant.domain.toLowerCase()) return "ours";
  return SHARED_TENANTS.has(name) ? "shared" : "unknown";
}

/** The client with that id, or undefined: Entra finds clients by id alone, never by name. */
export function findClient(seed: Seed, clientId: string): Client | undefined {
  const id = clientId.toLowerCase();
  const own = seed.applications.find((application) => application.clientId.toLowerCase() === id);
  if (own === undefined) {
    return identityClients(seed).find((client) => client.clientId.toLowerCase() === id) ?? firstParty(id);
  }
  const { name, secret, certificate, federatedCredentials } = own;
  const isPublic = secret === undefined && !certificate && federatedCredentials.length === 0;
  return {
    name,
    clientId: own.clientId,
    objectId: own.objectId,
    secret,
    federatedCredentials,
    isPublic,
    managedIdentity: undefined,
  };
}

/** The managed identities of the tenant as clients. */
export function identityClients(seed: Seed): Client[] {
  return identitiesOf(seed)
    .filter(({ tenant }) => tenant.id === seed.tenant.id)
    .map(({ identity, id }) => ({
      name: identity.name,
      clientId: identity.clientId,
      objectId: identity.principalId,
      secret: undefined,
      federatedCredentials: identity.federatedCredentials,
      isPublic: false,
      managedIdentity: id.replace("/resourceGroups/", "/resourcegroups/"),
    }));
}

const firstParty = (clientId: string) => FIRST_PARTY_CLIENTS.find((client) => client.clientId === clientId);

/**
 * The seed as another of its tenants sees it: only the applications that have a service principal there, under that
 * one's object id, and nobody else. The first tenant sees the seed as it stands.
 */
export function directoriesOf(seed: Seed): readonly Seed[] {
  return tenantsOf(seed).map((tenant) => {
    if (tenant.id === seed.tenant.id) return seed;
    const applications = seed.applications.flatMap((application) =>
      application.tenants
        .filter((place) => tenantOf(seed, place).id === tenant.id)
        .map(({ objectId }) => ({ ...application, objectId })),
    );
    return { ...seed, tenant, otherTenants: tenantsOf(seed).filter((one) => one !== tenant), applications, users: [] };
  });
}

/** The user with that sign-in name, compared without regard to case. */
export function findUser(seed: Seed, name: string): User | undefined {
  return seed.users.find((user) => user.name.toLowerCase() === name.toLowerCase());
}

/** The user with that object id. */
export function findUserById(seed: Seed, objectId: string): User | undefined {
  return seed.users.find((user) => user.objectId === objectId);
}

/** Object ids of a user's groups, in the order of the seed. */
export function groupIdsOf(seed: Seed, user: User): string[] {
  return seed.groups.filter((group) => user.groups.includes(group.name)).map((group) => group.id);
}

/** Values of the app roles that a user (also through groups) or an application holds in `resource`. */
export function rolesIn(
  seed: Seed,
  resource: Application,
  principal: { readonly user: User } | { readonly client: Client },
): string[] {
  const names = "user" in principal ? [principal.user.name, ...principal.user.groups] : [principal.client.name];
  const memberType = "user" in principal ? "User" : "Application";
  return resource.appRoles
    .filter((role) => role.memberTypes.includes(memberType))
    .map((role) => role.value)
    .filter((value) =>
      seed.appRoleAssignments.some((given) => given.role === value && names.includes(given.principal)),
    );
}

/** Compares secrets in a time that tells nothing of where, or whether, their lengths differ. */
export function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
