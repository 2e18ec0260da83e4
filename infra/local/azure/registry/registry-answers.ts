/** How a registry answers: its headers, and refusals. Used by container-registry.ts. */
import type { FastifyReply } from "fastify";
import { BlobTooLargeError } from "./blob-files.ts";
import { badForm, RegistryError, registryErrorBody, tooLarge } from "./registry-errors.ts";
import type { RegistryAnswer } from "./registry-operation.ts";

/** On every answer. Source: recordings. */
export function headersFor(correlationId: string): Record<string, string | string[]> {
  return {
    server: "openresty",
    "docker-distribution-api-version": "registry/2.0",
    "x-ms-correlation-request-id": correlationId,
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "access-control-expose-headers": [
      "Docker-Content-Digest",
      "WWW-Authenticate",
      "Link",
      "X-Ms-Correlation-Request-Id",
    ],
  };
}

/** Sends what an operation answers. */
export function answerWith(reply: FastifyReply, { status, headers = {}, body }: RegistryAnswer) {
  return reply.code(status).headers(headers).send(body);
}

/** Sends a refusal. */
export function refuse(reply: FastifyReply, error: RegistryError) {
  if (error.challenge !== undefined) reply.header("www-authenticate", error.challenge);
  if (error.retryAfter !== undefined) reply.header("retry-after", error.retryAfter);
  return reply
    .code(error.status)
    .header("content-type", "application/json; charset=utf-8")
    .send(registryErrorBody(error));
}

/** What any failure is answered with. */
export function refusalOf(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;
  if (error instanceof BlobTooLargeError) return tooLarge();
  const status = typeof error === "object" && error !== null ? Reflect.get(error, "statusCode") : undefined;
  if (status === 413) return tooLarge();
  if (typeof status === "number" && status < 500) return badForm("The request cannot be read.");
  return new RegistryError(500, "UNKNOWN", "unknown error");
}
