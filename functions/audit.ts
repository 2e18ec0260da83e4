/** HTTP route of the audit trail, for auditors. */
import { z } from "zod";
import type { AuditPlace, ReadAudit } from "../shared/audit/ports.ts";
import { AUDIT_EVENTS, AUDIT_OUTCOMES, type AuditRow } from "../shared/audit/record.ts";
import { InputError } from "../shared/errors.ts";
import { listQuerySchema, listSchema, pageOf } from "./lists.ts";
import { nothing, type Route, route } from "./route.ts";

/** How far back a question without `from` goes. */
const DEFAULT_DAYS = 7;
const DAY_MS = 86_400_000;

const recordSchema = z
  .object({
    at: z.iso.datetime(),
    event: z.enum(AUDIT_EVENTS),
    outcome: z.enum(AUDIT_OUTCOMES),
    principalId: z.string(),
    issuer: z.string(),
    tenantId: z.string(),
    resourceId: z.string(),
    leaseId: z.string().nullable(),
    rule: z.string(),
    correlationId: z.string(),
    detail: z.record(z.string(), z.unknown()),
    credentialMac: z.string().nullable(),
    writerId: z.string(),
    sequence: z.int(),
    prevHash: z.string(),
    hash: z.string(),
  })
  .meta({ id: "AuditRecord" });
/** Place of the last record of a page. */
const placeSchema = z.string().regex(/^\d{8}~[0-9a-f-]{36}~\d{8}$/);

/** What this route needs. */
export type AuditRoutesDeps = { readonly readAudit: ReadAudit; readonly now: () => Date };

/** Who got what, by which rule, when. */
export function auditRoutes(deps: AuditRoutesDeps): Route[] {
  return [
    route({
      name: "audit-list",
      method: "GET",
      path: "audit",
      access: ["Latchkey.Auditor"],
      summary: "Read the audit trail by time, principal and resource",
      params: nothing,
      query: listQuerySchema.extend({
        from: z.iso.datetime().nullable().default(null).describe("inclusive; a week ago unless given"),
        to: z.iso.datetime().nullable().default(null).describe("exclusive; now unless given"),
        principal: z.string().min(1).max(300).nullable().default(null),
        resource: z
          .string()
          .min(1)
          .max(1024)
          .nullable()
          .default(null)
          .describe("canonical id, in the case that records have"),
      }),
      body: null,
      answer: { status: 200, description: "One page, by day, writer and sequence", schema: listSchema(recordSchema) },
      handle: async ({ query: { from, to, principal, resource, ...page } }) => {
        const now = deps.now();
        const query = {
          from: from === null ? new Date(now.getTime() - DEFAULT_DAYS * DAY_MS) : new Date(from),
          // Up to and with this second.
          to: to === null ? new Date(now.getTime() + 1000) : new Date(to),
          principalId: principal,
          resourceId: resource,
        };
        if (query.from >= query.to) {
          throw new InputError("INVALID_REQUEST", "The time asked for is empty. Give a from that is before to.", {
            problems: [{ path: "/from", expected: "a time before to" }],
          });
        }
        const read = (after: string | null, limit: number) => deps.readAudit(query, readPlace(after), limit);
        return { status: 200, body: await pageOf(page, placeOf, placeSchema, read) };
      },
    }),
  ];
}

function placeOf({ at, writerId, sequence }: AuditRow): string {
  return `${at.slice(0, 10).replaceAll("-", "")}~${writerId}~${String(sequence).padStart(8, "0")}`;
}

function readPlace(text: string | null): AuditPlace | null {
  if (text === null) return null;
  const [day = "", writerId = "", sequence = ""] = text.split("~");
  return { day, writerId, sequence: Number(sequence) };
}
