/** Grammar of the names that users give to connectors, projects and domains. */
import { z } from "zod";

/** Names that routes use for something else. */
const RESERVED: readonly string[] = ["verify", "explain", "policy", "read"];

/** 1 to 63 of a-z, 0-9 and hyphen. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen")
  .refine((name) => !RESERVED.includes(name), `not one of the reserved names ${RESERVED.join(", ")}`);
