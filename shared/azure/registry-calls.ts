/** The calls of a registry's token service and of its list of repositories. Used by registry-tokens.ts and acr-content.ts. */

import type { HttpClient } from "@azure/core-rest-pipeline";
import type { PathUncheckedResponse } from "@azure-rest/core-client";
import { z } from "zod";
import { cloudOf } from "../cloud.ts";
import type { OpenedRegistry } from "../connectors/ports.ts";
import { InputError } from "../errors.ts";
import { lazy } from "../lazy.ts";
import { readClaims } from "../token-claims.ts";
import { brokenList } from "./arm-list.ts";
import { BrokenAnswerError } from "./broken-answers.ts";
import { registryOptions } from "./client-options.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { nextPage, refusalOf } from "./registry-answers.ts";
import { registryOrigin } from "./registry-host.ts";
import { callAsConnector } from "./upstream.ts";

/** A registry and who signs in there. */
export type RegistrySignIn = Pick<OpenedRegistry, "registry" | "signIn">;

/** Each call has a time limit of its own. @throws InputError SIGN_IN_FAILED UNSUPPORTED_BY_METHOD, UpstreamError */
export type RegistryCalls = {
  /** A new refresh token for the identity that signs in. */
  exchange(at: RegistrySignIn, remedy: string): Promise<string>;
  /** An access token for a scope. */
  accessToken(at: RegistrySignIn, refreshToken: string, scope: string, remedy: string): Promise<string>;
  /** Names of repositories in the registry's order, at most `limit`. */
  repositories(at: RegistrySignIn, accessToken: string, limit: number, remedy: string): Promise<readonly string[]>;
};

const CATALOG = "/acr/v1/_catalog";
/** Names in a page: as many as the service gives when nobody says. */
const PAGE = 100;
/** Most pages of one list, whatever their length: about ten seconds of asking. */
const MAX_PAGES = 100;
const FORM = "application/x-www-form-urlencoded";

const exchangedSchema = z.object({ refresh_token: z.string().min(1) });
const issuedSchema = z.object({ access_token: z.string().min(1) });
// No list at all stands for none.
const pageSchema = z.object({ repositories: z.array(z.string()).nullable() });

const restModule = lazy(() => import("@azure-rest/core-client"));

/** @param more a client for tests, which answers in the registry's place */
export function openRegistryCalls(
  identities: ConnectorIdentities,
  more: { readonly httpClient?: HttpClient } = {},
): RegistryCalls {
  /** The challenge of a registry names a place to get tokens, which nobody here reads: it is always the registry itself. */
  const open = async ({ registry, signIn }: RegistrySignIn) => {
    const origin = registryOrigin(registry, signIn.cloud);
    const { createRestError, getClient } = await restModule();
    const client = getClient(origin, { ...registryOptions(origin, signIn.cloud), ...more });
    const failure = (response: PathUncheckedResponse) => refusalOf(createRestError, response);
    const post = async (path: string, fields: Readonly<Record<string, string>>, abortSignal: AbortSignal) => {
      const body = new URLSearchParams(fields).toString();
      const response = await client.pathUnchecked(path).post({ body, contentType: FORM, abortSignal });
      if (response.status !== "200") throw failure(response);
      return response.body;
    };
    const get = async (url: string, token: string, abortSignal: AbortSignal) => {
      const headers = { authorization: `Bearer ${token}` };
      const response = await client.pathUnchecked(url).get({ headers, abortSignal });
      if (response.status !== "200") throw failure(response);
      const page = pageSchema.safeParse(response.body);
      if (!page.success) throw brokenList();
      return { names: page.data.repositories ?? [], next: nextPage(response.headers.link, origin, CATALOG) };
    };
    return { origin, post, get };
  };

  return {
    exchange: (at, remedy) =>
      callAsConnector(`sign in at the registry ${at.registry.registry}`, remedy, async (abortSignal) => {
        const { post } = await open(at);
        refuseArmToken(at);
        const service = at.registry.loginServer;
        const token = await identities(at.signIn).getToken(`${audienceOf(at)}/.default`, { abortSignal });
        if (token === null) throw broken();
        const tenant = readClaims(token.token)?.tenantId;
        const fields = { grant_type: "access_token", service, ...(tenant !== undefined && { tenant }) };
        const answer = await post("/oauth2/exchange", { ...fields, access_token: token.token }, abortSignal);
        return read(exchangedSchema, answer).refresh_token;
      }),
    accessToken: (at, refreshToken, scope, remedy) =>
      callAsConnector(`get a token of the registry ${at.registry.registry}`, remedy, async (abortSignal) => {
        const { post } = await open(at);
        const fields = { grant_type: "refresh_token", service: at.registry.loginServer, scope };
        const answer = await post("/oauth2/token", { ...fields, refresh_token: refreshToken }, abortSignal);
        return read(issuedSchema, answer).access_token;
      }),
    repositories: (at, accessToken, limit, remedy) =>
      callAsConnector(`list the repositories of ${at.registry.registry}`, remedy, async (abortSignal) => {
        const { origin, get } = await open(at);
        const found: string[] = [];
        let url: string | null = `${origin}${CATALOG}?n=${PAGE}`;
        for (let pages = 0; url !== null && found.length < limit; pages++) {
          // Part of the list would pass for the whole.
          if (pages === MAX_PAGES) throw brokenList();
          abortSignal.throwIfAborted();
          const { names, next } = await get(url, accessToken, abortSignal);
          found.push(...names);
          url = next;
        }
        return found.slice(0, limit);
      }),
  };
}

/** A connector that was given a token for ARM has no other. */
function audienceOf({ signIn: { cloud, authMethod } }: RegistrySignIn): string {
  return authMethod === "access-token" ? cloudOf(cloud).resourceManager : cloudOf(cloud).registryAudience;
}

/** Asked before anything is sent; the registry would refuse it, as if the identity had no role. */
function refuseArmToken({ registry, signIn }: RegistrySignIn): void {
  if (signIn.authMethod !== "access-token" || registry.takesArmTokens) return;
  throw new InputError(
    "UNSUPPORTED_BY_METHOD",
    "The connector has an access token for Azure Resource Manager, which this registry does not take (azureADAuthenticationAsArmPolicy is disabled). Use a connector that signs in by another method; for the form docker-login, naming the repositories is enough.",
  );
}

function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const answer = schema.safeParse(body);
  if (!answer.success) throw broken();
  return answer.data;
}

/** What has no token in it came from something in between. */
function broken(): BrokenAnswerError {
  return new BrokenAnswerError({ status: 502, headers: new Map() });
}
