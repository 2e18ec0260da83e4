/** HTTP routes that verify connectors: one that is only written down, and one that is stored. */
import { z } from "zod";
import { CONNECTOR_STATES, connectorRequestSchema, verificationSchema } from "../shared/connectors/connector.ts";
import { stateNow } from "../shared/connectors/connector-life.ts";
import type { RegisterDeps } from "../shared/connectors/register.ts";
import { RESOURCE_TYPES } from "../shared/connectors/resource-type.ts";
import { verifyRequest, verifyStored } from "../shared/connectors/verify-stored.ts";
import { verifiedText } from "../shared/connectors/verify-texts.ts";
import { connectorParamsSchema } from "./connectors.ts";
import { nothing, type Route, route } from "./route.ts";

const verifiedSchema = z
  .object({
    name: z.string(),
    message: z.string().describe("what people read over the table of resource types"),
    resourceId: z.string().nullable().describe("the only resource that the connector may reach"),
    state: z.enum(CONNECTOR_STATES).describe("of the connector; of a part that was asked for, verification.state"),
    verification: verificationSchema,
  })
  .meta({ id: "VerifiedConnector" });

/** Verify before registering, and again at any time. */
export function connectorVerifyRoutes(deps: RegisterDeps): Route[] {
  return [
    route({
      name: "connector-verify-request",
      method: "POST",
      path: "connectors/verify",
      access: ["Latchkey.Admin"],
      summary: "Verify the configuration of a connector as for registering; nothing is stored",
      params: nothing,
      query: nothing,
      body: connectorRequestSchema,
      answer: { status: 200, description: "What was found, by resource type", schema: verifiedSchema },
      handle: async ({ body }) => {
        const { resourceId, verification } = await verifyRequest(deps, body);
        const { state } = verification;
        const message = verifiedText(body.name, verification);
        return { status: 200, body: { name: body.name, message, resourceId, state, verification } };
      },
    }),
    route({
      name: "connector-verify-stored",
      method: "POST",
      path: "connectors/{nameOrId}/verify",
      access: ["Latchkey.Admin"],
      summary: "Verify a connector, one of its resource types or one resource, and keep what was found",
      params: connectorParamsSchema,
      query: z.strictObject({
        resourceType: z.enum(RESOURCE_TYPES).nullable().default(null),
        resourceId: z.string().min(1).max(1024).nullable().default(null).describe("any name of one resource"),
      }),
      body: null,
      answer: { status: 200, description: "What was found this time", schema: verifiedSchema },
      handle: async ({ params, query, caller, rule, correlationId }) => {
        const verified = await verifyStored(deps, params.nameOrId, query, caller, { rule, correlationId });
        const { connector, etag, verification } = verified;
        const { name, resourceId } = connector;
        const message = verifiedText(name, verification);
        const state = stateNow(connector, deps.now());
        return {
          status: 200,
          headers: { etag },
          facts: { connector: name },
          body: { name, message, resourceId, state, verification },
        };
      },
    }),
  ];
}
