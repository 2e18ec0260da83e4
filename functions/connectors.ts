/** HTTP routes of connectors: register, list, describe. */
import { z } from "zod";
import {
  connectorRequestSchema,
  connectorViewSchema,
  verificationSchema,
  viewOf,
} from "../shared/connectors/connector.ts";
import { type RegisterDeps, registerConnector } from "../shared/connectors/register.ts";
import { findConnector } from "../shared/connectors/use.ts";
import { nothing, type Route, route } from "./route.ts";

/** Connectors on one page of a list, unless asked otherwise. */
const DEFAULT_LIMIT = 100;
/** Most on one page: Table Storage answers 1,000 rows at once, and we read one more. */
const MAX_LIMIT = 500;

/** A connector, by the name that its owner gave or by its id. */
export const connectorParamsSchema = z.strictObject({
  nameOrId: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, "expected a connector's name or id")
    .describe("name or id of the connector"),
});
const describedSchema = connectorViewSchema
  .extend({
    warnings: z.array(z.string()),
    verification: verificationSchema.nullable().describe("what the last verification found"),
  })
  .meta({ id: "DescribedConnector" });
const listSchema = z
  .object({ items: z.array(connectorViewSchema), continuationToken: z.string().nullable() })
  .meta({ id: "ConnectorList" });

/** What these routes need: that of registering serves all of them. */
export type ConnectorRoutesDeps = RegisterDeps;

/** Register, list and describe. */
export function connectorRoutes(deps: ConnectorRoutesDeps): Route[] {
  return [
    route({
      name: "connectors-create",
      method: "POST",
      path: "connectors",
      access: ["Latchkey.Admin"],
      summary: "Register a connector: sign in, verify by resource type, keep the secret in the key vault",
      params: nothing,
      query: z.strictObject({ verify: z.enum(["true", "false"]).default("true") }),
      body: connectorRequestSchema,
      answer: { status: 201, description: "The record, with what the verification found", schema: describedSchema },
      handle: async ({ body, query, caller, rule, correlationId }) => {
        const options = { verify: query.verify === "true", rule, correlationId };
        const { connector, etag, verification } = await registerConnector(deps, body, caller, options);
        return {
          status: 201,
          headers: { etag, location: `/api/connectors/${connector.name}` },
          facts: { connector: connector.name },
          body: { ...viewOf(connector), warnings: warningsOf(verification), verification },
        };
      },
    }),
    route({
      name: "connectors-get",
      method: "GET",
      path: "connectors/{nameOrId}",
      access: ["Latchkey.Admin"],
      summary: "Describe a connector; secrets are shown as [HIDDEN]",
      params: connectorParamsSchema,
      query: nothing,
      body: null,
      answer: { status: 200, description: "The connector", schema: describedSchema },
      handle: async ({ params }) => {
        const { connector, etag } = await findConnector(deps.store, params.nameOrId);
        const verification = connector.checkedAt === null ? null : await deps.verifications.get(connector.id);
        const body = { ...viewOf(connector), warnings: warningsOf(verification), verification };
        return { status: 200, headers: { etag }, body };
      },
    }),
    route({
      name: "connectors-list",
      method: "GET",
      path: "connectors",
      access: ["Latchkey.Admin"],
      summary: "List connectors by name",
      params: nothing,
      query: z.strictObject({
        limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
        continuationToken: z.string().min(1).max(100).nullable().default(null),
      }),
      body: null,
      answer: { status: 200, description: "One page", schema: listSchema },
      handle: async ({ query }) => {
        const { items, continuationToken } = await deps.store.list(query);
        return { status: 200, body: { items: items.map(viewOf), continuationToken } };
      },
    }),
  ];
}

function warningsOf(verification: z.output<typeof verificationSchema> | null): string[] {
  return (verification?.resourceTypes ?? []).flatMap(({ resourceType, error }) =>
    error === null ? [] : [`${resourceType}: ${error.message}`],
  );
}
