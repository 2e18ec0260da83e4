/** Data plane of container registries (NAME.azurecr.io): images and the tokens for them. Wired by services.ts. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { Seed } from "../../seed.ts";
import type { Service } from "../../service.ts";
import type { SigningKey } from "../entra/signing-key.ts";
import type { AccessTokens, Authorization, RegistryTokens } from "../ports.ts";
import { holds } from "./access.ts";
import { ACR_OPERATIONS } from "./acr-operations.ts";
import { BLOB_OPERATIONS } from "./blob-operations.ts";
import { LIST_OPERATIONS } from "./list-operations.ts";
import { MANIFEST_OPERATIONS } from "./manifest-operations.ts";
import { readWhole } from "./read-whole.ts";
import { answerWith, headersFor, refusalOf, refuse } from "./registry-answers.ts";
import { openRegistryContent, type RegistryContent } from "./registry-content.ts";
import { type RegistryPlace, registryPlaces } from "./registry-directory.ts";
import {
  badBasic,
  badForm,
  nameInvalid,
  notImplemented,
  RegistryError,
  registryErrorBody,
  unauthorized,
} from "./registry-errors.ts";
import { createRegistryJwt } from "./registry-jwt.ts";
import { type Category, categoryOf, createRequestLimits } from "./registry-limits.ts";
import type { RegistryOperation, RegistryRequest } from "./registry-operation.ts";
import type { RegistryControl } from "./registry-settings.ts";
import { seedImages } from "./seed-images.ts";
import { exchange, readBasic, type TokenEndpointDeps, tokenByBasic, tokenByForm } from "./token-endpoints.ts";
import { UPLOAD_OPERATIONS } from "./upload-operations.ts";

/** The bare `/v2/`: says that a token is good, and where to get one. */
const PING: RegistryOperation = {
  methods: ["GET", "HEAD"],
  path: /^\/v2\/?$/,
  needs: () => [],
  answer: () => ({ status: 200, headers: { "content-type": "application/json; charset=utf-8" }, body: "{}" }),
};
const OPERATIONS = [
  PING,
  ...LIST_OPERATIONS,
  ...ACR_OPERATIONS,
  ...MANIFEST_OPERATIONS,
  ...UPLOAD_OPERATIONS,
  ...BLOB_OPERATIONS,
];

/** Bytes of a form: an Entra token with many groups fits in. */
const MAX_FORM_BYTES = 256 * 1024;
/** What the service says as long as it counts no calls. Source: recordings. */
const CALLS_LEFT = { "x-ms-ratelimit-remaining-calls-per-second": "166.65" };

type Registry = RegistryPlace & { readonly content: RegistryContent };

/**
 * Each registry keeps its content in a folder of its own, named by its host.
 * @param deps.folder for all of them
 * @param deps.key signs the tokens
 */
export async function createContainerRegistry(deps: {
  readonly seed: Seed;
  readonly folder: string;
  readonly key: SigningKey;
  readonly tokens: AccessTokens;
  readonly authorization: Authorization;
  readonly registryTokens: RegistryTokens;
  readonly control: RegistryControl;
  readonly now: () => Date;
}): Promise<Service> {
  const { key, now } = deps;
  const jwt = createRegistryJwt({ key, now });
  const tokenDeps: TokenEndpointDeps = { ...deps, jwt };
  const limits = createRequestLimits({ now, settings: deps.control.settings });
  const registries = new Map<string, Registry>(
    registryPlaces(deps.seed).map((place) => {
      const content = openRegistryContent(join(deps.folder, place.loginServer), now);
      seedImages(content, place.images);
      deps.control.contents.set(place.loginServer, content);
      return [place.loginServer, { ...place, content }];
    }),
  );
  const registryOf = (request: FastifyRequest) => {
    const registry = registries.get(hostOf(request.headers.host));
    if (registry === undefined)
      throw new RegistryError(404, "NOT_FOUND", "This name is no registry of the local Azure.");
    return registry;
  };

  const app = fastify({
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    frameworkErrors: (_error, request, reply) => {
      reply.headers(headersFor(request.id));
      refuse(reply, nameInvalid(pathOf(request)));
    },
  });
  app.removeAllContentTypeParsers();
  // Blobs are read as they come.
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(headersFor(request.id));
    // Whoever signs in is not known yet; the service has no limit for each of them there.
    if (kindOf(request) === "oauth") limits.take(hostOf(request.headers.host), "oauth", undefined);
  });
  app.addHook("onResponse", async (request, reply) => {
    deps.control.requests.add(hostOf(request.headers.host), kindOf(request), reply.statusCode);
  });
  app.setErrorHandler((error, _request, reply) => refuse(reply, refusalOf(error)));
  app.setNotFoundHandler((request) => {
    throw notImplemented(`${request.method} ${pathOf(request)}`);
  });

  app.post("/oauth2/exchange", async (request, reply) =>
    reply.headers(CALLS_LEFT).send(await exchange(await formOf(request), registryOf(request), tokenDeps)),
  );
  app.get("/oauth2/exchange", () => {
    throw new RegistryError(404, "NOT_FOUND", "page not found");
  });
  app.post("/oauth2/token", async (request, reply) =>
    reply.headers(CALLS_LEFT).send(await tokenByForm(await formOf(request), registryOf(request), tokenDeps)),
  );
  app.get("/oauth2/token", async (request, reply) => {
    const { authorization } = request.headers;
    return reply
      .headers(CALLS_LEFT)
      .send(await tokenByBasic(authorization, queryOf(request), registryOf(request), tokenDeps));
  });

  const serve = async (request: FastifyRequest, reply: FastifyReply) => {
    const registry = registryOf(request);
    const path = pathOf(request);
    const fitting = OPERATIONS.filter((operation) => operation.path.test(path));
    const operation = fitting.find(({ methods }) => methods.includes(request.method));
    if (operation === undefined) {
      // Nobody learns without a token what there is.
      await demand(registry, request, []);
      if (fitting.length === 0) throw notImplemented(`${request.method} ${path}`);
      throw new RegistryError(405, "UNSUPPORTED", "The operation is unsupported.");
    }
    const asked: RegistryRequest = {
      host: registry.loginServer,
      path,
      content: registry.content,
      settings: deps.control.settings(),
      parts: (operation.path.exec(path) ?? []).slice(1),
      query: queryOf(request),
      header: (name) => firstHeader(request.raw, name),
      body: request.raw,
    };
    await demand(registry, request, operation.needs(asked));
    return answerWith(reply, await operation.answer(asked, request.method));
  };
  const demand = async (
    registry: Registry,
    request: FastifyRequest,
    needed: ReturnType<RegistryOperation["needs"]>,
  ) => {
    const { loginServer } = registry;
    const { authorization } = request.headers;
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
    // All who show no token are one caller.
    if (token === undefined) limits.take(loginServer, kindOf(request), "");
    if (readBasic(authorization) !== null) throw badBasic();
    if (token === undefined) throw unauthorized(loginServer, needed);
    const claims = await jwt.readAccessToken(loginServer, token);
    limits.take(loginServer, kindOf(request), claims?.sub ?? "");
    if (claims === null) throw unauthorized(loginServer, needed, "invalid_token");
    if (!needed.every((one) => holds(claims.access, one))) {
      throw unauthorized(loginServer, needed, "insufficient_scope");
    }
  };
  app.all("/v2", serve);
  app.all("/v2/*", serve);
  app.all("/acr/v1/*", serve);

  await app.ready();
  const names = [...registries.keys()].map((host) => host.replaceAll(".", "\\."));
  return {
    name: "registry",
    hosts: new RegExp(`^(${names.join("|")})$`),
    handle: (request, response) => app.routing(request, response),
    errorBody: (_request, error) => ({
      headers: { ...headersFor(randomUUID()), "content-type": "application/json; charset=utf-8" },
      body: registryErrorBody(error),
    }),
    async close() {
      await app.close();
      for (const { content } of registries.values()) content.close();
    },
  };
}

/** @throws RegistryError 400 or 413 */
async function formOf(request: FastifyRequest): Promise<URLSearchParams> {
  const type = request.headers["content-type"] ?? "";
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type)) throw badForm("The request has no form.");
  return new URLSearchParams((await readWhole(request.raw, MAX_FORM_BYTES)).toString("utf8"));
}

function queryOf(request: FastifyRequest): URLSearchParams {
  return new URLSearchParams((request.raw.url ?? "").replace(/^[^?]*\??/, ""));
}

function pathOf(request: FastifyRequest): string {
  return (request.raw.url ?? "/").replace(/\?.*$/s, "");
}

function firstHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function kindOf(request: FastifyRequest): Category {
  return categoryOf(request.method, pathOf(request));
}

function hostOf(header: string | undefined): string {
  return (header ?? "").replace(/:\d+$/, "").toLowerCase();
}
