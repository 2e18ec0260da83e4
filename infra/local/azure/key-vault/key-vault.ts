/** Key Vault data plane (VAULT.vault.azure.net), secrets only. Wired by system.ts. */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { keyVaultsOf, type Seed, tenantOf } from "../../seed.ts";
import type { Service } from "../../service.ts";
import type { Document, StateStore } from "../../state.ts";
import { principalIdOf } from "../authorization.ts";
import type { AccessTokens, Authorization } from "../ports.ts";
import { paramOf, pathOf, queryOf, REST_SERVER } from "../rest-request.ts";
import { type SecretAnswer, type SecretRequest, secretOperations } from "./secret-operations.ts";
import { setSecret, type VaultState } from "./secret-store.ts";
import { demandVaultRight, identifyVaultCaller, type VaultIdentity } from "./vault-caller.ts";
import { badParameter, VaultError, vaultErrorBody } from "./vault-errors.ts";
import { VAULT_API_VERSIONS } from "./vault-limits.ts";

/**
 * How long a deletion or recovery takes to show, in milliseconds. The real service takes about 4 s; this is long
 * enough that a client which does not poll fails, and short enough to test with.
 */
export const DEFAULT_SETTLE_MS = 500;
/** Build of the service that the recordings of March 2026 show. */
const SERVICE_VERSION = "1.9.3070.1";

type Vault = VaultIdentity & { readonly tenantId: string; readonly document: Document<VaultState> };

/** Each vault of the seed has one state document, `key-vault-NAME`. */
export async function createKeyVault(deps: {
  readonly seed: Seed;
  readonly state: StateStore;
  readonly tokens: AccessTokens;
  readonly authorization: Authorization;
  readonly now: () => Date;
  /** Milliseconds, at least 0. */
  readonly settleMs?: number | undefined;
  /** Id of a new version: 32 hex digits. */
  readonly newVersion?: () => string;
}): Promise<Service> {
  const { seed, now } = deps;
  const newVersion = deps.newVersion ?? (() => randomUUID().replaceAll("-", ""));
  const vaults = new Map<string, Vault>(
    keyVaultsOf(seed).map((entry) => {
      const initial = () => seededState(entry.vault.secrets, now(), newVersion);
      const document = deps.state.document(`key-vault-${entry.vault.name.toLowerCase()}`, initial);
      const tenantId = tenantOf(seed, entry.subscription).id;
      const { name } = entry.vault;
      const accessPolicies = entry.vault.accessPolicies?.map(({ principal, secrets }) => ({
        objectId: principalIdOf(seed, principal),
        secrets,
      }));
      const place = { name, location: entry.group.location, id: entry.id };
      const vault: Vault = { ...place, accessPolicies, tenantId, document };
      return [`${entry.vault.name.toLowerCase()}.vault.azure.net`, vault] as const;
    }),
  );
  const vaultOf = (request: { readonly headers: { readonly host?: string | undefined } }) => {
    const vault = vaults.get(hostOf(request.headers.host));
    if (!vault) throw new VaultError(404, "VaultNotFound", "This name is no vault of the local Azure.");
    return vault;
  };
  const app = fastify({
    ...REST_SERVER,
    frameworkErrors: (_error, request, reply) => {
      reply.headers(headersFor(request.headers, request.id));
      refuse(reply, badParameter("The request URI is malformed."));
    },
  });
  const headersFor = (asked: IncomingHttpHeaders, id: string) => {
    const clientId = asked["x-ms-client-request-id"];
    return {
      ...(typeof clientId === "string" ? { "x-ms-client-request-id": clientId } : {}),
      "cache-control": "no-cache",
      pragma: "no-cache",
      expires: "-1",
      "x-ms-keyvault-region": vaults.get(hostOf(asked.host))?.location ?? "westeurope",
      "x-ms-request-id": id,
      "x-ms-keyvault-service-version": SERVICE_VERSION,
      "x-ms-keyvault-network-info": "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;",
      "strict-transport-security": "max-age=31536000;includeSubDomains",
      "x-content-type-options": "nosniff",
    };
  };

  // The body is parsed by the operation: a client without a token sends none, and has to get its challenge.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  const callers = new WeakMap<FastifyRequest, Awaited<ReturnType<typeof identifyVaultCaller>>>();
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(headersFor(request.headers, request.id));
    const { tenantId } = vaultOf(request);
    const caller = await identifyVaultCaller(request.headers.authorization, { tokens: deps.tokens, tenantId });
    callers.set(request, caller);
    checkApiVersion(queryOf(request, "api-version"));
  });
  app.setErrorHandler((error, _request, reply) => refuse(reply, refusalOf(error)));
  app.setNotFoundHandler((request) => {
    const shape = pathOf(request).replace(/^(\/[^/]+\/)[^/]+/, "$1{}");
    throw new VaultError(501, "NotImplemented", `The local Key Vault has no operation ${request.method} ${shape}.`);
  });
  for (const operation of secretOperations({ now, newVersion, settleMs: deps.settleMs ?? DEFAULT_SETTLE_MS })) {
    app.route({
      method: operation.method,
      url: operation.path,
      handler: (request, reply) => {
        const vault = vaultOf(request);
        const caller = callers.get(request);
        const asked: SecretRequest = {
          vaultUrl: `https://${hostOf(request.headers.host)}`,
          body: typeof request.body === "string" ? request.body : "",
          document: vault.document,
          param: (name) => paramOf(request, name),
          query: (name) => queryOf(request, name),
          demand(action, secret, permission) {
            const { authorization } = deps;
            if (caller) demandVaultRight(caller, action, secret, { authorization, vault, permission });
          },
        };
        return answerWith(reply, operation.answer(asked));
      },
    });
  }
  await app.ready();
  const names = [...vaults.keys()].map((host) => host.replaceAll(".", "\\."));
  return {
    name: "key-vault",
    hosts: new RegExp(`^(${names.join("|")})$`),
    handle: (request, response) => app.routing(request, response),
    errorBody: (request, error) => ({
      headers: { ...headersFor(request.headers, randomUUID()), "content-type": "application/json; charset=utf-8" },
      body: vaultErrorBody(error),
    }),
    close: async () => app.close(),
  };
}

function seededState(secrets: SeedSecrets, now: Date, newVersion: () => string): VaultState {
  const state: VaultState = { secrets: [] };
  const seconds = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time) / 1000);
  for (const [name, versions] of Object.entries(secrets)) {
    for (const { version, notBefore, expires, ...input } of versions) {
      const attributes = { nbf: seconds(notBefore), exp: seconds(expires) };
      setSecret(state, name, { ...input, ...attributes }, { now, version: version ?? newVersion() });
    }
  }
  return state;
}
type SeedSecrets = ReturnType<typeof keyVaultsOf>[number]["vault"]["secrets"];

function checkApiVersion(version: string | undefined): void {
  if (!version) throw badParameter("api-version must be specified");
  if (VAULT_API_VERSIONS.includes(version)) return;
  const latest = VAULT_API_VERSIONS.at(-1);
  throw badParameter(
    `The specified version (${version}) is not recognized. Consider using the latest supported version (${latest}).`,
  );
}

function answerWith(reply: FastifyReply, answer: SecretAnswer) {
  reply.code(answer.status);
  if (answer.body === undefined) return reply.send();
  return reply.header("content-type", "application/json; charset=utf-8").send(JSON.stringify(answer.body));
}

function refusalOf(error: unknown): VaultError {
  if (error instanceof VaultError) return error;
  const status = typeof error === "object" && error !== null ? Reflect.get(error, "statusCode") : undefined;
  if (status === 413) return new VaultError(413, "RequestEntityTooLarge", "The request body is too large.");
  if (typeof status === "number" && status < 500) return badParameter("The request cannot be read.");
  return new VaultError(500, "InternalServerError", "The local Key Vault failed.");
}

function refuse(reply: FastifyReply, error: VaultError) {
  if (error.challenge) reply.header("www-authenticate", error.challenge);
  return reply.code(error.status).header("content-type", "application/json; charset=utf-8").send(vaultErrorBody(error));
}

function hostOf(header: string | undefined): string {
  return (header ?? "").replace(/:\d+$/, "").toLowerCase();
}
