/** Documents by which clients find endpoints and keys; members and order as Entra sends them. Served by entra.ts. */
import type { Seed } from "../../seed.ts";
import { issuerV1, issuerV2 } from "./claims.ts";
import { tenantNamed } from "./directory.ts";
import { instanceUnknown, parameterMissing } from "./errors.ts";
import type { SigningKey } from "./signing-key.ts";

/** The host that Entra names in its documents, however it was reached. */
const LOGIN = "https://login.microsoftonline.com";
/** What Entra puts where a shared document has no tenant to name. */
const ANY_TENANT = "{tenantid}";

const CLOUD = {
  cloud_instance_name: "microsoftonline.com",
  cloud_graph_host_name: "graph.windows.net",
  msgraph_host: "graph.microsoft.com",
  rbac_url: "https://pas.windows.net",
};
const CLIENT_AUTHENTICATION = ["client_secret_post", "private_key_jwt", "client_secret_basic"];
const COMMON_CLAIMS = [
  "sub",
  "iss",
  "cloud_instance_name",
  "cloud_instance_host_name",
  "cloud_graph_host_name",
  "msgraph_host",
  "aud",
  "exp",
  "iat",
  "auth_time",
  "acr",
];

/** Which tenant a document speaks for: ours by its GUID, whatever name was asked for, or a shared name as it stands. */
function documentTenant(seed: Seed, segment: string) {
  const shared = tenantNamed(seed, segment) === "shared";
  return {
    path: shared ? segment.toLowerCase() : seed.tenant.id,
    id: shared ? ANY_TENANT : seed.tenant.id,
    region: shared ? null : "EU",
  };
}

/** `/{tenant}/v2.0/.well-known/openid-configuration` */
export function openIdConfigurationV2(seed: Seed, segment: string) {
  const tenant = documentTenant(seed, segment);
  const base = `${LOGIN}/${tenant.path}`;
  return {
    token_endpoint: `${base}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION,
    jwks_uri: `${base}/discovery/v2.0/keys`,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    issuer: issuerV2(tenant.id),
    request_uri_parameter_supported: false,
    userinfo_endpoint: "https://graph.microsoft.com/oidc/userinfo",
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
    http_logout_supported: true,
    frontchannel_logout_supported: true,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    claims_supported: [
      ...COMMON_CLAIMS,
      "nonce",
      "preferred_username",
      "name",
      "tid",
      "ver",
      "at_hash",
      "c_hash",
      "email",
    ],
    kerberos_endpoint: `${base}/kerberos`,
    tenant_region_scope: tenant.region,
    ...CLOUD,
  };
}

/** `/{tenant}/.well-known/openid-configuration`. v1 names login.windows.net where that was asked. */
export function openIdConfigurationV1(seed: Seed, segment: string, host: string) {
  const tenant = documentTenant(seed, segment);
  const login = host === "login.windows.net" ? "https://login.windows.net" : LOGIN;
  const base = `${login}/${tenant.path}`;
  return {
    token_endpoint: `${base}/oauth2/token`,
    token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION,
    jwks_uri: `${login}/common/discovery/keys`,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: ["code", "id_token", "code id_token", "token id_token", "token"],
    scopes_supported: ["openid"],
    issuer: issuerV1(tenant.id),
    microsoft_multi_refresh_token: true,
    authorization_endpoint: `${base}/oauth2/authorize`,
    device_authorization_endpoint: `${base}/oauth2/devicecode`,
    http_logout_supported: true,
    frontchannel_logout_supported: true,
    end_session_endpoint: `${base}/oauth2/logout`,
    claims_supported: [...COMMON_CLAIMS, "amr", "nonce", "email", "given_name", "family_name", "nickname"],
    check_session_iframe: `${base}/oauth2/checksession`,
    userinfo_endpoint: `${base}/openid/userinfo`,
    kerberos_endpoint: `${base}/kerberos`,
    tenant_region_scope: tenant.region,
    ...CLOUD,
  };
}

/** `/{tenant}/discovery/v2.0/keys` and `/{tenant}/discovery/keys`; only v2 says whose tokens a key signs. */
export function keySet(seed: Seed, segment: string, key: SigningKey, version: 1 | 2) {
  const jwk = { kty: "RSA", use: "sig", kid: key.kid, x5t: key.kid, n: key.n, e: key.e, x5c: [key.certificate] };
  if (version === 1) return { keys: [jwk] };
  const issuer = issuerV2(documentTenant(seed, segment).id);
  return { keys: [{ ...jwk, cloud_instance_name: CLOUD.cloud_instance_name, issuer }] };
}

const instance = (network: string, cache: string, aliases: string[]) => ({
  preferred_network: network,
  preferred_cache: cache,
  aliases,
});
const INSTANCES = [
  instance("login.microsoftonline.com", "login.windows.net", [
    "login.microsoftonline.com",
    "login.windows.net",
    "login.microsoft.com",
    "sts.windows.net",
  ]),
  instance("login.partner.microsoftonline.cn", "login.partner.microsoftonline.cn", [
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
  ]),
  instance("login.microsoftonline.de", "login.microsoftonline.de", ["login.microsoftonline.de"]),
  instance("login.microsoftonline.us", "login.microsoftonline.us", [
    "login.microsoftonline.us",
    "login.usgovcloudapi.net",
  ]),
  instance("login-us.microsoftonline.com", "login-us.microsoftonline.com", ["login-us.microsoftonline.com"]),
];

/** `/common/discovery/instance`: which hosts are Entra, and where the tenant of that authorization endpoint is described. */
export function instanceDiscovery(authorizationEndpoint: string | undefined) {
  if (!authorizationEndpoint) throw parameterMissing("authorization_endpoint");
  if (!URL.canParse(authorizationEndpoint)) throw instanceUnknown();
  const url = new URL(authorizationEndpoint);
  if (!INSTANCES.some((one) => one.aliases.includes(url.hostname))) throw instanceUnknown();
  const tenant = url.pathname.split("/")[1] ?? "common";
  const version = url.pathname.includes("/v2.0/") ? "/v2.0" : "";
  return {
    tenant_discovery_endpoint: `${url.origin}/${tenant}${version}/.well-known/openid-configuration`,
    "api-version": "1.1",
    metadata: INSTANCES,
  };
}

/** `/common/userrealm/{user}`: MSAL asks it before a sign-in with a password. Every user here is managed by Entra itself. */
export function userRealm(seed: Seed, user: string) {
  const domain = user.slice(user.lastIndexOf("@") + 1);
  if (domain.toLowerCase() !== seed.tenant.domain.toLowerCase()) {
    return { ver: "1.0", account_type: "Unknown", cloud_instance_name: CLOUD.cloud_instance_name };
  }
  return {
    ver: "1.0",
    account_type: "Managed",
    domain_name: domain,
    cloud_instance_name: CLOUD.cloud_instance_name,
    cloud_audience_urn: "urn:federation:MicrosoftOnline",
  };
}
