/** HTTP route of managed identities: find the one to grant a role to, without the portal. */
import { z } from "zod";
import {
  findAllIdentities,
  findIdentities,
  type IdentitiesDeps,
  identityArmId,
} from "../shared/connectors/identities.ts";
import type { Identity } from "../shared/connectors/ports.ts";
import { connectorNameOrIdSchema } from "./connectors.ts";
import { listQuerySchema, listSchema, pageOf } from "./lists.ts";
import { nothing, type Route, route } from "./route.ts";

const querySchema = listQuerySchema.extend({
  connector: connectorNameOrIdSchema
    .nullable()
    .default(null)
    .describe("through which to look: its name or id; left out, through all that may be used now"),
  resourceGroup: z
    .string()
    .regex(/^[-\w.()]{0,89}[-\w()]$/, "expected a resource group name")
    .nullable()
    .default(null),
  prefix: z
    .string()
    .regex(/^[-\w]{0,128}$/, "expected the beginning of an identity's name")
    .default("")
    .describe("beginning of the name, in any case"),
});

const identitySchema = z
  .object({
    resourceId: z.string(),
    name: z.string(),
    resourceGroup: z.string(),
    location: z.string(),
    clientId: z.string().describe("what workloads sign in with"),
    principalId: z.string().describe("what roles are granted to"),
    tenantId: z.string(),
  })
  .meta({ id: "ManagedIdentity" });
const answerSchema = listSchema(identitySchema).extend({
  pending: z
    .array(z.object({ connector: z.string(), where: z.string(), code: z.string() }))
    .describe("what could not be listed now: the list is not whole without it"),
  warnings: z.array(z.string()),
});

/** By name, then by what is unique; a space comes before every character of a name. */
const keyOf = ({ identity, principalId, subscriptionId }: Identity) =>
  `${identity.toLowerCase()} ${principalId} ${subscriptionId}`;
const keySchema = z.string().regex(/^[-\w]{1,128} [-\w]{0,36} [-\w]{1,36}$/);

/** Find. */
export function identityRoutes(deps: IdentitiesDeps): Route[] {
  return [
    route({
      name: "identities-list",
      method: "GET",
      path: "identities",
      access: ["Latchkey.Admin"],
      summary:
        "List user-assigned managed identities that a connector sees, or all of them, by the beginning of their names",
      params: nothing,
      query: querySchema,
      body: null,
      answer: { status: 200, description: "One page, by name", schema: answerSchema },
      handle: async ({ query, caller }) => {
        const { connector: named } = query;
        const { identities, unread } =
          named === null ? await findAllIdentities(deps, caller, query) : await findIdentities(deps, named, query);
        const sorted = identities.toSorted((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
        const page = await pageOf(query, keyOf, keySchema, async (after, limit) =>
          sorted.filter((identity) => after === null || keyOf(identity) > after).slice(0, limit),
        );
        return {
          status: 200,
          ...(named === null ? {} : { facts: { connector: named } }),
          body: {
            ...page,
            items: page.items.map(viewOf),
            pending: unread.map(({ connector, where, error }) => ({ connector, where, code: error.code })),
            warnings: unread.map(({ where, error }) => `${where}: ${error.message}`),
          },
        };
      },
    }),
  ];
}

function viewOf(found: Identity): z.output<typeof identitySchema> {
  const { identity: name, resourceGroup, location, clientId, principalId, tenantId } = found;
  return { resourceId: identityArmId(found), name, resourceGroup, location, clientId, principalId, tenantId };
}
