/** Columns of tables that hold more than one value. Used by the records. */
import { z } from "zod";

/** A column that holds JSON text of the given shape. */
export function jsonText<S extends z.ZodType>(shape: S) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: "custom", message: "not JSON" });
        return z.NEVER;
      }
    })
    .pipe(shape);
}
