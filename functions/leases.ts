/** HTTP routes of leases: list, look, renew, revoke. */
import { z } from "zod";
import { RESOURCE_TYPES } from "../shared/connectors/resource-type.ts";
import type { IssueDeps } from "../shared/credentials/issue.ts";
import { LEASE_STATES, type Lease, stateOf } from "../shared/credentials/lease.ts";
import { findVisibleLease, listIrrevocable, listLeases, seesAll } from "../shared/credentials/look.ts";
import type { DamagedLease, LeaseStore } from "../shared/credentials/ports.ts";
import { renewLease } from "../shared/credentials/renew.ts";
import { renewRequestSchema } from "../shared/credentials/request.ts";
import { revokeLease } from "../shared/credentials/revoke.ts";
import { ConflictError } from "../shared/errors.ts";
import type { Principal } from "../shared/principal.ts";
import { scopeSchema, writtenScope } from "../shared/scope.ts";
import { issuedAnswer, issuedSchema } from "./credentials.ts";
import { listQuerySchema, listSchema, pageOf } from "./lists.ts";
import { nothing, type Route, route } from "./route.ts";

const leaseIdSchema = z.string().regex(/^[0-9a-f]{12}-[a-z2-7]{26}$/, "expected a lease id");
const paramsSchema = z.strictObject({ leaseId: leaseIdSchema });
const leaseSchema = z
  .object({
    id: z.string(),
    state: z
      .enum(LEASE_STATES)
      .describe("revoking: what it left in Azure is being removed; irrevocable: that failed for good"),
    principal: z.string(),
    connectorId: z.string(),
    resourceType: z.enum(RESOURCE_TYPES),
    resourceId: z.string(),
    access: z.array(z.string()),
    scope: scopeSchema,
    form: z.string(),
    project: z.string().nullable(),
    domain: z.string().nullable(),
    reason: z.string().nullable(),
    rule: z.string(),
    issuedAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable().describe("null: the credential has no end"),
    mintedAt: z.iso
      .datetime()
      .describe("when the credential that is out now was made: at issuing or at the last renewal"),
    refreshAfter: z.iso.datetime().nullable(),
    maxUntil: z.iso.datetime(),
    revocation: z.enum(["immediate", "delayed", "expiry-only"]),
    exposedUntil: z.iso.datetime().nullable().describe("null: until somebody rotates it"),
    upstream: z.record(z.string(), z.string()).describe("names of what was read or made, e.g. the version of a secret"),
    endedAt: z.iso.datetime().nullable().describe("when somebody or the sweep ended it"),
    revokeAttempts: z
      .int()
      .describe("how often removing what it left in Azure has failed; after 6 times it is irrevocable"),
  })
  .meta({ id: "Lease" });
/** A record that cannot be read: whoever looks at all leases must see that it is there. */
const damagedLeaseSchema = z.object({ id: z.string(), damaged: z.literal(true) }).meta({ id: "DamagedLease" });

/** What these routes need: that of issuing serves all of them. */
export type LeaseRoutesDeps = IssueDeps;

/** One's own leases, and for administrators and auditors those of all. */
export function leaseRoutes(deps: LeaseRoutesDeps): Route[] {
  const itemOf = (item: Lease | DamagedLease) => ("damaged" in item ? item : viewOf(item));
  const viewOf = ({ principalHash: _, principal, ...lease }: Lease): z.input<typeof leaseSchema> => ({
    ...lease,
    access: [...lease.access],
    scope: writtenScope(lease.scope),
    state: stateOf(lease, deps.now()),
    principal: principal.id,
  });
  /** The leases, of which this one must be as the caller saw it when it is read next; whoever may not see it learns nothing. */
  const seenAs = async (etag: string, leaseId: string, caller: Principal): Promise<LeaseStore> => {
    await findVisibleLease(deps.leases, leaseId, caller);
    let isRead = false;
    return {
      ...deps.leases,
      async find(id) {
        const found = await deps.leases.find(id);
        if (!isRead && found !== null && found.etag !== etag) throw notAsSeen();
        isRead = true;
        return found;
      },
    };
  };
  return [
    route({
      name: "leases-list",
      method: "GET",
      path: "leases",
      access: ["Latchkey.User", "Latchkey.Auditor", "Latchkey.Admin"],
      summary: "List one's own leases; administrators and auditors list all, or with mine=true their own",
      params: nothing,
      query: listQuerySchema.extend({
        mine: z.enum(["true", "false"]).default("false"),
        state: z.enum(["irrevocable"]).nullable().default(null).describe("only those that could not be ended"),
      }),
      body: null,
      answer: { status: 200, description: "One page", schema: listSchema(z.union([leaseSchema, damagedLeaseSchema])) },
      handle: async ({ query: { mine, state, ...query }, caller }) => {
        const holder = mine === "false" && seesAll(caller) ? null : caller;
        const read = (after: string | null, limit: number) =>
          state === null
            ? listLeases(deps.leases, { holder, after, limit })
            : listIrrevocable(deps, { holder, after, limit });
        const page = await pageOf(query, ({ id }: Lease | DamagedLease) => id, leaseIdSchema, read);
        return { status: 200, body: { ...page, items: page.items.map(itemOf) } };
      },
    }),
    route({
      name: "leases-get",
      method: "GET",
      path: "leases/{leaseId}",
      access: ["Latchkey.User", "Latchkey.Auditor", "Latchkey.Admin"],
      summary: "Look at a lease; the credential is never shown again",
      params: paramsSchema,
      query: nothing,
      body: null,
      answer: { status: 200, description: "The lease", schema: leaseSchema },
      handle: async ({ params, caller }) => {
        const { lease, etag } = await findVisibleLease(deps.leases, params.leaseId, caller);
        return { status: 200, headers: { etag }, body: viewOf(lease) };
      },
    }),
    route({
      name: "leases-renew",
      method: "POST",
      path: "leases/{leaseId}/renew",
      isLimited: true,
      access: ["Latchkey.User"],
      summary: "Renew one's own lease: same id, new secret, policy asked anew",
      params: paramsSchema,
      query: nothing,
      body: renewRequestSchema,
      answer: { status: 200, description: "The lease with its new credential", schema: issuedSchema },
      handle: async ({ params, body, caller, correlationId }) =>
        issuedAnswer(200, await renewLease(deps, params.leaseId, body.ttlSeconds, caller, correlationId)),
    }),
    route({
      name: "leases-revoke",
      method: "DELETE",
      path: "leases/{leaseId}",
      access: ["Latchkey.User", "Latchkey.Admin"],
      // Ending is urgent, and ending twice is once: nobody has to look first.
      summary:
        "End a lease: does what can be done, and says what cannot and until when. If-Match is not needed; one that is given must fit",
      params: paramsSchema,
      query: nothing,
      body: null,
      answer: {
        status: 200,
        description: "The lease, what was done and what was not",
        schema: leaseSchema
          .extend({ done: z.array(z.string()), notDone: z.array(z.string()) })
          .meta({ id: "RevokedLease" }),
      },
      handle: async ({ params, preconditions: { ifMatch }, caller, rule, correlationId }) => {
        const isAnyVersion = ifMatch === null || ifMatch === "*";
        const leases = isAnyVersion ? deps.leases : await seenAs(ifMatch, params.leaseId, caller);
        const context = { rule, correlationId, isAnyVersion };
        const { lease, done, notDone } = await revokeLease({ ...deps, leases }, params.leaseId, caller, context);
        return { status: 200, body: { ...viewOf(lease), done, notDone }, facts: { leaseId: lease.id } };
      },
    }),
  ];
}

function notAsSeen(): ConflictError {
  return new ConflictError(
    "ETAG_MISMATCH",
    "The lease is not as you saw it. GET it again, or end it as it is: leave If-Match out.",
  );
}
