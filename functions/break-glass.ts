/** HTTP route of break-glass: ends every SAS of a storage account at once. */
import { z } from "zod";
import { type BreakGlassDeps, breakGlass, planBreakGlass } from "../shared/credentials/break-glass.ts";
import { MAX_REASON_LENGTH } from "../shared/credentials/request-fields.ts";
import { InputError } from "../shared/errors.ts";
import { lineSchema } from "../shared/plain-text.ts";
import { connectorParamsSchema } from "./connectors.ts";
import { type Route, route } from "./route.ts";

const bodySchema = z
  .strictObject({
    storageAccount: z.string().min(1).max(1024).describe("ARM id or name, within the connector's limits"),
    reason: lineSchema(1, MAX_REASON_LENGTH).describe("kept in the audit trail"),
    confirm: z.boolean().default(false).describe("must be true, unless it is only planned"),
  })
  .meta({ id: "BreakGlassRequest" });
const answerSchema = z
  .object({
    storageAccount: z.string().describe("ARM id"),
    revokedAt: z.iso.datetime(),
    leasesClosed: z.int(),
    leasesLeft: z.int().describe("leases whose record could not be closed"),
    exposedUntil: z.iso
      .datetime()
      .nullable()
      .describe("the latest moment at which a SAS of these leases could still work"),
    done: z.array(z.string()),
    notDone: z.array(z.string()),
  })
  .meta({ id: "BreakGlassResult" });

/** What this route needs. */
export type BreakGlassRoutesDeps = BreakGlassDeps;

/** Break-glass, or what it would end. */
export function breakGlassRoutes(deps: BreakGlassRoutesDeps): Route[] {
  return [
    route({
      name: "break-glass-use",
      method: "POST",
      path: "connectors/{nameOrId}/break-glass",
      access: ["Latchkey.Admin"],
      summary: "Revoke all user delegation keys of a storage account; with plan=true only say what that ends",
      params: connectorParamsSchema,
      query: z.strictObject({ plan: z.enum(["true", "false"]).default("false") }),
      body: bodySchema,
      answer: {
        status: 200,
        description: "What was done and what not; with plan=true what would be ended",
        schema: answerSchema,
      },
      handle: async ({ params, query, body, caller, rule, correlationId }) => {
        if (query.plan === "true") {
          const plan = await planBreakGlass(deps, params.nameOrId, body.storageAccount);
          return { status: 200, body: { allowed: true, rule, checks: [], ...plan } };
        }
        if (!body.confirm) {
          throw new InputError("INVALID_REQUEST", "Look at what this ends with ?plan=true, then send confirm: true.", {
            problems: [{ path: "/confirm", expected: "true" }],
          });
        }
        const { storageAccount, reason } = body;
        const request = { connector: params.nameOrId, storageAccount, reason };
        const result = await breakGlass(deps, request, caller, { rule, correlationId });
        return { status: 200, body: result, facts: { connector: params.nameOrId, resourceId: result.storageAccount } };
      },
    }),
  ];
}
