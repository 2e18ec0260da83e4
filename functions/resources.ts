/** HTTP routes of the inventory: what connectors can reach, by resource type. */
import { z } from "zod";
import type { Connector } from "../shared/connectors/connector.ts";
import { refuseUnusable } from "../shared/connectors/connector-life.ts";
import {
  listResources,
  type ResourcePosition,
  type ResourcesDeps,
  type ResourcesPage,
} from "../shared/connectors/inventory-answer.ts";
import { INVENTORY_MAX_AGE_MS } from "../shared/connectors/inventory-index.ts";
import { listConnectors } from "../shared/connectors/list.ts";
import type { ConnectorStore } from "../shared/connectors/ports.ts";
import { RESOURCE_TYPES } from "../shared/connectors/resource-type.ts";
import { resourceTypesOf } from "../shared/connectors/resource-types.ts";
import { findConnector, noConnector } from "../shared/connectors/use.ts";
import { maySee } from "../shared/connectors/visible.ts";
import { DeniedError } from "../shared/errors.ts";
import { nameSchema } from "../shared/names.ts";
import type { Principal } from "../shared/principal.ts";
import { connectorParamsSchema } from "./connectors.ts";
import { keyOfToken, listQuerySchema, listSchema, tokenOf } from "./lists.ts";
import { nothing, type Route, route } from "./route.ts";

/** Longest continuation token: an ARM id of 1,024 characters and its place, in base64. */
const MAX_TOKEN = 4_000;
/** Connectors read at once. */
const CONNECTORS_PAGE = 20;

const querySchema = listQuerySchema.extend({
  resourceType: z.enum(RESOURCE_TYPES).nullable().default(null),
  refresh: z
    .enum(["true", "false"])
    .default("false")
    .describe("true: list everything anew, as far as Azure's limits allow; without it, what is older than 15 minutes"),
  continuationToken: z.string().min(1).max(MAX_TOKEN).nullable().default(null),
});

const aboutSchema = { connector: z.string(), resourceType: z.enum(RESOURCE_TYPES) };
const resourceSchema = z
  .object({ ...aboutSchema, resourceId: z.string().describe("canonical"), displayName: z.string() })
  .meta({ id: "Resource" });
const takenAt = z.iso.datetime().nullable().describe("when the oldest part of it was read; null: nothing was");
const ageSeconds = z.int().min(0).nullable();
const answerSchema = listSchema(resourceSchema)
  .extend({
    takenAt,
    ageSeconds,
    resourceTypes: z
      .array(
        z.object({
          ...aboutSchema,
          takenAt,
          ageSeconds,
          error: z.object({ code: z.string(), message: z.string() }).nullable().describe("why nothing new can be told"),
        }),
      )
      .describe("what this page looked at"),
    pending: z
      .array(
        z.object({
          ...aboutSchema,
          place: z.string().describe("id of the subscription, group or account; /subscriptions: all that are visible"),
          code: z.string(),
          message: z.string(),
          retryAfterSeconds: z.int().nullable().describe("null: waiting does not help"),
          takenAt: z.iso.datetime().nullable().describe("when what is told of it was read; null: nothing is told"),
        }),
      )
      .describe("places that failed or were not reached: without them the list may not be whole, or be old"),
    pendingCount: z.int().describe("all of them, also those that are too many to tell"),
  })
  .meta({ id: "Resources" });

const tokenSchema = z.tuple([nameSchema, z.enum(RESOURCE_TYPES), z.string(), z.string()]);

/** What these routes need. */
export type ResourceRoutesDeps = ResourcesDeps & { readonly store: Pick<ConnectorStore, "find" | "list"> };

/** Of one connector, and of all that the caller sees. */
export function resourceRoutes(deps: ResourceRoutesDeps): Route[] {
  const answer = { status: 200, description: `One page; listed within ${MINUTES} minutes`, schema: answerSchema };
  return [
    route({
      name: "resources-of",
      method: "GET",
      path: "connectors/{nameOrId}/resources",
      access: ["Latchkey.Admin", "Latchkey.User"],
      summary: "List what a connector can reach, with the age of what is known and what could not be listed",
      params: connectorParamsSchema,
      query: querySchema,
      body: null,
      answer,
      handle: async ({ params, query, caller }) => {
        const connector = await seenConnector(deps, params.nameOrId, caller);
        refuseUnusable(connector, deps.now());
        refuseOtherTypes(connector, query.resourceType);
        const page = await listResources(deps, only(connector), askedFor(query, connector.name));
        return { status: 200, facts: { connector: connector.name }, body: viewOf(page, deps.now()) };
      },
    }),
    route({
      name: "resources-list",
      method: "GET",
      path: "resources",
      access: ["Latchkey.Admin", "Latchkey.User"],
      summary: "List what all connectors that one sees can reach",
      params: nothing,
      query: querySchema,
      body: null,
      answer,
      handle: async ({ query, caller }) => {
        const asked = askedFor(query, null);
        const connectors = seenConnectors(deps, caller, query.resourceType, asked.after?.connector ?? null);
        return { status: 200, body: viewOf(await listResources(deps, connectors, asked), deps.now()) };
      },
    }),
  ];
}
const MINUTES = INVENTORY_MAX_AGE_MS / 60_000;

/** Whether there is one that the caller may not see is nobody's business. @throws NotFoundError NOT_FOUND */
async function seenConnector({ store }: ResourceRoutesDeps, nameOrId: string, caller: Principal): Promise<Connector> {
  const { connector } = await findConnector(store, nameOrId);
  if (maySee(connector, caller)) return connector;
  throw noConnector();
}

/** @throws DeniedError DENIED */
function refuseOtherTypes(connector: Connector, asked: (typeof RESOURCE_TYPES)[number] | null): void {
  if (asked === null || resourceTypesOf(connector).includes(asked)) return;
  throw new DeniedError(
    "DENIED",
    `The connector, with its limits, does not serve the type ${asked}. Use one that does; GET /api/connectors shows the types and limits of each.`,
  );
}

async function* only(connector: Connector): AsyncGenerator<Connector> {
  yield connector;
}

/** @param from the connector in whose midst the page begins, as far as it is still there */
async function* seenConnectors(
  { store }: ResourceRoutesDeps,
  caller: Principal,
  resourceType: (typeof RESOURCE_TYPES)[number] | null,
  from: string | null,
): AsyncGenerator<Connector> {
  const begun = from === null ? null : await store.find(from);
  if (begun !== null && begun.connector.name === from && maySee(begun.connector, caller)) yield begun.connector;
  const filter = { name: null, resourceType, label: null, owner: null };
  let after = from;
  do {
    const { items, next }: Awaited<ReturnType<typeof listConnectors>> = await listConnectors(
      store,
      caller,
      filter,
      after,
      CONNECTORS_PAGE,
    );
    yield* items;
    after = next;
  } while (after !== null);
}

/** @param connector of the list; null: of all. @throws InputError INVALID_REQUEST for a token of another */
function askedFor(query: z.output<typeof querySchema>, connector: string | null) {
  const { resourceType, limit, continuationToken, refresh } = query;
  const tokenText = z.string().refine((text) => {
    const token = readToken(text);
    return token !== null && (connector === null || token.connector === connector);
  });
  const after = continuationToken === null ? null : readToken(keyOfToken(continuationToken, tokenText));
  return { resourceType, limit, isForced: refresh === "true", after };
}

function readToken(text: string): ResourcePosition | null {
  try {
    const read = tokenSchema.safeParse(JSON.parse(text));
    if (!read.success) return null;
    const [connector, resourceType, place, key] = read.data;
    return { connector, resourceType, place, key };
  } catch {
    return null;
  }
}

function viewOf(page: ResourcesPage, now: Date): z.output<typeof answerSchema> {
  const { next, types, pending, pendingCount } = page;
  const age = (time: string | null) =>
    time === null ? null : Math.max(0, Math.floor((now.getTime() - Date.parse(time)) / 1000));
  const oldest = types.reduce<string | null>(
    (found, { takenAt: time }) => (found === null || (time !== null && time < found) ? time : found),
    null,
  );
  return {
    items: [...page.items],
    continuationToken:
      next === null ? null : tokenOf(JSON.stringify([next.connector, next.resourceType, next.place, next.key])),
    takenAt: oldest,
    ageSeconds: age(oldest),
    resourceTypes: types.map((type) => ({ ...type, ageSeconds: age(type.takenAt) })),
    pending: [...pending],
    pendingCount,
  };
}
