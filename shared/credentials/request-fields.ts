/** The members that requests of every resource type share. Used by the schema of each type. */
import { z } from "zod";
import { nameSchema } from "../names.ts";

/** Why somebody asks, kept in the audit trail. */
export const reasonSchema = z
  .string()
  .regex(/^[^\p{Cc}\p{Cs}]{1,500}$/u, "1 to 500 characters, no control characters")
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

/** Rights of a type: each at most once. */
export function accessSchema<const T extends readonly [string, ...string[]]>(rights: T) {
  return z
    .array(z.enum(rights))
    .min(1)
    .max(rights.length)
    .refine((access) => new Set(access).size === access.length, "each right once");
}
