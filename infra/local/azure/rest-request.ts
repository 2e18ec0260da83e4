/** What Azure's REST APIs have in common: how paths are matched, and what a request names. Used by arm.ts and key-vault.ts. */
import { randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";

/** Options of fastify: paths in any case, with a slash more or doubled; a HEAD is an operation of its own. */
export const REST_SERVER = {
  exposeHeadRoutes: false,
  genReqId: () => randomUUID(),
  routerOptions: { caseSensitive: false, ignoreDuplicateSlashes: true, ignoreTrailingSlash: true },
};

/** Path without query and doubled slashes, otherwise as it was sent. */
export function pathOf(request: FastifyRequest): string {
  return (request.raw.url ?? "/").replace(/\?.*$/s, "").replace(/\/{2,}/g, "/");
}

/** Parameter of the route, decoded; empty when the route has none of this name. */
export function paramOf(request: FastifyRequest, name: string): string {
  const params: unknown = request.params;
  const value = typeof params === "object" && params !== null ? Reflect.get(params, name) : undefined;
  return typeof value === "string" ? value : "";
}

/** Query parameter by its name in any case; the first when it comes more than once. */
export function queryOf(request: FastifyRequest, name: string): string | undefined {
  const query: unknown = request.query;
  if (typeof query !== "object" || query === null) return undefined;
  const entry = Object.entries(query).find(([key]) => key.toLowerCase() === name.toLowerCase());
  const value: unknown = Array.isArray(entry?.[1]) ? entry[1][0] : entry?.[1];
  return typeof value === "string" ? value : undefined;
}
