/** Azure Resource Manager (management.azure.com) over the seed, which it never changes. Wired by system.ts. */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { type Seed, tenantOf } from "../../seed.ts";
import type { Service } from "../../service.ts";
import type { ClusterAuthorities } from "../kubernetes/cluster-identity.ts";
import type { AccessTokens, Authorization, ContainerDirectory, DelegationKeyRegister } from "../ports.ts";
import { paramOf, pathOf, queryOf, REST_SERVER } from "../rest-request.ts";
import { type ArmCaller, identifyCaller } from "./arm-caller.ts";
import {
  ArmError,
  armErrorBody,
  invalidApiVersion,
  invalidRequestContent,
  invalidSubscriptionId,
  missingApiVersion,
  noRegisteredProvider,
  operationNotImplemented,
  subscriptionNotFound,
} from "./arm-errors.ts";
import type { ArmLimits, RequestKind } from "./arm-limits.ts";
import type { ArmOperation } from "./arm-operation.ts";
import { type ArmRights, createArmRights } from "./arm-rights.ts";
import { blobContainerOperations } from "./blob-containers.ts";
import { clusterCredentialOperations } from "./cluster-credentials.ts";
import { clusters } from "./clusters.ts";
import { userAssignedIdentities } from "./identities.ts";
import { keyVaults, MANAGED_HSMS } from "./key-vaults.ts";
import { permissionOperations } from "./permissions.ts";
import { resourceOperations } from "./provider-operations.ts";
import { registries } from "./registries.ts";
import { registryCredentialOperations } from "./registry-credentials.ts";
import { scopeMapOperations } from "./registry-scope-maps.ts";
import type { RegistryTokenStore } from "./registry-token-store.ts";
import { registryTokenOperations } from "./registry-tokens.ts";
import { resourceGraphOperations } from "./resource-graph.ts";
import { everyResource, genericResourceOperations } from "./resources.ts";
import { storageAccountOperations, storageAccounts } from "./storage-accounts.ts";
import { subscriptionOperations } from "./subscriptions.ts";

/** Reads left in the bucket of a new caller after this one, as answers of 2025 show them. */
const READS_LEFT = { tenant: "249", subscription: "1099", global: "16499" };
/** Writes left, as answers of 2026 show them. */
const WRITES_LEFT = { subscription: "199", global: "2999" };
/** Deletions left, as answers of 2026 show them: the buckets are those of writes. */
const DELETES_LEFT = WRITES_LEFT;
const GUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** @throws Error when a role assignment of the seed names what is not there */
export async function createArm(deps: {
  readonly seed: Seed;
  readonly tokens: AccessTokens;
  readonly authorization: Authorization;
  readonly containers: ContainerDirectory;
  readonly delegationKeys: DelegationKeyRegister;
  readonly limits: ArmLimits;
  readonly registryTokenStore: RegistryTokenStore;
  /** Milliseconds until a change of a registry's token is done. */
  readonly tokenSettleMs: number;
  /** Milliseconds until a password that takes the place of another works. */
  readonly tokenRevocationDelayMs: number;
  readonly authorities: ClusterAuthorities;
  /** PEM text of the authority behind the clusters' API servers. */
  readonly ca: string;
  readonly now: () => Date;
}): Promise<Service> {
  const { seed, tokens, limits, now } = deps;
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

  // Whatever comes is taken as it is, and read by the operation that needs it, or an unknown operation is no 501.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
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
  for (const operation of operationsOf(deps, rights)) {
    app.route({
      method: operation.method,
      url: operation.path,
      handler: async (request, reply) => {
        const { caller, apiVersion, subscription } = await admit(request, { seed, tokens, now });
        const kind = kindOf(operation);
        const left = limits.takeRequest(kind, subscription ?? caller.tenantId, caller.objectId);
        const { provider } = operation;
        if (!operation.apiVersions.includes(apiVersion)) {
          throw provider
            ? noRegisteredProvider(apiVersion, provider.type, location, operation.apiVersions)
            : invalidApiVersion(apiVersion, operation.apiVersions);
        }
        const id = provider ? randomUUID() : request.id;
        reply.header("x-ms-request-id", id);
        reply.headers(requestsLeft(kind, subscription === undefined, left)).headers(provider?.headers ?? {});
        const answer = await operation.answer({
          id,
          caller,
          apiVersion,
          path: pathOf(request),
          param: (name) => paramOf(request, name),
          query: (name) => queryOf(request, name),
          body: () => jsonIn(request.body),
        });
        if (provider?.server) reply.header("server", provider.server);
        reply.code(answer.status).headers(answer.headers ?? {});
        if (answer.body === undefined) return reply.send();
        reply.header("content-type", provider?.contentType ?? "application/json; charset=utf-8");
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
    close: async () => {
      await app.close();
      deps.registryTokenStore.close();
    },
  };
}

/** All that is emulated. */
function operationsOf(deps: Parameters<typeof createArm>[0], rights: ArmRights): readonly ArmOperation[] {
  const { seed, limits } = deps;
  const all = { seed, rights, limits };
  const kinds = {
    registries: registries(seed),
    clusters: clusters(seed),
    identities: userAssignedIdentities(seed),
    vaults: keyVaults(seed),
  };
  const resources = [
    ...everyResource(storageAccounts(all)),
    ...everyResource(kinds.registries),
    ...everyResource(kinds.clusters),
    ...everyResource(kinds.identities),
    ...everyResource(kinds.vaults),
  ];
  return [
    ...subscriptionOperations(all),
    ...storageAccountOperations({ ...all, delegationKeys: deps.delegationKeys }),
    ...blobContainerOperations({ ...all, containers: deps.containers, now: deps.now }),
    ...resourceOperations(all, kinds.registries),
    ...scopeMapOperations({ ...deps, rights }),
    ...registryTokenOperations({ ...deps, rights }),
    ...registryCredentialOperations({ ...deps, rights }),
    ...resourceOperations(all, kinds.clusters),
    ...clusterCredentialOperations({ ...deps, rights }),
    ...resourceOperations(all, kinds.identities),
    ...resourceOperations(all, kinds.vaults),
    ...resourceOperations(all, MANAGED_HSMS),
    ...permissionOperations(all),
    ...genericResourceOperations(all, resources),
    ...resourceGraphOperations(all, resources),
  ];
}

/** ARM's own checks in its order: api-version there, subscription known, token good and of the subscription's tenant. */
async function admit(
  request: FastifyRequest,
  deps: { readonly seed: Seed; readonly tokens: AccessTokens; readonly now: () => Date },
): Promise<{ readonly caller: ArmCaller; readonly apiVersion: string; readonly subscription: string | undefined }> {
  const { seed, tokens, now } = deps;
  const apiVersion = queryOf(request, "api-version");
  if (!apiVersion) throw missingApiVersion();
  const [, asked] = /^\/subscriptions\/([^/]+)/i.exec(pathOf(request)) ?? [];
  const { authorization } = request.headers;
  if (asked === undefined) {
    const caller = await identifyCaller(authorization, { tokens, tenantId: seed.tenant.id, now });
    return { caller, apiVersion, subscription: undefined };
  }
  if (!GUID.test(asked)) throw invalidSubscriptionId(asked);
  const subscription = seed.subscriptions.find(({ id }) => id.toLowerCase() === asked.toLowerCase());
  if (!subscription) throw subscriptionNotFound(asked);
  const tenantId = tenantOf(seed, subscription).id;
  const caller = await identifyCaller(authorization, { tokens, tenantId, onlyTenantId: tenantId, now });
  return { caller, apiVersion, subscription: subscription.id };
}

/** ARM counts reads, writes and deletions each for itself. */
function kindOf({ method, isRead }: Pick<ArmOperation, "method" | "isRead">): RequestKind {
  if (method === "DELETE") return "delete";
  return method === "GET" || method === "HEAD" || isRead ? "read" : "write";
}

/** @param left as counted; null when nothing is */
function requestsLeft(kind: RequestKind, isTenantLevel: boolean, left: number | null): Record<string, string> {
  const counted = left === null ? null : String(left);
  const prefix = "x-ms-ratelimit-remaining";
  if (kind === "read" && isTenantLevel) return { [`${prefix}-tenant-reads`]: counted ?? READS_LEFT.tenant };
  const usual = { read: READS_LEFT, write: WRITES_LEFT, delete: DELETES_LEFT }[kind];
  return {
    [`${prefix}-subscription-${kind}s`]: counted ?? usual.subscription,
    [`${prefix}-subscription-global-${kind}s`]: usual.global,
  };
}

/** @throws ArmError 400 InvalidRequestContent */
function jsonIn(body: unknown): unknown {
  try {
    return JSON.parse(Buffer.isBuffer(body) ? body.toString() : "");
  } catch {
    throw invalidRequestContent();
  }
}

function refuse(reply: FastifyReply, error: ArmError) {
  if (error.gateway && error.status < 500) reply.header("x-ms-failure-cause", "gateway");
  if (error.challenge) reply.header("www-authenticate", error.challenge);
  reply.headers(error.headers);
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
