/** Sign-in at the local container registries as clients do it, and requests with its tokens. For contract tests. */
import { tokenOf } from "./application-tokens.ts";
import { type JsonAnswer, jsonRequest } from "./json-request.ts";
import type { LocalAzure } from "./local-azure.ts";

/** The registry of the second page, in legacy mode. */
export const REGISTRY = "demozenmlcontainerregistry.azurecr.io";
/** The same name with a label, in another subscription. */
export const LABELLED_REGISTRY = "demozenmlcontainerregistry-e7ggejfuhzhgedc8.azurecr.io";
/** In ABAC mode; takes no tokens for ARM. */
export const ABAC_REGISTRY = "researchabacregistry.azurecr.io";
/** What an Entra token is asked for. */
export const REGISTRY_SCOPE = "https://containerregistry.azure.net/.default";
/** User name beside which a token stands in the place of a password. */
export const TOKEN_USER = "00000000-0000-0000-0000-000000000000";

/** Sends a form; a value that is a list comes more than once. */
export function postForm(
  azure: LocalAzure,
  url: string,
  form: Readonly<Record<string, string | readonly string[]>>,
): Promise<JsonAnswer> {
  const body = new URLSearchParams(
    Object.entries(form).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one])),
  ).toString();
  return jsonRequest(azure, "POST", url, { headers: { "content-type": "application/x-www-form-urlencoded" }, body });
}

/** The answer to an application of the seed that exchanges its Entra token. */
export async function exchangeOf(
  azure: LocalAzure,
  application: string,
  host = REGISTRY,
  scope = REGISTRY_SCOPE,
): Promise<JsonAnswer> {
  const access_token = await tokenOf(azure, application, scope);
  return postForm(azure, `https://${host}/oauth2/exchange`, {
    grant_type: "access_token",
    service: host,
    access_token,
  });
}

/** @throws Error when the application is refused */
export async function refreshTokenOf(azure: LocalAzure, application: string, host = REGISTRY): Promise<string> {
  return memberOf(await exchangeOf(azure, application, host), "refresh_token");
}

/** @throws Error when the refresh token is refused */
export async function accessTokenFor(
  azure: LocalAzure,
  refresh_token: string,
  scope: string | readonly string[],
  host = REGISTRY,
): Promise<string> {
  const form = { grant_type: "refresh_token", service: host, refresh_token, scope };
  return memberOf(await postForm(azure, `https://${host}/oauth2/token`, form), "access_token");
}

/** The text member of an answer. @throws Error when it has none */
export function memberOf(answer: JsonAnswer, name: string): string {
  const value: unknown = Object(answer.json)[name];
  if (typeof value !== "string") throw new Error(`no ${name} in the answer ${answer.status}`);
  return value;
}

/** Basic credentials. */
export function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
}
