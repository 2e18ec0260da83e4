/** HTTP routes of policy: memberships, grants, and why a request is allowed or not. */
import { z } from "zod";
import { CHECK_IDS } from "../shared/access/decide.ts";
import { deletePolicy, findPolicy, type ManageDeps, putPolicy, readEtag, readSeen } from "../shared/access/manage.ts";
import { type Plan, type PlanDeps, plan } from "../shared/access/plan.ts";
import { type Grant, grantSchema, membershipSchema, principalNameSchema } from "../shared/access/policy.ts";
import type { PolicyKind, StoredPolicy } from "../shared/access/ports.ts";
import { tokenCredentialRequestSchema } from "../shared/credentials/arm-token.ts";
import { blobCredentialRequestSchema } from "../shared/credentials/blob-container.ts";
import { registryCredentialRequestSchema } from "../shared/credentials/docker-registry.ts";
import { secretCredentialRequestSchema } from "../shared/credentials/key-vault-secret.ts";
import { clusterCredentialRequestSchema } from "../shared/credentials/kubernetes-cluster.ts";
import type { ConnectorName } from "../shared/credentials/ports.ts";
import { askOf } from "../shared/credentials/request.ts";
import { DeniedError, InputError, type InputProblem } from "../shared/errors.ts";
import { nameSchema } from "../shared/names.ts";
import type { Principal } from "../shared/principal.ts";
import { connectorNameOrIdSchema } from "./connectors.ts";
import { listQuerySchema, listSchema, pageOf } from "./lists.ts";
import { nothing, type Route, route } from "./route.ts";

const paramsSchema = z.strictObject({ name: nameSchema });
const planSchema = z
  .object({
    allowed: z.boolean(),
    rule: z.string().nullable().describe("the grant that allows it, or the deny that forbids it"),
    checks: z.array(z.object({ id: z.enum(CHECK_IDS), ok: z.boolean(), detail: z.string() })),
  })
  .meta({ id: "Plan" });
const forWhom = {
  connector: connectorNameOrIdSchema,
  principal: z
    .strictObject({ id: principalNameSchema, groups: z.array(z.guid().toLowerCase()).max(200).default([]) })
    .nullable()
    .default(null)
    .describe("whom to explain it for; another than oneself only for administrators and auditors"),
};
/** A request as for a credential, and for whom; without `principal` for the caller itself. */
const explainRequestSchema = z
  .discriminatedUnion("resourceType", [
    blobCredentialRequestSchema.omit({ reason: true }).extend(forWhom),
    secretCredentialRequestSchema.omit({ reason: true }).extend(forWhom),
    tokenCredentialRequestSchema.omit({ reason: true }).extend(forWhom),
    registryCredentialRequestSchema.omit({ reason: true }).extend(forWhom),
    clusterCredentialRequestSchema.omit({ reason: true }).extend(forWhom),
  ])
  .meta({ id: "ExplainRequest" });

/** What these routes need. */
export type AccessRoutesDeps = ManageDeps &
  PlanDeps & {
    /** Where a grant does not fit the type of its resource; empty when it does. */
    readonly grantProblems: (grant: Grant) => readonly InputProblem[];
    /** As issuing finds it. */
    readonly connectorName: ConnectorName;
  };

/** Memberships and grants by name, and the explanation. */
export function accessRoutes(deps: AccessRoutesDeps): Route[] {
  return [
    ...policyRoutes(deps, "membership", "access-membership", membershipSchema),
    ...policyRoutes(deps, "grant", "access-grant", grantSchema),
    route({
      name: "access-explain",
      method: "POST",
      path: "access/explain",
      // What policy allows is looked up in Azure.
      isLimited: true,
      access: ["Latchkey.User", "Latchkey.Admin", "Latchkey.Auditor"],
      summary: "Explain which rule allows or refuses a request, and what is missing",
      params: nothing,
      query: nothing,
      body: explainRequestSchema,
      answer: { status: 200, description: "Every check", schema: planSchema },
      handle: async ({ body, caller }) => {
        const { principal, connector, ...request } = body;
        const subject = subjectOf(caller, principal);
        const ask = askOf(request, await deps.connectorName(connector));
        return { status: 200, body: planAnswer(await plan(deps, subject, ask)) };
      },
    }),
  ];
}

/** What plans and explanations answer. */
export function planAnswer({ allowed, rule, checks }: Plan): z.output<typeof planSchema> {
  return { allowed, rule, checks: [...checks] };
}

/** @throws DeniedError DENIED for another principal without a role that sees all */
function subjectOf(caller: Principal, named: { id: string; groups: string[] } | null): Principal {
  if (named === null) return caller;
  if (!caller.roles.some((role) => role === "Latchkey.Admin" || role === "Latchkey.Auditor")) {
    throw new DeniedError(
      "DENIED",
      "Only an administrator or auditor asks for another principal. Leave principal out.",
    );
  }
  // The asker's own roles open nothing for the other; which the other has is not known here.
  return { ...caller, id: named.id, groups: named.groups, roles: ["Latchkey.User"] };
}

/** @throws InputError INVALID_REQUEST */
function refuseMisfit(problems: readonly InputProblem[]): void {
  if (problems.length === 0) return;
  const list = problems.map(({ path, expected }) => `${path}: ${expected}`).join("; ");
  throw new InputError("INVALID_REQUEST", `The grant does not fit the type of its resource. Correct ${list}.`, {
    problems,
  });
}

function policyRoutes(
  deps: AccessRoutesDeps,
  kind: PolicyKind,
  file: string,
  schema: typeof membershipSchema | typeof grantSchema,
): Route[] {
  const path = `${kind}s`;
  const stored = z.object({ name: z.string(), spec: schema });
  return [
    route({
      name: `${file}s-list`,
      method: "GET",
      path,
      access: ["Latchkey.Admin", "Latchkey.Auditor"],
      summary: `List ${kind}s by name`,
      params: nothing,
      query: listQuerySchema,
      body: null,
      answer: { status: 200, description: "One page", schema: listSchema(stored) },
      handle: async ({ query }) => {
        const read = (after: string | null, limit: number) => deps.store.list(kind, after ?? "", limit);
        const page = await pageOf(query, ({ name }: StoredPolicy) => name, nameSchema, read);
        return { status: 200, body: { ...page, items: page.items.map(({ name, spec }) => ({ name, spec })) } };
      },
    }),
    route({
      name: `${file}-get`,
      method: "GET",
      path: `${path}/{name}`,
      access: ["Latchkey.Admin", "Latchkey.Auditor"],
      summary: `One ${kind}`,
      params: paramsSchema,
      query: nothing,
      body: null,
      answer: { status: 200, description: `The ${kind}`, schema },
      handle: async ({ params }) => {
        const { spec, etag } = await findPolicy(deps.store, kind, params.name);
        return { status: 200, headers: { etag }, body: spec };
      },
    }),
    route({
      name: `${file}-put`,
      method: "PUT",
      path: `${path}/{name}`,
      access: ["Latchkey.Admin"],
      summary: `Create (If-None-Match: *) or replace (If-Match) a ${kind}`,
      params: paramsSchema,
      query: nothing,
      body: schema,
      answer: { status: 200, description: "As stored", schema },
      handle: async ({ params, body, preconditions, caller: by, rule, correlationId }) => {
        if ("resourceId" in body) refuseMisfit(deps.grantProblems(body));
        const { etag } = await putPolicy(deps, kind, params.name, body, readSeen(preconditions), {
          by,
          rule,
          correlationId,
        });
        return { status: 200, headers: { etag }, body };
      },
    }),
    route({
      name: `${file}-delete`,
      method: "DELETE",
      path: `${path}/{name}`,
      access: ["Latchkey.Admin"],
      summary: `Delete a ${kind} (If-Match)`,
      params: paramsSchema,
      query: nothing,
      body: null,
      answer: { status: 204, description: "It is gone" },
      handle: async ({ params, preconditions, caller: by, rule, correlationId }) => {
        await deletePolicy(deps, kind, params.name, readEtag(preconditions.ifMatch), { by, rule, correlationId });
        return { status: 204 };
      },
    }),
  ];
}
