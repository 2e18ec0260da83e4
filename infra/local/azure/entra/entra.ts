/** The emulated Entra: discovery, keys and token endpoints under its real host names. Made by system.ts. */
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { Seed } from "../../seed.ts";
import type { Service } from "../../service.ts";
import type { AccessTokens } from "../ports.ts";
import { DISCOVERY_HEADERS, formOf, headersFor, refuse, TOKEN_HEADERS } from "./answer.ts";
import { issuerV2 } from "./claims.ts";
import type { IssuerKey } from "./client-assertion.ts";
import type { RegisteredCertificate } from "./client-certificates.ts";
import { NotEmulated } from "./client-request.ts";
import { directoriesOf, tenantNamed } from "./directory.ts";
import { instanceDiscovery, keySet, openIdConfigurationV1, openIdConfigurationV2, userRealm } from "./discovery.ts";
import { tenantNotFound, tenantNotFoundForToken } from "./errors.ts";
import { createAccessTokens } from "./signed-tokens.ts";
import type { SigningKey } from "./signing-key.ts";
import { tokenV1, tokenV2 } from "./token-endpoint.ts";

/** What Entra is made of. `now` is the clock of tokens and errors. */
export type EntraDeps = {
  readonly seed: Seed;
  readonly key: SigningKey;
  readonly certificates: readonly RegisteredCertificate[];
  /** Keys of other issuers whose tokens applications may sign in with, by `iss`. */
  readonly issuers: ReadonlyMap<string, IssuerKey>;
  readonly now: () => Date;
};

type TenantRoute = { Params: { tenant: string } };

/** Makes the service and the check of its tokens. */
export async function createEntra(deps: EntraDeps): Promise<{ service: Service; tokens: AccessTokens }> {
  const { seed, key, certificates, now } = deps;
  const directories = directoriesOf(seed);
  const ownIssuers = directories.map(({ tenant }) => [issuerV2(tenant.id), key] as const);
  const issuers = new Map<string, IssuerKey>([...deps.issuers, ...ownIssuers]);
  const issuerKey = (issuer: string) => issuers.get(issuer);
  /** The tenant that a path names; the first one for `common`, where nothing but the sign-in says which. */
  const directoryNamed = (segment: string) =>
    directories.find((directory) => tenantNamed(directory, segment) !== "unknown");
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

  const describe = (path: string, answer: (directory: Seed, tenant: string, host: string) => object) =>
    app.get<TenantRoute>(path, (request, reply) => {
      reply.headers(DISCOVERY_HEADERS);
      const { tenant } = request.params;
      const directory = directoryNamed(tenant);
      if (directory === undefined) throw tenantNotFound(tenant);
      return reply.send(answer(directory, tenant, request.hostname));
    });
  describe("/:tenant/v2.0/.well-known/openid-configuration", (directory, tenant) =>
    openIdConfigurationV2(directory, tenant));
  describe("/:tenant/.well-known/openid-configuration", (directory, tenant, host) =>
    openIdConfigurationV1(directory, tenant, host));
  describe("/:tenant/discovery/v2.0/keys", (directory, tenant) => keySet(directory, tenant, key, 2));
  describe("/:tenant/discovery/keys", (directory, tenant) => keySet(directory, tenant, key, 1));
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
      const directory = directoryNamed(request.params.tenant);
      const tenant = directory === undefined ? "unknown" : tenantNamed(directory, request.params.tenant);
      if (directory === undefined || tenant === "unknown") throw tenantNotFoundForToken(request.params.tenant);
      if (/^Basic /i.test(request.headers.authorization ?? "")) throw new NotEmulated(" with HTTP Basic");
      return issue({ seed: directory, key, certificates, issuerKey, now }, { tenant, form });
    });
  issueAt("/:tenant/oauth2/v2.0/token", tokenV2);
  issueAt("/:tenant/oauth2/token", tokenV1);

  await app.ready();
  const service: Service = {
    name: "entra",
    hosts: /^(?:login\.microsoftonline\.com|login\.microsoft\.com|login\.windows\.net|sts\.windows\.net)$/,
    handle: (request, response) => app.routing(request, response),
    errorBody: (request, { code, message }) => ({
      headers: headersFor(request.headers, now()),
      body: JSON.stringify({ error: code, error_description: message, error_codes: [] }),
    }),
    close: () => app.close(),
  };
  return { service, tokens: createAccessTokens(seed, key, now) };
}
