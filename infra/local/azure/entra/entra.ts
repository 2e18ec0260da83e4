/** The emulated Entra: discovery, keys and token endpoints under its real host names. Made by system.ts. */
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { Seed } from "../../seed.ts";
import type { Service } from "../../service.ts";
import type { StateStore } from "../../state.ts";
import type { AccessTokens } from "../ports.ts";
import { DISCOVERY_HEADERS, formOf, headersFor, refuse, TOKEN_HEADERS } from "./answer.ts";
import { NotEmulated } from "./client-request.ts";
import { tenantNamed } from "./directory.ts";
import { instanceDiscovery, keySet, openIdConfigurationV1, openIdConfigurationV2, userRealm } from "./discovery.ts";
import { tenantNotFound, tenantNotFoundForToken } from "./errors.ts";
import { createAccessTokens } from "./signed-tokens.ts";
import { openSigningKey } from "./signing-key.ts";
import { tokenV1, tokenV2 } from "./token-endpoint.ts";

/** What Entra is made of. `now` is the clock of tokens and errors. */
export type EntraDeps = { readonly seed: Seed; readonly state: StateStore; readonly now: () => Date };

type TenantRoute = { Params: { tenant: string } };

/** Makes the service and the check of its tokens; a first start makes the signing key too. */
export async function createEntra({
  seed,
  state,
  now,
}: EntraDeps): Promise<{ service: Service; tokens: AccessTokens }> {
  const key = await openSigningKey(state, now);
  const refused = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    refuse(error, request, reply, now());
  const app = fastify({
    routerOptions: { caseSensitive: false, ignoreDuplicateSlashes: true, ignoreTrailingSlash: true },
    frameworkErrors: refused,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) =>
    done(null, new URLSearchParams(String(body))),
  );
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, _body, done) => done(null, undefined));
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(headersFor(request.headers, now()));
  });
  app.setErrorHandler(refused);
  app.setNotFoundHandler(() => {
    throw new NotEmulated("");
  });

  const describe = (path: string, answer: (tenant: string, host: string) => object) =>
    app.get<TenantRoute>(path, (request, reply) => {
      reply.headers(DISCOVERY_HEADERS);
      const { tenant } = request.params;
      if (tenantNamed(seed, tenant) === "unknown") throw tenantNotFound(tenant);
      return reply.send(answer(tenant, request.hostname));
    });
  describe("/:tenant/v2.0/.well-known/openid-configuration", (tenant) => openIdConfigurationV2(seed, tenant));
  describe("/:tenant/.well-known/openid-configuration", (tenant, host) => openIdConfigurationV1(seed, tenant, host));
  describe("/:tenant/discovery/v2.0/keys", (tenant) => keySet(seed, tenant, key, 2));
  describe("/:tenant/discovery/keys", (tenant) => keySet(seed, tenant, key, 1));
  app.get<{ Querystring: { authorization_endpoint?: string } }>("/common/discovery/instance", (request, reply) =>
    reply.headers(DISCOVERY_HEADERS).send(instanceDiscovery(request.query.authorization_endpoint)),
  );
  app.get<{ Params: { user: string } }>("/common/userrealm/:user", (request, reply) =>
    reply.headers(TOKEN_HEADERS).send(userRealm(seed, request.params.user)),
  );

  const issueAt = (path: string, issue: typeof tokenV1 | typeof tokenV2) =>
    app.post<TenantRoute>(path, async (request, reply) => {
      reply.headers(TOKEN_HEADERS);
      const form = formOf(request);
      const telemetry = form.get("x-client-current-telemetry") ?? request.headers["x-client-current-telemetry"];
      if (telemetry !== undefined) reply.header("x-ms-clitelem", "1,0,0,,");
      const tenant = tenantNamed(seed, request.params.tenant);
      if (tenant === "unknown") throw tenantNotFoundForToken(request.params.tenant);
      if (/^Basic /i.test(request.headers.authorization ?? "")) throw new NotEmulated(" with HTTP Basic");
      return issue({ seed, key, now }, { tenant, form });
    });
  issueAt("/:tenant/oauth2/v2.0/token", tokenV2);
  issueAt("/:tenant/oauth2/token", tokenV1);

  await app.ready();
  const service: Service = {
    name: "entra",
    hosts: /^(?:login\.microsoftonline\.com|login\.windows\.net|sts\.windows\.net)$/,
    handle: (request, response) => app.routing(request, response),
    errorBody: (request, { code, message }) => ({
      headers: headersFor(request.headers, now()),
      body: JSON.stringify({ error: code, error_description: message, error_codes: [] }),
    }),
    close: () => app.close(),
  };
  return { service, tokens: createAccessTokens(seed, key, now) };
}
