/** Azure Resource Graph, as far as the queries of Azure's MCP server go. Registered by arm.ts. */
import { z } from "zod";
import { GRAPH_API_VERSIONS } from "./api-versions.ts";
import { invalidRequestContent, operationNotImplemented } from "./arm-errors.ts";
import type { ArmOperation } from "./arm-operation.ts";
import type { ArmRights } from "./arm-rights.ts";
import type { ResourceDeps } from "./provider-operations.ts";
import { type AnyResource, readableResources } from "./resources.ts";

/** Rows of an answer without `limit`. Source: learn.microsoft.com, "Working with large Azure resource data sets". */
const DEFAULT_ROWS = 100;
const QUERY = /^\s*(resources|authorizationresources)\s*\|\s*where\s+(.+?)\s*(?:\|\s*(?:limit|take)\s+(\d+)\s*)?$/is;
const CONDITION = /^(\w+)\s*(=~|==|contains)\s*'([^']*)'$/i;

const bodySchema = z.object({ subscriptions: z.array(z.string()).min(1), query: z.string() });
type Row = Readonly<Record<string, unknown>>;

/** Source of the shape: azure-rest-api-specs, Microsoft.ResourceGraph, QueryResponse; `resultTruncated` is a text. */
export function resourceGraphOperations(deps: ResourceDeps, resources: readonly AnyResource[]): ArmOperation[] {
  return [
    {
      method: "POST",
      apiVersions: GRAPH_API_VERSIONS,
      isRead: true,
      path: "/providers/Microsoft.ResourceGraph/resources",
      answer: (request) => {
        const asked = bodySchema.safeParse(request.body());
        if (!asked.success) throw invalidRequestContent();
        const { subscriptions, query } = asked.data;
        const { table, holds, limit } = parsed(query);
        const inScope = (id: string) =>
          subscriptions.some((one) => id.toLowerCase().startsWith(`/subscriptions/${one.toLowerCase()}/`));
        const rows =
          table === "resources"
            ? readableResources(resources, request.caller, deps.rights).map(resourceRow)
            : deps.rights.readableAssignments(request.caller).map(assignmentRow);
        const found = rows.filter((row) => inScope(`${row.id}/`) && holds(row));
        const data = found.slice(0, limit);
        const resultTruncated = data.length < found.length ? "true" : "false";
        return {
          status: 200,
          body: { totalRecords: data.length, count: data.length, data, facets: [], resultTruncated },
        };
      },
    },
  ];
}

/** @throws ArmError 501 for a query of another form */
function parsed(query: string): { table: string; holds: (row: Row) => boolean; limit: number } {
  const [, table = "", where = "", limit] = QUERY.exec(query) ?? [];
  const conditions = where.split(/\s+and\s+/i).map((text) => CONDITION.exec(text.trim()));
  if (table === "" || conditions.includes(null)) {
    throw operationNotImplemented(`POST /providers/Microsoft.ResourceGraph/resources with the query ${query}`);
  }
  const holds = (row: Row) =>
    conditions.every((condition) => {
      const [, column = "", operator = "", value = ""] = condition ?? [];
      const text = String(row[column] ?? "");
      if (operator === "==") return text === value;
      const [left, right] = [text.toLowerCase(), value.toLowerCase()];
      return operator === "=~" ? left === right : left.includes(right);
    });
  return { table: table.toLowerCase(), holds, limit: limit === undefined ? DEFAULT_ROWS : Number(limit) };
}

function resourceRow({ id, type, placed, body }: AnyResource): Row {
  return {
    ...body(),
    id,
    type: type.toLowerCase(),
    tenantId: placed.tenantId,
    subscriptionId: placed.subscription.id,
    // The index keeps these in lower case.
    resourceGroup: placed.group.name.toLowerCase(),
  };
}

function assignmentRow(assignment: ReturnType<ArmRights["readableAssignments"]>[number]): Row {
  const { id, subscriptionId, principalId, roleDefinitionId, scope } = assignment;
  return {
    id,
    name: id.split("/").at(-1),
    type: "microsoft.authorization/roleassignments",
    location: "global",
    subscriptionId,
    properties: { principalId, roleDefinitionId, scope, principalType: assignment.principalType },
  };
}
