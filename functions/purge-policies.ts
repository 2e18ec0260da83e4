/** HTTP routes of purge policies of a registry, and what starts a plan or a purge by one. */
import { z } from "zod";
import { readEtag, readSeen } from "../shared/access/manage.ts";
import { readRegistryName } from "../shared/connectors/registry.ts";
import { RUN_ID } from "../shared/ids.ts";
import { purgePolicyNameSchema } from "../shared/names.ts";
import { importAcrPurge } from "../shared/purge/acr-command/acr-command.ts";
import { MAX_COMMAND_CHARACTERS } from "../shared/purge/acr-command/command-words.ts";
import {
  deletePurgePolicy,
  findPurgePolicy,
  type ManageDeps,
  type PolicyPlace,
  putPurgePolicy,
} from "../shared/purge/policy/manage.ts";
import { purgePolicySchema } from "../shared/purge/policy/policy.ts";
import type { StoredPurgePolicy } from "../shared/purge/ports.ts";
import { type StartDeps, type StartRequest, startRun } from "../shared/purge/start.ts";
import { listQuerySchema, listSchema, pageOf } from "./lists.ts";
import { runPath, runView, runViewSchema } from "./purge-view.ts";
import { type Answer, type Call, type Driving, drivingRoute, nothing, type Route, route } from "./route.ts";

/** A registry in a path or query: its login server. */
export const loginServerSchema = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9.-]+$/, "the login server of a registry, NAME.azurecr.io")
  .toLowerCase()
  .refine((text) => readRegistryName(text)?.kind === "host", "the login server of a registry, NAME.azurecr.io");
const registryParams = z.strictObject({ registry: loginServerSchema });
const policyParams = registryParams.extend({ policy: purgePolicyNameSchema });
const dueSchema = z.iso.datetime().nullable().describe("when the timer starts it next; null: never");
const warningSchema = z
  .object({
    code: z.string(),
    rule: z.string().nullable().describe("null: the policy as a whole"),
    path: z.string().describe("JSON pointer into the policy"),
    detail: z.string(),
  })
  .meta({ id: "PurgePolicyWarning" });
const savedSchema = purgePolicySchema.safeExtend({ nextDueAt: dueSchema, warnings: z.array(warningSchema) });
const listedSchema = z.object({
  name: z.string(),
  spec: purgePolicySchema.nullable().describe("null: the record is damaged"),
  nextDueAt: dueSchema,
  updatedBy: z.string(),
});
const importedSchema = z.object({
  policy: z.record(z.string(), z.unknown()).describe("a policy but for its connector"),
  differences: z.array(z.object({ code: z.string(), detail: z.string() })),
});

/** What these routes need. */
export type PurgePolicyRoutesDeps = ManageDeps & Omit<StartDeps, "driveRun">;

type PolicyCall<B> = Call<z.output<typeof policyParams>, unknown, B>;

/** Policies by name, the import of a command line, and starting. */
export function purgePolicyRoutes(deps: PurgePolicyRoutesDeps): Route[] {
  const path = "registries/{registry}/purge-policies";
  const start = async (call: PolicyCall<unknown> & Driving, request: StartRequest): Promise<Answer> => {
    const run = await startRun({ ...deps, driveRun: call.drive }, placeOf(call), request, contextOf(call));
    const facts = { resourceId: run.resourceId ?? run.loginServer };
    return { status: 202, body: runView(run), headers: { location: runPath(run.id) }, facts };
  };
  const started = { status: 202, description: "It has begun; Location says where to look", schema: runViewSchema };
  return [
    route({
      name: "purge-policies-list",
      method: "GET",
      path,
      access: ["Latchkey.Admin", "Latchkey.Auditor"],
      summary: "List the purge policies of a registry by name",
      params: registryParams,
      query: listQuerySchema,
      body: null,
      answer: { status: 200, description: "One page", schema: listSchema(listedSchema) },
      handle: async ({ params, query }) => {
        const read = (after: string | null, limit: number) => deps.policies.list(params.registry, after ?? "", limit);
        const page = await pageOf(query, ({ name }: StoredPurgePolicy) => name, purgePolicyNameSchema, read);
        const items = page.items.map(({ name, spec, nextDueAt, updatedBy }) => ({ name, spec, nextDueAt, updatedBy }));
        return { status: 200, body: { ...page, items } };
      },
    }),
    route({
      name: "purge-policies-get",
      method: "GET",
      path: `${path}/{policy}`,
      access: ["Latchkey.Admin", "Latchkey.Auditor"],
      summary: "One purge policy",
      params: policyParams,
      query: nothing,
      body: null,
      answer: { status: 200, description: "The policy", schema: purgePolicySchema },
      handle: async (call) => {
        const { spec, etag } = await findPurgePolicy(deps.policies, placeOf(call));
        return { status: 200, headers: { etag }, body: spec };
      },
    }),
    route({
      name: "purge-policies-put",
      method: "PUT",
      path: `${path}/{policy}`,
      // The registry is opened and listed.
      isLimited: true,
      access: ["Latchkey.Admin"],
      summary:
        "Create (If-None-Match: *) or replace (If-Match) a purge policy; the answer warns of what looks like a slip",
      params: policyParams,
      query: nothing,
      body: purgePolicySchema,
      answer: { status: 200, description: "As stored, with warnings", schema: savedSchema },
      handle: async (call) => {
        const seen = readSeen(call.preconditions);
        const etag = "etag" in seen ? seen.etag : null;
        const saved = await putPurgePolicy(deps, placeOf(call), call.body, etag, contextOf(call));
        const { policy, nextDueAt, warnings } = saved;
        return { status: 200, headers: { etag: saved.etag }, body: { ...policy, nextDueAt, warnings } };
      },
    }),
    route({
      name: "purge-policies-delete",
      method: "DELETE",
      path: `${path}/{policy}`,
      access: ["Latchkey.Admin"],
      summary: "Delete a purge policy (If-Match); its runs stay on record, and one that is running goes on",
      params: policyParams,
      query: nothing,
      body: null,
      answer: { status: 204, description: "It is gone" },
      handle: async (call) => {
        await deletePurgePolicy(deps, placeOf(call), readEtag(call.preconditions.ifMatch), contextOf(call));
        return { status: 204 };
      },
    }),
    route({
      name: "purge-policies-import",
      method: "POST",
      path: `${path}/import`,
      isLimited: true,
      access: ["Latchkey.Admin"],
      summary: "Read an acr purge command line as a policy, and say what that policy does otherwise; nothing is stored",
      params: registryParams,
      query: nothing,
      body: z.strictObject({ command: z.string().min(1).max(MAX_COMMAND_CHARACTERS) }).meta({ id: "PurgeImport" }),
      answer: { status: 200, description: "The policy and every difference", schema: importedSchema },
      handle: async ({ body }) => ({ status: 200, body: importAcrPurge(body.command) }),
    }),
    drivingRoute({
      name: "purge-policies-plan",
      method: "POST",
      path: `${path}/{policy}/plan`,
      isLimited: true,
      access: ["Latchkey.Admin"],
      summary: "Plan a purge: what would go, what stays, and why; nothing is deleted",
      params: policyParams,
      query: nothing,
      body: z.strictObject({}).meta({ id: "PurgePlanRequest" }),
      isBodyOptional: true,
      answer: started,
      handle: (call) => start(call, { kind: "plan", planId: null }),
    }),
    drivingRoute({
      name: "purge-policies-run",
      method: "POST",
      path: `${path}/{policy}/runs`,
      isLimited: true,
      access: ["Latchkey.Admin"],
      summary:
        "Purge now, by a plan that was made before (at most 24 hours ago, under this very policy) or by a new one",
      params: policyParams,
      query: nothing,
      body: z
        .strictObject({
          planId: z
            .string("expected a run id, or null for a new plan")
            .regex(RUN_ID, "expected a run id")
            .nullable()
            .default(null)
            .describe("null: by a new plan"),
        })
        .meta({ id: "PurgeRunRequest" }),
      isBodyOptional: true,
      answer: started,
      handle: (call) => start(call, { kind: "purge", planId: call.body.planId }),
    }),
  ];
}

function placeOf({ params: { registry, policy } }: PolicyCall<unknown>): PolicyPlace {
  return { loginServer: registry, policy };
}

function contextOf({ caller, rule, correlationId }: PolicyCall<unknown>) {
  return { by: caller, rule, correlationId };
}
