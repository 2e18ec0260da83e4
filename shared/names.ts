/** Grammar of the names that users give to connectors, projects and domains. */
import { z } from "zod";

/** Names that routes use for something else. */
const RESERVED: readonly string[] = ["verify", "explain", "policy", "read"];

/** Names that routes below a registry's purge policies use for something else. */
const RESERVED_FOR_PURGE: readonly string[] = ["import"];

/** 1 to 63 of a-z, 0-9 and hyphen. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen")
  .refine((name) => !RESERVED.includes(name), `not one of the reserved names ${RESERVED.join(", ")}`);

/** A name of a purge policy. */
export const purgePolicyNameSchema = nameSchema.refine(
  (name) => !RESERVED_FOR_PURGE.includes(name),
  `not one of the reserved names ${RESERVED_FOR_PURGE.join(", ")}`,
);
