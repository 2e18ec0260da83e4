/** Who and what is in the tenant: tenants by name, clients, users and their app roles. Read by the token endpoint. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Seed } from "../../seed.ts";

/** An app registration of the seed. */
export type Application = Seed["applications"][number];
/** A user of the seed. */
export type User = Seed["users"][number];
/** An application that asks for tokens. */
export type Client = Pick<Application, "name" | "clientId"> & {
  readonly objectId: string | undefined;
  readonly secret: string | undefined;
};

/** Microsoft's own public clients, which are in every tenant and with which people sign in from a terminal. */
const FIRST_PARTY_CLIENTS: readonly Client[] = [
  {
    name: "Microsoft Azure CLI",
    clientId: "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    objectId: undefined,
    secret: undefined,
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
  if (own === undefined) return FIRST_PARTY_CLIENTS.find((client) => client.clientId === id);
  return { name: own.name, clientId: own.clientId, objectId: own.objectId, secret: own.secret };
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
