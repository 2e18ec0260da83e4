/** The API servers of the clusters (*.hcp.REGION.azmk8s.io). Wired by services.ts. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { placed } from "../../placed-resources.ts";
import type { Seed } from "../../seed.ts";
import type { Service } from "../../service.ts";
import type { StateStore } from "../../state.ts";
import type { AccessTokens, Authorization } from "../ports.ts";
import { ApiError, badRequest, plannedStatus, statusOf } from "./api-status.ts";
import { type Authenticator, createAuthenticator } from "./authenticate.ts";
import { clusterContents } from "./cluster-contents.ts";
import { type ClusterAuthorities, clusterHost } from "./cluster-identity.ts";
import { answerRequest, type ClusterAnswer, type ClusterDeps } from "./cluster-requests.ts";
import { impersonated } from "./impersonation.ts";
import type { KubernetesControl } from "./kubernetes-settings.ts";
import { createServiceAccountTokens } from "./service-account-tokens.ts";

/** Bytes of a body (apiserver, MaxRequestBodyBytes). */
const BODY_LIMIT_BYTES = 3 * 1024 * 1024;
const METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
/** Clients whose users read answers themselves get them with line breaks. */
const READ_BY_PEOPLE = /^(?:curl|Wget|Mozilla)\//;

type Cluster = { readonly authenticator: Authenticator; readonly deps: ClusterDeps };

/**
 * Each running cluster that is reached from outside its network has one state document, `kubernetes-LABEL`. The names of
 * all others do not resolve, as those of a stopped or a private cluster do not.
 * @throws Error when the contents of a cluster name a principal that the seed has not
 */
export async function createKubernetes(deps: {
  readonly seed: Seed;
  readonly state: StateStore;
  readonly tokens: AccessTokens;
  readonly authorization: Authorization;
  readonly authorities: ClusterAuthorities;
  readonly control: KubernetesControl;
  readonly now: () => Date;
  /** Ids of objects and of tokens. */
  readonly newId?: () => string;
}): Promise<Service> {
  const clusters = clustersByHost(deps);
  const clusterOf = (host: string | undefined) => clusters.get((host ?? "").replace(/:\d+$/, "").toLowerCase());
  const app = fastify({
    exposeHeadRoutes: false,
    bodyLimit: BODY_LIMIT_BYTES,
    genReqId: () => randomUUID(),
    frameworkErrors: (_error, request, reply) => {
      refuse(reply, badRequest("the request cannot be read"), request);
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ "audit-id": request.id, "cache-control": "no-cache, private" });
  });
  app.setErrorHandler((error, request, reply) => {
    return refuse(reply, refusalOf(error), request);
  });
  app.route({
    method: METHODS,
    url: "/*",
    handler: async (request, reply) => {
      const answer = await answerOf(clusterOf(request.headers.host), request);
      if (answer.warning !== undefined) reply.header("warning", `299 - ${JSON.stringify(answer.warning)}`);
      reply.code(answer.status);
      if (answer.bytes !== undefined) return reply.header("content-type", answer.contentType).send(answer.bytes);
      return answer.text === undefined
        ? reply.header("content-type", "application/json").send(jsonBytes(answer.json, request))
        : reply.type("text/plain; charset=utf-8").send(answer.text);
    },
  });
  await app.ready();
  const names = [...clusters.keys()].map((host) => host.replaceAll(".", "\\."));
  return {
    name: "kubernetes",
    hosts: new RegExp(`^(${names.join("|")})$`),
    asksForCertificate: true,
    handle: (request, response) => app.routing(request, response),
    errorBody: (_request, error) => ({
      headers: { "audit-id": randomUUID(), "cache-control": "no-cache, private", "content-type": "application/json" },
      body: `${JSON.stringify(plannedStatus(error))}\n`,
    }),
    close: async () => app.close(),
  };
}

function clustersByHost(deps: Parameters<typeof createKubernetes>[0]): ReadonlyMap<string, Cluster> {
  const { seed, state, tokens, authorization, control, now } = deps;
  const newId = deps.newId ?? randomUUID;
  const all = placed(seed, "Microsoft.ContainerService/managedClusters", (group) => group.clusters);
  return new Map(
    all
      .filter(({ resource }) => resource.running && !resource.private)
      .map(({ id, resource, location, tenantId }) => {
        const { fqdn } = clusterHost(id, resource, location);
        const initial = () => clusterContents(seed, resource.contents, { now, newId });
        const document = state.document(`kubernetes-${fqdn.replace(/\..*$/, "")}`, initial);
        const audience = `https://${fqdn}`;
        const serviceAccounts = createServiceAccountTokens({ document, issuer: audience, now, newId });
        const ways = {
          entraTenantId: resource.entra === "none" ? null : tenantId,
          authority: resource.localAccounts ? () => deps.authorities.of(id) : null,
          serviceAccounts,
        };
        const { settings } = control;
        const cluster: Cluster = {
          authenticator: createAuthenticator({ ways, tokens, settings, now }),
          deps: {
            id,
            usesAzureRoles: resource.entra === "azure-rbac",
            document,
            authorization,
            serviceAccounts,
            audience,
            settings,
            now,
            newId,
          },
        };
        return [fqdn, cluster] as const;
      }),
  );
}

async function answerOf(cluster: Cluster | undefined, request: FastifyRequest): Promise<ClusterAnswer> {
  if (cluster === undefined) throw new Error("the front asked for a host that is none of ours");
  const { authorization, accept } = request.headers;
  const { id, usesAzureRoles, document } = cluster.deps;
  const certificate = certificateOf(request.raw);
  const caller = await cluster.authenticator.authenticate({ authorization, certificate });
  const user = impersonated(caller, request.headers, {
    cluster: { id, usesAzureRoles, state: document.read() },
    authorization: cluster.deps.authorization,
  });
  const [path = "/", query = ""] = splitTarget(request.raw.url ?? "/");
  return answerRequest(cluster.deps, user, {
    method: request.method,
    path,
    query: new URLSearchParams(query),
    accept,
    contentType: request.headers["content-type"],
    body: request.body instanceof Buffer ? request.body : Buffer.alloc(0),
  });
}

function splitTarget(target: string): [string, string] {
  const mark = target.indexOf("?");
  return mark === -1 ? [target, ""] : [target.slice(0, mark), target.slice(mark + 1)];
}

/** DER of the certificate that the client showed, whoever made it. */
function certificateOf({ socket }: IncomingMessage): Buffer | undefined {
  return socket instanceof TLSSocket ? socket.getPeerCertificate().raw : undefined;
}

/** Bytes, to which fastify adds no `charset`: the real answers have none. */
function jsonBytes(value: unknown, request: FastifyRequest): Buffer {
  const forPeople = READ_BY_PEOPLE.test(request.headers["user-agent"] ?? "");
  return Buffer.from(`${JSON.stringify(value, null, forPeople ? 2 : undefined)}\n`);
}

function refuse(reply: FastifyReply, refusal: ApiError, request: FastifyRequest) {
  return reply
    .code(refusal.status)
    .header("content-type", "application/json")
    .send(jsonBytes(statusOf(refusal), request));
}

function refusalOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const status = typeof error === "object" && error !== null ? Reflect.get(error, "statusCode") : undefined;
  if (status === 413) return new ApiError(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728");
  if (typeof status === "number" && status < 500) return badRequest("the request cannot be read");
  return new ApiError(500, "InternalError", "Internal error occurred: the local API server failed");
}
