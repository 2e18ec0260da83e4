/** `/oauth2/exchange` and `/oauth2/token`: who signs in at a registry, and the tokens they get. Used by container-registry.ts. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { AccessTokens, Authorization, RegistryTokens } from "../ports.ts";
import { grant, parseScopes, type Rights } from "./access.ts";
import type { RegistryPlace } from "./registry-directory.ts";
import { badForm, RegistryError, signInRefused } from "./registry-errors.ts";
import type { RegistryJwt } from "./registry-jwt.ts";
import type { RegistryControl } from "./registry-settings.ts";
import { hasAnyRight, legacyActions, legacyRights, lentRights, repositoryRights, scopeMapRights } from "./rights.ts";

/** The audience that every registry takes, and those of ARM, which a registry may refuse. */
const REGISTRY_AUDIENCE = "https://containerregistry.azure.net";
const ARM_AUDIENCES = ["https://management.azure.com", "https://management.core.windows.net"];
/** The user name beside which a token stands in the place of a password. */
export const TOKEN_USER = "00000000-0000-0000-0000-000000000000";

/** What the endpoints need. */
export type TokenEndpointDeps = {
  readonly tokens: AccessTokens;
  readonly authorization: Authorization;
  readonly registryTokens: RegistryTokens;
  readonly jwt: RegistryJwt;
  readonly control: RegistryControl;
};

/** Values by name; a name may come more than once. */
export type Form = URLSearchParams;

/** Somebody who signed in. */
type SignedIn = { readonly sub: string; readonly rights: Rights; readonly notAfter?: number };

const named = z.object({ upn: z.string().optional(), unique_name: z.string().optional() });

/**
 * An Entra token for a refresh token.
 * @throws RegistryError 401 when the token is not good for this registry, or its holder has no role there
 */
export async function exchange(form: Form, registry: RegistryPlace, deps: TokenEndpointDeps) {
  const grantType = form.get("grant_type");
  if (grantType !== "access_token" && grantType !== "access_token_refresh_token") {
    if (grantType === "refresh_token") {
      throw new RegistryError(501, "UNSUPPORTED", "The local registry exchanges no refresh tokens of Entra.");
    }
    throw badForm("grant_type is access_token, access_token_refresh_token or refresh_token.");
  }
  demandService(form, registry);
  const audiences = [REGISTRY_AUDIENCE, ...(registry.takesArmTokens ? ARM_AUDIENCES : [])];
  const verified = await deps.tokens.verify(form.get("access_token") ?? "", audiences, registry.tenantId);
  if (!verified.ok) throw signInRefused(randomUUID());
  const { claims } = verified;
  const principal = { objectId: claims.oid, groups: claims.groups ?? [] };
  const names = named.safeParse(claims).data;
  const sub = names?.upn ?? names?.unique_name ?? claims.appid ?? claims.azp ?? claims.oid;
  const tenant = claims.tid;
  if (registry.mode === "abac") {
    if (!hasAnyRight(repositoryRights(principal, registry, deps.authorization))) throw signInRefused(randomUUID());
    const { objectId: aad_identity, groups } = principal;
    const identity = { tenant, aad_identity, ...(groups.length === 0 ? {} : { groups }) };
    return { refresh_token: await deps.jwt.refreshToken(registry.loginServer, sub, identity) };
  }
  const actions = [...legacyActions(principal, registry, deps.authorization)];
  if (actions.length === 0) throw signInRefused(randomUUID());
  const permissions = { actions, notActions: [] };
  return { refresh_token: await deps.jwt.refreshToken(registry.loginServer, sub, { tenant, permissions }) };
}

/**
 * `POST /oauth2/token`: a refresh token, or user and password, for an access token.
 * @throws RegistryError 401 when the credential is not good
 */
export async function tokenByForm(form: Form, registry: RegistryPlace, deps: TokenEndpointDeps) {
  demandService(form, registry);
  switch (form.get("grant_type")) {
    case "refresh_token":
      return accessToken(await byRefreshToken(form.get("refresh_token") ?? "", registry, deps), form, registry, deps);
    case "password": {
      const user = form.get("username") ?? "";
      // Clients without a credential ask so; the token that they get may do nothing.
      const signedIn =
        user === ""
          ? { sub: "", rights: scopeMapRights([]) }
          : await byPassword(user, form.get("password") ?? "", registry, deps);
      return accessToken(signedIn, form, registry, deps);
    }
    default:
      throw badForm("grant_type is refresh_token or password.");
  }
}

/**
 * `GET /oauth2/token` with a Basic header, as docker and its like ask.
 * @param query `service` and any number of `scope`
 * @throws RegistryError 401 without a header, or when its credential is not good
 */
export async function tokenByBasic(
  authorization: string | undefined,
  query: Form,
  registry: RegistryPlace,
  deps: TokenEndpointDeps,
) {
  demandService(query, registry);
  const credential = readBasic(authorization);
  if (credential === null) throw signInRefused(randomUUID());
  const signedIn = await byPassword(credential.user, credential.password, registry, deps);
  return accessToken(signedIn, query, registry, deps);
}

/** User and password of a Basic header; null when it is none. */
export function readBasic(header: string | undefined): { readonly user: string; readonly password: string } | null {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? "") ?? [];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon === -1 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

async function accessToken(
  { sub, rights, notAfter }: SignedIn,
  form: Form,
  registry: RegistryPlace,
  deps: TokenEndpointDeps,
) {
  const granted = deps.control.distort(grant(parseScopes(form.getAll("scope")), rights));
  return { access_token: await deps.jwt.accessToken(registry.loginServer, sub, granted, notAfter) };
}

async function byPassword(
  user: string,
  password: string,
  registry: RegistryPlace,
  deps: TokenEndpointDeps,
): Promise<SignedIn> {
  if (user !== TOKEN_USER) {
    // An administrator's password is not among them: the account counts as disabled.
    const actions = deps.registryTokens.actionsOf(registry.id, user, password);
    if (actions === null) throw signInRefused(randomUUID());
    return { sub: user, rights: scopeMapRights(actions) };
  }
  const access = await deps.jwt.readAccessToken(registry.loginServer, password);
  if (access === null) return byRefreshToken(password, registry, deps);
  // It must not outlive itself by being exchanged.
  return { sub: access.sub, rights: lentRights(access.access), notAfter: access.exp };
}

async function byRefreshToken(token: string, registry: RegistryPlace, deps: TokenEndpointDeps): Promise<SignedIn> {
  const claims = await deps.jwt.readRefreshToken(registry.loginServer, token);
  if (claims === null) throw signInRefused(randomUUID());
  if (claims.aad_identity === undefined) {
    return { sub: claims.sub, rights: legacyRights(claims.permissions?.actions ?? []) };
  }
  const principal = { objectId: claims.aad_identity, groups: claims.groups ?? [] };
  return { sub: claims.sub, rights: repositoryRights(principal, registry, deps.authorization) };
}

function demandService(form: Form, registry: RegistryPlace): void {
  const service = form.get("service");
  if (service === null || service === "") throw badForm("service is missing.");
  if (service.toLowerCase() !== registry.loginServer) throw signInRefused(randomUUID());
}
