/** HTTP routes of connector types: what can be registered, for forms and tables of clients. */
import { z } from "zod";
import { connectorTypeSchema, connectorTypes } from "../shared/connectors/connector-types.ts";
import { NotFoundError } from "../shared/errors.ts";
import { lazy } from "../shared/lazy.ts";
import { ROLES } from "../shared/principal.ts";
import { listSchema } from "./lists.ts";
import { nothing, type Route, route } from "./route.ts";

/** List and describe. */
export function connectorTypeRoutes(): Route[] {
  const types = lazy(async () => connectorTypes());
  return [
    route({
      name: "connector-types-list",
      method: "GET",
      path: "connector-types",
      access: ROLES,
      summary: "List the types of connectors, with the schema of each sign-in method",
      params: nothing,
      query: nothing,
      body: null,
      answer: { status: 200, description: "All", schema: listSchema(connectorTypeSchema) },
      handle: async () => ({ status: 200, body: { items: await types(), continuationToken: null } }),
    }),
    route({
      name: "connector-types-get",
      method: "GET",
      path: "connector-types/{type}",
      access: ROLES,
      summary: "Describe a type of connectors",
      params: z.strictObject({ type: z.string().regex(/^[a-z0-9-]{1,63}$/, "expected a connector type, e.g. azure") }),
      query: nothing,
      body: null,
      answer: { status: 200, description: "The type", schema: connectorTypeSchema },
      handle: async ({ params }) => {
        const found = (await types()).find(({ type }) => type === params.type);
        if (found === undefined) {
          throw new NotFoundError(
            "NOT_FOUND",
            "There is no such type of connectors. GET /api/connector-types lists them.",
          );
        }
        return { status: 200, body: found };
      },
    }),
  ];
}
