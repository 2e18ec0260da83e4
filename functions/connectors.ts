/** HTTP routes of connectors: register, list, describe, change, delete. */
import { z } from "zod";
import { readEtag } from "../shared/access/manage.ts";
import { type AppIdentity, isAppItself } from "../shared/connectors/app-identity.ts";
import {
  type Connector,
  connectorRequestSchema,
  connectorViewSchema,
  type Verification,
  verificationSchema,
  viewOf,
} from "../shared/connectors/connector.ts";
import { listConnectors } from "../shared/connectors/list.ts";
import { type RegisterDeps, registerConnector } from "../shared/connectors/register.ts";
import { type RemoveConnectorDeps, removeConnector } from "../shared/connectors/remove.ts";
import { RESOURCE_TYPES } from "../shared/connectors/resource-type.ts";
import { connectorPatchSchema, updateConnector } from "../shared/connectors/update.ts";
import { findConnector, noConnector } from "../shared/connectors/use.ts";
import { maySee } from "../shared/connectors/visible.ts";
import { nameSchema } from "../shared/names.ts";
import { keyOfToken, listQuerySchema, listSchema, tokenOf } from "./lists.ts";
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
const verifyQuery = z.strictObject({ verify: z.enum(["true", "false"]).default("true") });
/** What these routes need. */
export type ConnectorRoutesDeps = RegisterDeps & RemoveConnectorDeps;

/** Administrators manage them; others see what is theirs, shared, or names them. */
export function connectorRoutes(deps: ConnectorRoutesDeps): Route[] {
  const describe = (connector: Connector, verification: Verification | null) => ({
    ...viewOf(connector, deps.now()),
    warnings: warningsOf(deps.app, connector, verification),
    verification,
  });
  return [
    route({
      name: "connectors-create",
      method: "POST",
      path: "connectors",
      access: ["Latchkey.Admin"],
      summary: "Register a connector: sign in, verify by resource type, keep the secret in the key vault",
      params: nothing,
      query: verifyQuery,
      body: connectorRequestSchema,
      answer: { status: 201, description: "The record, with what the verification found", schema: describedSchema },
      handle: async ({ body, query, caller, rule, correlationId }) => {
        const options = { verify: query.verify === "true", rule, correlationId };
        const { connector, etag, verification } = await registerConnector(deps, body, caller, options);
        return {
          status: 201,
          headers: { etag, location: `/api/connectors/${connector.name}` },
          facts: { connector: connector.name },
          body: describe(connector, verification),
        };
      },
    }),
    route({
      name: "connectors-get",
      method: "GET",
      path: "connectors/{nameOrId}",
      access: ["Latchkey.Admin", "Latchkey.User"],
      summary: "Describe a connector; secrets are shown as [HIDDEN]",
      params: connectorParamsSchema,
      query: nothing,
      body: null,
      answer: { status: 200, description: "The connector", schema: describedSchema },
      handle: async ({ params, caller }) => {
        const { connector, etag } = await findConnector(deps.store, params.nameOrId);
        // Whether there is one that the caller may not see is nobody's business.
        if (!maySee(connector, caller)) throw noConnector();
        const verification = connector.checkedAt === null ? null : await deps.verifications.get(connector.id);
        return { status: 200, headers: { etag }, body: describe(connector, verification) };
      },
    }),
    route({
      name: "connectors-list",
      method: "GET",
      path: "connectors",
      access: ["Latchkey.Admin", "Latchkey.User"],
      summary: "List the connectors that one sees, by name",
      params: nothing,
      query: listQuerySchema.extend({
        name: nameSchema.nullable().default(null),
        type: z.enum(["azure"]).nullable().default(null),
        resourceType: z.enum(RESOURCE_TYPES).nullable().default(null),
        label: z.string().min(1).max(320).nullable().default(null).describe("key, or key=value"),
        owner: z.string().min(1).max(300).nullable().default(null),
      }),
      body: null,
      answer: {
        status: 200,
        description: "One page; with filters it may be short or empty while there is a next one",
        schema: listSchema(connectorViewSchema),
      },
      handle: async ({ query: { limit, continuationToken, type: _, ...filter }, caller }) => {
        const after = continuationToken === null ? null : keyOfToken(continuationToken, nameSchema);
        const { items, next } = await listConnectors(deps.store, caller, filter, after, limit);
        const token = next === null ? null : tokenOf(next);
        return { status: 200, body: { items: items.map((one) => viewOf(one, deps.now())), continuationToken: token } };
      },
    }),
    route({
      name: "connectors-update",
      method: "PATCH",
      path: "connectors/{nameOrId}",
      access: ["Latchkey.Admin"],
      summary: "Change a connector: a new sign-in is verified before it replaces the old one; needs If-Match",
      params: connectorParamsSchema,
      query: verifyQuery,
      body: connectorPatchSchema,
      answer: { status: 200, description: "The changed connector", schema: describedSchema },
      handle: async ({ params, body, query, preconditions, caller, rule, correlationId }) => {
        const options = { verify: query.verify === "true", rule, correlationId };
        const changed = await updateConnector(
          deps,
          params.nameOrId,
          body,
          readEtag(preconditions.ifMatch),
          caller,
          options,
        );
        const { connector, etag } = changed;
        const verification =
          changed.verification ?? (connector.checkedAt === null ? null : await deps.verifications.get(connector.id));
        return {
          status: 200,
          headers: { etag },
          facts: { connector: connector.name },
          body: describe(connector, verification),
        };
      },
    }),
    route({
      name: "connectors-delete",
      method: "DELETE",
      path: "connectors/{nameOrId}",
      access: ["Latchkey.Admin"],
      summary: "Delete a connector with its secret; refused while leases are active, unless force=true; needs If-Match",
      params: connectorParamsSchema,
      query: z.strictObject({ force: z.enum(["true", "false"]).default("false") }),
      body: null,
      answer: { status: 204, description: "It is gone" },
      handle: async ({ params, query, preconditions, caller, rule, correlationId }) => {
        const options = { force: query.force === "true", rule, correlationId };
        await removeConnector(deps, params.nameOrId, readEtag(preconditions.ifMatch), caller, options);
        return { status: 204, facts: { connector: params.nameOrId } };
      },
    }),
  ];
}

/** What an administrator should know, beyond the states. */
function warningsOf(app: AppIdentity, connector: Connector, verification: Verification | null): string[] {
  return [
    ...(isAppItself(connector, app) ? [APP_ITSELF] : []),
    ...(connector.authMethod === "access-token" ? [TEMPORARY] : []),
    ...(verification?.resourceTypes ?? []).flatMap(({ resourceType, error }) =>
      error === null ? [] : [`${resourceType}: ${error.message}`],
    ),
  ];
}
const APP_ITSELF =
  "everything that the service's own identity may do is lent through this connector; a service principal or a managed identity of its own is safer for production";
const TEMPORARY =
  "the token is temporary: the connector ends with it, and blob containers and vault secrets need another method";
