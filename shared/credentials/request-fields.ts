/** The members that requests of every resource type share. Used by the schema of each type. */
import { z } from "zod";
import { nameSchema } from "../names.ts";
import { lineSchema } from "../plain-text.ts";

/** Longest reason, in characters: one sentence or two, far below what a column takes. */
export const MAX_REASON_LENGTH = 500;

/** Why somebody asks, kept in the audit trail. */
export const reasonSchema = lineSchema(1, MAX_REASON_LENGTH)
  .nullable()
  .default(null)
  .describe("kept in the audit trail");

/** For whose work, and why. Null: any place where the caller is a member. */
export const requestFields = {
  project: nameSchema.nullable().default(null),
  domain: nameSchema.nullable().default(null),
  reason: reasonSchema,
};

/** Life of forms that nobody can choose one for. */
export const noTtlSchema = z.null().default(null).describe("nobody chooses the life of this form");

/** Seconds of a life that somebody may choose, from `min` to `max`. */
export type TtlRange = { readonly min: number; readonly max: number };
/** Life of a credential; null: as long as is usual, or as is allowed if that is less. */
export function ttlSchema({ min, max }: TtlRange) {
  return z.int().min(min).max(max).nullable().default(null);
}

/** Rights of a type: each at most once. */
export function accessSchema<const T extends readonly [string, ...string[]]>(rights: T) {
  return z
    .array(z.enum(rights))
    .min(1)
    .max(rights.length)
    .refine((access) => new Set(access).size === access.length, "each right once");
}
