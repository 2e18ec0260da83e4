/**
 * The endpoint of App Service at which an app asks for tokens of its managed identities (protocol 2019-08-01). Plain http
 * on loopback, as on Azure. Made by services.ts, listens through identity-server.ts.
 */
import { randomUUID } from "node:crypto";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { identitiesOf, type Seed } from "../../seed.ts";
import type { Service } from "../../service.ts";
import { accessTokenClaims } from "../entra/claims.ts";
import { type Client, identityClients, sameSecret } from "../entra/directory.ts";
import { findResource } from "../entra/resources.ts";
import { signToken } from "../entra/signed-tokens.ts";
import type { SigningKey } from "../entra/signing-key.ts";

/** Path of the endpoint. */
export const TOKEN_PATH = "/msi/token";
const API_VERSION = "2019-08-01";
/** Seconds a managed identity's token lives: a day, longer than an application's. */
const TOKEN_SECONDS = 86_400;
/** By what an identity can be named; `object_id` is another word for `principal_id`. At most one of them. */
const IDENTITY_PARAMETERS = ["client_id", "mi_res_id", "principal_id", "object_id"] as const;
const HEADERS = { "content-type": "application/json; charset=utf-8", server: "Kestrel" };
const NOT_FOUND = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";

/** What the endpoint needs. `secret`: what IDENTITY_HEADER tells the app, and the app sends back. */
export type ManagedIdentityDeps = {
  readonly seed: Seed;
  readonly key: SigningKey;
  readonly secret: string;
  readonly now: () => Date;
};

type Query = Readonly<Record<string, string | string[] | undefined>>;

/** Tokens for the identities that the seed attaches to the app, and for no other. */
export async function createManagedIdentity(deps: ManagedIdentityDeps): Promise<Service> {
  const { seed, key, secret, now } = deps;
  const app = fastify({ routerOptions: { ignoreTrailingSlash: true, caseSensitive: false } });
  app.addHook("onRequest", async (_request, reply) => {
    reply.headers(HEADERS);
  });
  app.setErrorHandler((_error, _request, reply) => refuse(reply, 500, "The local managed identity endpoint failed."));
  app.setNotFoundHandler((request, reply) =>
    refuse(reply, 501, `${request.method} ${pathOf(request)} is not part of the local managed identity endpoint.`),
  );
  app.get<{ Querystring: Query }>(TOKEN_PATH, async (request, reply) => {
    const { query } = request;
    // What Azure answers here is not public. Nobody who cannot read the app's environment may get further.
    if (!sameSecret(String(request.headers["x-identity-header"] ?? ""), secret)) {
      return refuse(reply, 401, "The header X-IDENTITY-HEADER is missing or wrong.");
    }
    if (query["api-version"] !== API_VERSION) {
      return refuse(reply, 501, `Only api-version ${API_VERSION} is part of the local managed identity endpoint.`);
    }
    const asked = query.resource;
    if (typeof asked !== "string" || asked === "") return refuse(reply, 400, "The parameter resource is missing.");
    const client = attachedIdentity(seed, query);
    if (client === undefined) return refuse(reply, 400, NOT_FOUND);
    const resource = findResource(seed, asked);
    if (resource === undefined) {
      return refuse(
        reply,
        400,
        `AADSTS500011: The resource principal named ${asked} was not found in the tenant named ${seed.tenant.name}.`,
      );
    }
    const subject = { client, proof: "2", understandsRevocation: false, user: undefined } as const;
    const claims = accessTokenClaims(seed, resource, subject, { issuedAt: now(), seconds: TOKEN_SECONDS });
    return {
      access_token: await signToken(key, claims),
      expires_on: String(claims.exp),
      resource: asked,
      token_type: "Bearer",
      client_id: client.clientId,
    };
  });
  await app.ready();
  return {
    name: "managed-identity",
    // It is reached by its own port, never by a name.
    hosts: /^(?!)/,
    handle: (request, response) => app.routing(request, response),
    errorBody: (_request, { status, message }) => ({
      headers: HEADERS,
      body: JSON.stringify({ statusCode: status, message, correlationId: randomUUID() }),
    }),
    close: () => app.close(),
  };
}

/** The identity that a request names. Without a name the system-assigned one is meant, which the app does not have. */
function attachedIdentity(seed: Seed, query: Query): Client | undefined {
  const named = IDENTITY_PARAMETERS.flatMap((parameter) => {
    const value = query[parameter];
    return value === undefined ? [] : [{ parameter, value: String(value).toLowerCase() }];
  });
  const [first, ...more] = named;
  if (first === undefined || more.length > 0) return undefined;
  const found = identitiesOf(seed).find(({ identity, id }) => {
    const names = { client_id: identity.clientId, mi_res_id: id, principal_id: identity.principalId };
    const name = first.parameter === "object_id" ? names.principal_id : names[first.parameter];
    return identity.attachedToApp && name.toLowerCase() === first.value;
  });
  return identityClients(seed).find(({ clientId }) => clientId === found?.identity.clientId);
}

function refuse(reply: FastifyReply, statusCode: number, message: string): FastifyReply {
  return reply.code(statusCode).send({ statusCode, message, correlationId: randomUUID() });
}

const pathOf = (request: FastifyRequest) => request.url.split("?", 1)[0] ?? "/";
