/** HTTP route of the audit trail, for auditors. */
import { z } from "zod";
import type { AuditKeys, ReadAudit } from "../shared/audit/ports.ts";
import { AUDIT_EVENTS, AUDIT_OUTCOMES } from "../shared/audit/record.ts";
import { InputError } from "../shared/errors.ts";
import { keyOfToken, listQuerySchema, listSchema, tokenOf } from "./lists.ts";
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
/** What is at the place of a record and is none: `audit:verify` says what is wrong. */
const damagedSchema = z
  .object({
    damaged: z.literal(true),
    partition: z.string().describe("its keys in the table Audit, as they stand there"),
    row: z.string(),
  })
  .meta({ id: "DamagedAuditRecord" });
/** Keys of the row where a page ended, as JSON: those of a stranger's row can be any. */
const placeSchema = z.string().refine((text) => readPlace(text) !== null);
const keysSchema = z.tuple([z.string().max(512), z.string().max(512)]);
/** Characters of a token: two keys of 512 characters (Table Storage's limit), escaped in JSON and written in base64. */
const MAX_TOKEN_LENGTH = 8_300;

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
        continuationToken: z.string().min(1).max(MAX_TOKEN_LENGTH).nullable().default(null),
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
      answer: {
        status: 200,
        description:
          "One page, by day, writer and sequence. It can hold fewer records than asked for, or none, and a token all the same: the end is where no token is.",
        schema: listSchema(z.union([recordSchema, damagedSchema])),
      },
      handle: async ({ query: { from, to, principal, resource, limit, continuationToken } }) => {
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
        const after = continuationToken === null ? null : readPlace(keyOfToken(continuationToken, placeSchema));
        const { items, next } = await deps.readAudit(query, after, limit);
        const body = { items, continuationToken: next === null ? null : tokenOf(placeOf(next)) };
        return { status: 200, body };
      },
    }),
  ];
}

function placeOf({ partition, row }: AuditKeys): string {
  return JSON.stringify([partition, row]);
}

function readPlace(text: string): AuditKeys | null {
  try {
    const [partition, row] = keysSchema.parse(JSON.parse(text));
    return { partition, row };
  } catch {
    return null;
  }
}
