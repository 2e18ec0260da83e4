/** HTTP routes of connectors: register, list, describe. */
import { z } from "zod";
import {
  type Connector,
  connectorRequestSchema,
  connectorViewSchema,
  verificationSchema,
  viewOf,
} from "../shared/connectors/connector.ts";
import { type RegisterDeps, registerConnector } from "../shared/connectors/register.ts";
import { findConnector } from "../shared/connectors/use.ts";
import { nameSchema } from "../shared/names.ts";
import { listQuerySchema, listSchema, pageOf } from "./lists.ts";
import { nothing, type Route, route } from "./route.ts";

/** A connector, by the name that its owner gave or by its id. */
export const connectorNameOrIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, "expected a connector's name or id");
/** The same in a path. */
export const connectorParamsSchema = z.strictObject({
  nameOrId: connectorNameOrIdSchema.describe("name or id of the connector"),
});
const describedSchema = connectorViewSchema
  .extend({
    warnings: z.array(z.string()),
    verification: verificationSchema.nullable().describe("what the last verification found"),
  })
  .meta({ id: "DescribedConnector" });
/** `ok` of this type says less than that of others. */
const VAULTS_NOT_LISTED =
  "key-vault-secret: vaults are not listed and no secret was read; whether one can be read shows when it is asked for";
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
      query: listQuerySchema,
      body: null,
      answer: { status: 200, description: "One page", schema: listSchema(connectorViewSchema) },
      handle: async ({ query }) => {
        const page = await pageOf(query, ({ name }: Connector) => name, nameSchema, deps.store.list);
        return { status: 200, body: { ...page, items: page.items.map(viewOf) } };
      },
    }),
  ];
}

function warningsOf(verification: z.output<typeof verificationSchema> | null): string[] {
  return (verification?.resourceTypes ?? []).flatMap(({ resourceType, error }) => {
    if (error !== null) return [`${resourceType}: ${error.message}`];
    return resourceType === "key-vault-secret" ? [VAULTS_NOT_LISTED] : [];
  });
}
