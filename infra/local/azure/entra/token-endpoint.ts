/** Answers the token endpoints: who asks, for whom, for what, then the tokens. Called by entra.ts. */
import { randomInt } from "node:crypto";
import type { Seed } from "../../seed.ts";
import {
  accessTokenClaims,
  type ClientProof,
  DELEGATED_PERMISSION,
  idTokenClaims,
  type Lifetime,
  type Subject,
} from "./claims.ts";
import type { AssertionDeps } from "./client-assertion.ts";
import {
  authenticateClient,
  type ClientRequest,
  clientOf,
  NotEmulated,
  requireParameter,
  sharedEndpointAllowed,
} from "./client-request.ts";
import { type Client, findUser, findUserById, sameSecret, type User } from "./directory.ts";
import {
  consentMissing,
  grantTypeUnsupported,
  noTenantInRequest,
  passwordWrong,
  refreshTokenMalformed,
  resourceNotFound,
  scopeInvalid,
  scopeNotDefault,
  userNotFound,
} from "./errors.ts";
import { findResource, type Resource } from "./resources.ts";
import { openRefreshToken, sealRefreshToken, signToken } from "./signed-tokens.ts";
import type { SigningKey } from "./signing-key.ts";

/** Seconds an application's token lives (Entra: `expires_in` 3599). */
const APP_TOKEN_SECONDS = 3600;
/** Seconds it lives when the client declared that it understands continuous access evaluation (`expires_in` 86399). */
const LONG_APP_TOKEN_SECONDS = 86_400;
/** A user's token lives a random time between 60 and 90 minutes (Entra's documented default). */
const USER_TOKEN_SECONDS = { from: 3600, to: 5400 };
/** What v1 takes when no `resource` is named: the old directory API, which this tenant does not have. */
const V1_DEFAULT_RESOURCE = "00000002-0000-0000-c000-000000000000";
const OPENID_SCOPES = new Set(["openid", "profile", "email", "offline_access"]);
/** Grant types that Entra has and the local one has not. */
const OTHER_GRANT_TYPES = new Set([
  "authorization_code",
  "device_code",
  "urn:ietf:params:oauth:grant-type:device_code",
  "urn:ietf:params:oauth:grant-type:jwt-bearer",
  "urn:ietf:params:oauth:grant-type:saml1_1-bearer",
  "urn:ietf:params:oauth:grant-type:saml2-bearer",
]);

/** What the endpoints need. `seed`: as the tenant sees it that is asked. */
export type TokenDeps = AssertionDeps & { readonly seed: Seed; readonly key: SigningKey };

/** `POST /{tenant}/oauth2/v2.0/token` */
export async function tokenV2(deps: TokenDeps, request: ClientRequest) {
  const grantType = requireParameter(request, "grant_type");
  if (grantType === "client_credentials") return clientCredentialsV2(deps, request);
  if (grantType === "password" || grantType === "refresh_token") return userTokenV2(deps, request, grantType);
  if (OTHER_GRANT_TYPES.has(grantType)) throw new NotEmulated(` with grant_type ${grantType}`);
  throw grantTypeUnsupported(grantType);
}

/** `POST /{tenant}/oauth2/token`: the same tokens; numbers in the answer are strings. */
export async function tokenV1(deps: TokenDeps, request: ClientRequest) {
  const grantType = requireParameter(request, "grant_type");
  if (grantType !== "client_credentials") {
    if (grantType === "password" || grantType === "refresh_token" || OTHER_GRANT_TYPES.has(grantType)) {
      throw new NotEmulated(` with grant_type ${grantType}`);
    }
    throw grantTypeUnsupported(grantType);
  }
  const client = clientOf(deps.seed, request);
  sharedEndpointAllowed(request, false);
  const proof = await authenticateClient(deps, client, request, grantType);
  const asked = request.form.get("resource") || V1_DEFAULT_RESOURCE;
  const resource = requireResource(deps.seed, asked);
  const lifetime = { issuedAt: deps.now(), seconds: APP_TOKEN_SECONDS };
  const claims = accessTokenClaims(deps.seed, resource, application(client, proof, request), lifetime);
  return {
    token_type: "Bearer",
    expires_in: String(lifetime.seconds - 1),
    ext_expires_in: String(lifetime.seconds - 1),
    expires_on: String(claims.exp),
    not_before: String(claims.nbf),
    resource: asked,
    access_token: await signToken(deps.key, claims),
  };
}

async function clientCredentialsV2(deps: TokenDeps, request: ClientRequest) {
  const { seed, key, now } = deps;
  const client = clientOf(seed, request);
  const scope = requireParameter(request, "scope");
  sharedEndpointAllowed(request, false);
  const [asked, ...more] = resourceScopes(scope).map(splitScope);
  if (!asked?.resource || asked.permission !== ".default" || more.length > 0) throw scopeNotDefault(scope);
  const proof = await authenticateClient(deps, client, request, "client_credentials");
  const resource = requireResource(seed, asked.resource);
  const subject = application(client, proof, request);
  const seconds = subject.understandsRevocation ? LONG_APP_TOKEN_SECONDS : APP_TOKEN_SECONDS;
  const lifetime = { issuedAt: now(), seconds };
  return tokenAnswer({ seed, key }, resource, subject, lifetime);
}

async function userTokenV2(deps: TokenDeps, request: ClientRequest, grantType: "password" | "refresh_token") {
  const { seed, key, now } = deps;
  const client = clientOf(seed, request);
  const scope = requireParameter(request, "scope");
  sharedEndpointAllowed(request, true);
  const proof = await authenticateClient(deps, client, request, grantType);
  const user =
    grantType === "password" ? userByPassword(seed, request) : await userByRefreshToken(deps, request, client.clientId);
  const scopes = scope.split(/\s+/).filter(Boolean);
  const permissions = resourceScopes(scope).map(splitScope);
  const [first] = permissions;
  if (!first?.resource || permissions.some((one) => one.resource !== first.resource)) throw scopeInvalid(scope);
  const resource = requireResource(seed, first.resource);
  if (permissions.some((one) => one.permission !== ".default" && one.permission !== DELEGATED_PERMISSION)) {
    throw consentMissing(client.clientId, client.name);
  }
  const lifetime = { issuedAt: now(), seconds: randomInt(USER_TOKEN_SECONDS.from, USER_TOKEN_SECONDS.to) };
  const granted = new Set([`${first.resource}/${DELEGATED_PERMISSION}`, ...resourceScopes(scope)]);
  const answer = await tokenAnswer(
    { seed, key },
    resource,
    { client, proof, understandsRevocation: understandsRevocation(request), user },
    lifetime,
    [...granted].join(" "),
  );
  const refreshToken = scopes.includes("offline_access")
    ? { refresh_token: await sealRefreshToken(key, user.objectId, client.clientId, now()) }
    : {};
  const idToken = scopes.includes("openid")
    ? { id_token: await signToken(key, idTokenClaims(seed, client, user, lifetime)) }
    : {};
  const clientInfo = request.form.get("client_info") === "1" ? { client_info: accountId(seed, user) } : {};
  return { ...answer, ...refreshToken, ...idToken, ...clientInfo };
}

async function tokenAnswer(
  { seed, key }: Pick<TokenDeps, "seed" | "key">,
  resource: Resource,
  subject: Subject,
  lifetime: Lifetime,
  scope?: string,
) {
  return {
    token_type: "Bearer",
    ...(scope === undefined ? {} : { scope }),
    expires_in: lifetime.seconds - 1,
    ext_expires_in: lifetime.seconds - 1,
    access_token: await signToken(key, accessTokenClaims(seed, resource, subject, lifetime)),
  };
}

function userByPassword(seed: Seed, request: ClientRequest): User {
  const name = requireParameter(request, "username");
  const password = requireParameter(request, "password");
  const ourDomain = name.toLowerCase().endsWith(`@${seed.tenant.domain.toLowerCase()}`);
  if (request.tenant === "shared" && !ourDomain) throw noTenantInRequest();
  const user = findUser(seed, name);
  if (user === undefined) throw userNotFound(seed.tenant.domain);
  if (!sameSecret(password, user.password)) throw passwordWrong();
  return user;
}

async function userByRefreshToken({ seed, key, now }: TokenDeps, request: ClientRequest, clientId: string) {
  const token = requireParameter(request, "refresh_token");
  const user = findUserById(seed, await openRefreshToken(key, token, clientId, now()));
  if (user === undefined) throw refreshTokenMalformed();
  return user;
}

function requireResource(seed: Seed, name: string): Resource {
  const resource = findResource(seed, name);
  if (resource === undefined) throw resourceNotFound(name, seed.tenant.name);
  return resource;
}

const resourceScopes = (scope: string) => scope.split(/\s+/).filter((one) => one !== "" && !OPENID_SCOPES.has(one));

/** `https://vault.azure.net/.default` is the resource before its last slash and a permission after it. */
function splitScope(scope: string) {
  const slash = scope.lastIndexOf("/");
  return { resource: scope.slice(0, Math.max(slash, 0)), permission: scope.slice(slash + 1) };
}

const application = (client: Client, proof: ClientProof, request: ClientRequest): Subject => ({
  client,
  proof,
  understandsRevocation: understandsRevocation(request),
  user: undefined,
});

/** Whether the claims request declares the client capability `cp1`; az and .NET write it `CP1`. */
function understandsRevocation(request: ClientRequest): boolean {
  return request.form.get("claims")?.toLowerCase().includes('"cp1"') ?? false;
}

/** MSAL's account key: base64url of the user's and the tenant's id. */
function accountId(seed: Seed, user: User): string {
  return Buffer.from(JSON.stringify({ uid: user.objectId, utid: seed.tenant.id })).toString("base64url");
}
