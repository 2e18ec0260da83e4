/** Azure Resource Manager (management.azure.com) over the seed, which it never changes. Wired by system.ts. */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { Seed } from "../../seed.ts";
import type { Service } from "../../service.ts";
import type { AccessTokens, Authorization, ContainerDirectory, DelegationKeyRegister } from "../ports.ts";
import { paramOf, pathOf, queryOf, REST_SERVER } from "../rest-request.ts";
import { type ArmCaller, identifyCaller } from "./arm-caller.ts";
import {
  ArmError,
  armErrorBody,
  invalidApiVersion,
  invalidSubscriptionId,
  missingApiVersion,
  noRegisteredProvider,
  operationNotImplemented,
  subscriptionNotFound,
} from "./arm-errors.ts";
import { createArmRights } from "./arm-rights.ts";
import { blobContainerOperations } from "./blob-containers.ts";
import { storageAccountOperations } from "./storage-accounts.ts";
import { subscriptionOperations } from "./subscriptions.ts";

/** Reads left in the bucket of a new caller after this one, as answers of 2025 show them. */
const READS_LEFT = { tenant: "249", subscription: "1099", global: "16499" };
/** Writes left, as answers of 2026 show them. */
const WRITES_LEFT = { subscription: "199", global: "2999" };
const GUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
/** What the storage resource provider calls itself in its answers. */
const STORAGE_SERVER = "Microsoft-Azure-Storage-Resource-Provider/1.0,Microsoft-HTTPAPI/2.0 Microsoft-HTTPAPI/2.0";

/** @throws Error when a role assignment of the seed names what is not there */
export async function createArm(deps: {
  readonly seed: Seed;
  readonly tokens: AccessTokens;
  readonly authorization: Authorization;
  readonly containers: ContainerDirectory;
  readonly delegationKeys: DelegationKeyRegister;
  readonly now: () => Date;
}): Promise<Service> {
  const { seed, tokens, now } = deps;
  const rights = createArmRights(seed, deps.authorization);
  const location = seed.subscriptions[0]?.resourceGroups[0]?.location ?? "westeurope";
  const app = fastify({
    ...REST_SERVER,
    frameworkErrors: (_error, request, reply) => {
      reply.headers(headersFor(request.headers, request.id));
      refuse(reply, new ArmError(400, "BadRequest", "The request URI is malformed."));
    },
  });
  const headersFor = (asked: IncomingHttpHeaders, id: string) => {
    const correlationId = guidIn(asked, "x-ms-correlation-request-id") ?? id;
    const clientId = asked["x-ms-return-client-request-id"] === "true" && guidIn(asked, "x-ms-client-request-id");
    const stamp = now()
      .toISOString()
      .replace(/[-:]|\.\d+/g, "");
    return {
      ...(clientId ? { "x-ms-client-request-id": clientId } : {}),
      "cache-control": "no-cache",
      pragma: "no-cache",
      expires: "-1",
      "x-ms-request-id": id,
      "x-ms-correlation-request-id": correlationId,
      "x-ms-routing-request-id": `${location.toUpperCase()}:${stamp}:${correlationId}`,
      "strict-transport-security": "max-age=31536000; includeSubDomains",
      "x-content-type-options": "nosniff",
    };
  };

  // Nothing that is emulated reads a body: whatever comes is thrown away, or an unknown operation is no 501.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, _body, done) => done(null, undefined));
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(headersFor(request.headers, request.id));
  });
  app.setErrorHandler((error, request, reply) => {
    const refusal =
      error instanceof ArmError
        ? error
        : new ArmError(500, "InternalServerError", "The local Azure Resource Manager failed.", { gateway: false });
    // What ARM itself refuses never reached the provider, nor has its id.
    if (refusal.gateway) reply.header("x-ms-request-id", request.id);
    return refuse(reply, refusal);
  });
  app.setNotFoundHandler(async (request) => {
    await admit(request, { seed, tokens, now });
    throw operationNotImplemented(`${request.method} ${pathShape(pathOf(request))}`);
  });
  const operations = [
    ...subscriptionOperations({ seed, rights }),
    ...storageAccountOperations({ seed, rights, delegationKeys: deps.delegationKeys }),
    ...blobContainerOperations({ seed, rights, containers: deps.containers, now }),
  ];
  for (const operation of operations) {
    app.route({
      method: operation.method,
      url: operation.path,
      handler: async (request, reply) => {
        const { caller, apiVersion } = await admit(request, { seed, tokens, now });
        if (!operation.apiVersions.includes(apiVersion)) {
          throw operation.type
            ? noRegisteredProvider(apiVersion, operation.type, location, operation.apiVersions)
            : invalidApiVersion(apiVersion, operation.apiVersions);
        }
        const id = operation.type ? randomUUID() : request.id;
        reply.header("x-ms-request-id", id);
        const answer = await operation.answer({
          id,
          caller,
          apiVersion,
          path: pathOf(request),
          param: (name) => paramOf(request, name),
          query: (name) => queryOf(request, name),
        });
        const isTenantLevel = !operation.path.includes(":subscription");
        if (operation.method === "POST") {
          reply.header("x-ms-ratelimit-remaining-subscription-writes", WRITES_LEFT.subscription);
          reply.header("x-ms-ratelimit-remaining-subscription-global-writes", WRITES_LEFT.global);
        } else if (isTenantLevel) reply.header("x-ms-ratelimit-remaining-tenant-reads", READS_LEFT.tenant);
        else {
          reply.header("x-ms-ratelimit-remaining-subscription-reads", READS_LEFT.subscription);
          reply.header("x-ms-ratelimit-remaining-subscription-global-reads", READS_LEFT.global);
        }
        if (operation.type) reply.header("server", STORAGE_SERVER);
        reply.code(answer.status).headers(answer.headers ?? {});
        if (answer.body === undefined) return reply.send();
        reply.header("content-type", operation.type ? "application/json" : "application/json; charset=utf-8");
        // A client that takes compressed answers gets one from Azure; here only this header tells.
        if (/\bgzip\b/i.test(String(request.headers["accept-encoding"]))) reply.header("vary", "Accept-Encoding");
        // Bytes, not text: fastify would add a charset, which the storage resource provider does not send.
        return reply.send(Buffer.from(JSON.stringify(answer.body)));
      },
    });
  }
  await app.ready();
  return {
    name: "arm",
    hosts: /^management\.azure\.com$/,
    handle: (request, response) => app.routing(request, response),
    errorBody: (request, error) => ({
      headers: { ...headersFor(request.headers, randomUUID()), "content-type": "application/json; charset=utf-8" },
      body: armErrorBody(error),
    }),
    close: async () => app.close(),
  };
}

/** ARM's own checks in its order: api-version there, subscription known, token good. */
async function admit(
  request: FastifyRequest,
  deps: { readonly seed: Seed; readonly tokens: AccessTokens; readonly now: () => Date },
): Promise<{ readonly caller: ArmCaller; readonly apiVersion: string }> {
  const apiVersion = queryOf(request, "api-version");
  if (!apiVersion) throw missingApiVersion();
  const [, subscription] = /^\/subscriptions\/([^/]+)/i.exec(pathOf(request)) ?? [];
  if (subscription !== undefined) {
    if (!GUID.test(subscription)) throw invalidSubscriptionId(subscription);
    const known = deps.seed.subscriptions.some(({ id }) => id.toLowerCase() === subscription.toLowerCase());
    if (!known) throw subscriptionNotFound(subscription);
  }
  const tenantId = deps.seed.tenant.id;
  const caller = await identifyCaller(request.headers.authorization, { tokens: deps.tokens, tenantId, now: deps.now });
  return { caller, apiVersion };
}

function refuse(reply: FastifyReply, error: ArmError) {
  if (error.gateway && error.status < 500) reply.header("x-ms-failure-cause", "gateway");
  if (error.challenge) reply.header("www-authenticate", error.challenge);
  return reply.code(error.status).header("content-type", "application/json; charset=utf-8").send(armErrorBody(error));
}

/** An id that the client gave; only GUIDs, for it is sent back. */
function guidIn(headers: IncomingHttpHeaders, header: string): string | undefined {
  const value = headers[header];
  return typeof value === "string" && GUID.test(value) ? value : undefined;
}

/** The path with its names taken out: `/subscriptions/{}/providers/Microsoft.Storage/storageAccounts`. */
export function pathShape(path: string): string {
  let expectsName = false;
  return path
    .split("/")
    .map((segment, index, all) => {
      if (segment === "") return "";
      if (segment.toLowerCase() === "providers" || all[index - 1]?.toLowerCase() === "providers") {
        expectsName = false;
        return segment;
      }
      const shown = expectsName ? "{}" : segment;
      expectsName = !expectsName;
      return shown;
    })
    .join("/");
}
