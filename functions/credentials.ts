/** HTTP routes of credentials: issue. */
import { z } from "zod";
import { type PlanDeps, plan } from "../shared/access/plan.ts";
import { RESOURCE_TYPES } from "../shared/connectors/resource-type.ts";
import { type IssueDeps, type Issued, issueCredential } from "../shared/credentials/issue.ts";
import { askOf, credentialRequestSchema } from "../shared/credentials/request.ts";
import { scopeSchema, writtenScope } from "../shared/scope.ts";
import { planAnswer } from "./access.ts";
import { connectorParamsSchema } from "./connectors.ts";
import { type Answer, type Route, route } from "./route.ts";

const mountSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("FILE"), path: z.string().describe("a proposal"), name: z.string() }),
  z.object({ kind: z.literal("ENV_VAR"), variable: z.string() }),
]);
const credentialSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("sas"), accountUrl: z.url(), containerUrl: z.url(), sasToken: z.string() }),
  z.object({ kind: z.literal("acr-access-token"), loginServer: z.string(), token: z.string() }),
  z.object({
    kind: z.literal("docker-login"),
    loginServer: z.string(),
    username: z.string(),
    password: z.string(),
  }),
  z.object({
    kind: z.literal("kubeconfig"),
    kubeconfig: z.string().describe("YAML; may be merged with others"),
    context: z.string().describe("its only context"),
    namespace: z.string().nullable(),
  }),
  z.object({ kind: z.literal("access-token"), token: z.string(), audience: z.string(), tenantId: z.string() }),
  z.object({
    kind: z.literal("secret"),
    value: z.string(),
    version: z.string(),
    contentType: z.string().nullable(),
    mount: mountSchema.nullable().describe("how a task finds it, for requests that say how it is mounted"),
  }),
]);

/** A lease with its credential. */
export const issuedSchema = z
  .object({
    leaseId: z.string(),
    connector: z.object({ id: z.string(), name: z.string() }),
    resourceType: z.enum(RESOURCE_TYPES),
    resourceId: z.string().describe("canonical id"),
    displayName: z.string(),
    access: z.array(z.string()),
    scope: scopeSchema,
    form: z.string(),
    issuedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable().describe("null: the credential has no end"),
    refreshAfter: z.iso.datetime().nullable().describe("from when on to ask again"),
    revocation: z.enum(["immediate", "delayed", "expiry-only"]),
    exposedUntil: z.iso
      .datetime()
      .nullable()
      .describe("the latest moment at which the credential could still work; null: until somebody rotates it"),
    rule: z.string().describe("what allowed it"),
    warnings: z.array(z.string()),
    credential: credentialSchema,
    env: z.record(z.string(), z.string()).describe("environment variables, ready to export"),
  })
  .meta({ id: "IssuedCredential" });

/** What these routes need. */
export type CredentialRoutesDeps = IssueDeps & { readonly access: PlanDeps };

/** Issue, or say who would get what. */
export function credentialRoutes(deps: CredentialRoutesDeps): Route[] {
  return [
    route({
      name: "credentials-issue",
      method: "POST",
      path: "connectors/{nameOrId}/credentials",
      isLimited: true,
      access: ["Latchkey.User", "Latchkey.Admin"],
      summary: "Issue a scoped, short-lived credential; with plan=true only say whether and by which rule",
      params: connectorParamsSchema,
      query: z.strictObject({ plan: z.enum(["true", "false"]).default("false") }),
      body: credentialRequestSchema,
      answer: {
        status: 201,
        description: "The lease with its credential; with plan=true 200 and the plan",
        schema: issuedSchema,
      },
      handle: async ({ params, query, body, caller, correlationId }) => {
        if (query.plan === "true") {
          const ask = askOf(body, await deps.connectorName(params.nameOrId));
          return { status: 200, body: planAnswer(await plan(deps.access, caller, ask)) };
        }
        return issuedAnswer(
          201,
          await issueCredential(deps, { ...body, connector: params.nameOrId }, caller, correlationId),
        );
      },
    }),
  ];
}

/** The only answer that holds a secret. */
export function issuedAnswer(status: number, issued: Issued): Answer {
  const { id: leaseId, resourceId } = issued.lease;
  return { status, body: toAnswer(issued), facts: { connector: issued.connector.name, leaseId, resourceId } };
}

function toAnswer({ lease, connector, displayName, credential, warnings, env }: Issued): z.input<typeof issuedSchema> {
  return {
    leaseId: lease.id,
    connector: { id: connector.id, name: connector.name },
    resourceType: lease.resourceType,
    resourceId: lease.resourceId,
    displayName,
    access: [...lease.access],
    scope: writtenScope(lease.scope),
    form: lease.form,
    issuedAt: lease.issuedAt,
    expiresAt: lease.expiresAt,
    refreshAfter: lease.refreshAfter,
    revocation: lease.revocation,
    exposedUntil: lease.exposedUntil,
    rule: lease.rule,
    warnings: [...warnings],
    credential,
    env: { ...env },
  };
}
