/** What stands in a token: access tokens in their v1 and v2 shapes, ID tokens. Used by the token endpoint. */
import { createHash, randomBytes } from "node:crypto";
import type { Seed } from "../../seed.ts";
import { type Client, groupIdsOf, rolesIn, type User } from "./directory.ts";
import type { Resource } from "./resources.ts";

/** Seconds that Entra back-dates `iat` and `nbf`, so that a token is valid for clocks that are behind. */
export const BACK_DATED_SECONDS = 300;

/** The one delegated permission that every resource offers; Azure's own services have no other. */
export const DELEGATED_PERMISSION = "user_impersonation";

/** How a client proved itself, as `appidacr` and `azpacr` say it: not at all, with a secret, with a signed assertion. */
export type ClientProof = "0" | "1" | "2";

/** Who a token is for. */
export type Subject = {
  readonly client: Client;
  readonly proof: ClientProof;
  /** The client declared that it understands continuous access evaluation (client capability `cp1`). */
  readonly understandsRevocation: boolean;
  readonly user: User | undefined;
};

/** When a token is made and how long it lives. */
export type Lifetime = { readonly issuedAt: Date; readonly seconds: number };

type Claims = Record<string, unknown>;

/** `iss` of v1 tokens. */
export const issuerV1 = (tenantId: string) => `https://sts.windows.net/${tenantId}/`;
/** `iss` of v2 tokens and ID tokens. */
export const issuerV2 = (tenantId: string) => `https://login.microsoftonline.com/${tenantId}/v2.0`;

/** Claims of an access token for `resource`, in the order in which Entra writes them. */
export function accessTokenClaims(seed: Seed, resource: Resource, subject: Subject, lifetime: Lifetime): Claims {
  const { client, proof, understandsRevocation, user } = subject;
  const tenantId = seed.tenant.id;
  const v1 = <T>(value: T) => (resource.tokenVersion === 1 ? value : undefined);
  const v2 = <T>(value: T) => (resource.tokenVersion === 2 ? value : undefined);
  return withoutUndefined({
    aud: resource.audience,
    iss: v1(issuerV1(tenantId)) ?? issuerV2(tenantId),
    ...times(lifetime),
    ...groupsElsewhere(seed, resource, user),
    acr: v1(user && "1"),
    aio: opaque(),
    amr: v1(user && ["pwd"]),
    appid: v1(client.clientId),
    appidacr: v1(proof),
    azp: v2(client.clientId),
    azpacr: v2(proof),
    groups: groupsFor(seed, resource, user),
    idp: v1(user ? undefined : issuerV1(tenantId)),
    idtyp: kindOfPrincipal(resource, user),
    ipaddr: v1(user && "127.0.0.1"),
    name: user && displayName(user),
    oid: user?.objectId ?? client.objectId,
    preferred_username: v2(user?.name),
    puid: v1(user && passportId(user)),
    rh: referenceHandle(tenantId, resource.clientId),
    roles: rolesFor(seed, resource, client, user),
    scp: user && DELEGATED_PERMISSION,
    sub: user ? pairwiseSubject(user, resource.clientId) : client.objectId,
    tid: tenantId,
    unique_name: v1(user?.name),
    upn: v1(user?.name),
    uti: uniqueTokenId(),
    ver: `${resource.tokenVersion}.0`,
    xms_cc: understandsRevocation ? ["cp1"] : undefined,
    xms_mirid: user ? undefined : client.managedIdentity,
  });
}

/** Claims of the ID token that comes with a user's token when `openid` was asked for. */
export function idTokenClaims(seed: Seed, client: Client, user: User, lifetime: Lifetime): Claims {
  return {
    aud: client.clientId,
    iss: issuerV2(seed.tenant.id),
    ...times(lifetime),
    name: displayName(user),
    oid: user.objectId,
    preferred_username: user.name,
    rh: referenceHandle(seed.tenant.id, client.clientId),
    sub: pairwiseSubject(user, client.clientId),
    tid: seed.tenant.id,
    uti: uniqueTokenId(),
    ver: "2.0",
  };
}

function times({ issuedAt, seconds }: Lifetime) {
  const now = Math.floor(issuedAt.getTime() / 1000);
  return { iat: now - BACK_DATED_SECONDS, nbf: now - BACK_DATED_SECONDS, exp: now + seconds };
}

/** Left out when empty: Entra sends no empty `roles` or `groups`. */
function rolesFor(seed: Seed, { application }: Resource, client: Client, user: User | undefined) {
  if (application === undefined) return undefined;
  const roles = rolesIn(seed, application, user ? { user } : { client });
  return roles.length > 0 ? roles : undefined;
}

function groupsFor(seed: Seed, resource: Resource, user: User | undefined) {
  if (user === undefined || !resource.saysGroups || hasTooManyGroups(resource, user)) return undefined;
  const groups = groupIdsOf(seed, user);
  return groups.length > 0 ? groups : undefined;
}

/** Instead of more than 200 groups Entra sends where to ask for them. */
function groupsElsewhere(seed: Seed, resource: Resource, user: User | undefined): Claims {
  if (user === undefined || !resource.saysGroups || !hasTooManyGroups(resource, user)) return {};
  const endpoint = `https://graph.windows.net/${seed.tenant.id}/users/${user.objectId}/getMemberObjects`;
  return { _claim_names: { groups: "src1" }, _claim_sources: { src1: { endpoint } } };
}

/** Azure's own services look groups up themselves; here their tokens carry them all, so that they need not. */
function hasTooManyGroups({ application }: Resource, { groupsOverage }: User): boolean {
  return groupsOverage && application !== undefined;
}

function kindOfPrincipal(resource: Resource, user: User | undefined) {
  if (!resource.saysKindOfPrincipal) return undefined;
  return user ? "user" : "app";
}

const displayName = (user: User) => user.name.slice(0, user.name.indexOf("@"));
const digest = (...parts: string[]) => createHash("sha256").update(parts.join("|").toLowerCase()).digest();

/** Differs by application, so that two of them cannot compare notes about a user. */
const pairwiseSubject = (user: User, clientId: string) => digest(user.objectId, clientId).toString("base64url");
const referenceHandle = (tenantId: string, clientId: string) =>
  `1.${digest("rh", tenantId, clientId).toString("base64url")}.`;
const passportId = (user: User) => `1003${digest("puid", user.objectId).toString("hex").slice(0, 12).toUpperCase()}`;
const uniqueTokenId = () => randomBytes(16).toString("base64url");
const opaque = () => randomBytes(39).toString("base64");

function withoutUndefined(claims: Claims): Claims {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}
