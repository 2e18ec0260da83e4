/** GitHub Actions as an issuer of tokens: discovery, keys, and the address where a job asks for its token. Made by services.ts. */
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { SignJWT } from "jose";
import type { Seed } from "../../seed.ts";
import type { Service } from "../../service.ts";
import { sameSecret } from "../entra/directory.ts";
import type { SigningKey } from "../entra/signing-key.ts";
import { ISSUER, jobClaims } from "./claims.ts";
import { keyId, keySet, openIdConfiguration } from "./discovery.ts";
import { findJob, RUN_SERVICE } from "./jobs.ts";

const ISSUER_HOST = new URL(ISSUER).host;
const RUN_SERVICE_HOST = new URL(RUN_SERVICE).host;

/** Makes the service. `now` is the clock of the tokens. */
export async function createGitHub({
  seed,
  key,
  now,
}: {
  readonly seed: Seed;
  readonly key: SigningKey;
  readonly now: () => Date;
}): Promise<Service> {
  const app = fastify({ routerOptions: { ignoreDuplicateSlashes: true } });
  const onIssuer = { constraints: { host: ISSUER_HOST } };
  app.get("/.well-known/openid-configuration", onIssuer, () => openIdConfiguration());
  app.get("/.well-known/jwks", onIssuer, () => keySet(key));

  app.get<{ Params: { planId: string; jobId: string }; Querystring: { audience?: string } }>(
    "/:shard/idtoken/:planId/:jobId",
    { constraints: { host: RUN_SERVICE_HOST } },
    async (request, reply) => {
      const job = findJob(seed, request.params);
      const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
      if (job === undefined || !sameSecret(given, job.requestToken)) return refuse(reply, 401, "Unauthorized");
      const value = await new SignJWT(jobClaims(job, request.query.audience, now()))
        .setProtectedHeader({ typ: "JWT", alg: "RS256", x5t: key.kid, kid: keyId(key) })
        .sign(key.privateKey);
      return { value };
    },
  );
  app.setNotFoundHandler((request, reply) =>
    refuse(reply, 501, `${operationOf(request)} is not part of the local GitHub.`),
  );
  app.setErrorHandler((_error, _request, reply) => refuse(reply, 500, "The local GitHub failed."));

  await app.ready();
  return {
    name: "github",
    hosts: /^(?:token|run-actions-1-azure-eastus)\.actions\.githubusercontent\.com$/,
    handle: (request, response) => app.routing(request, response),
    errorBody: (_request, { message }) => ({
      headers: { "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify({ message }),
    }),
    close: () => app.close(),
  };
}

/** The runner's toolkit shows `message`. */
function refuse(reply: FastifyReply, status: number, message: string): FastifyReply {
  return reply.code(status).send({ message });
}

/** Method and path without ids. */
function operationOf(request: FastifyRequest): string {
  const path = request.url.split("?", 1)[0] ?? "/";
  return `${request.method} ${path.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, "{id}")}`;
}
