/** Text that people write and that becomes part of a record: reasons, labels. Used by the schemas of requests. */
import { z } from "zod";

/**
 * One line of text.
 * Control characters could outgrow a column when they are escaped. Line and paragraph separators end a line for readers
 * of the trail, and for what takes a batch of Table Storage apart by lines.
 * @param min fewest characters
 * @param max most characters
 */
export function lineSchema(min: number, max: number) {
  return z
    .string()
    .regex(
      new RegExp(`^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]{${min},${max}}$`, "u"),
      `${min} to ${max} characters, no control characters, no line separators`,
    );
}
