/** Pages of lists: `?limit=&continuationToken=` and the answer. Used by every route that lists. */
import { z } from "zod";
import { InputError } from "../shared/errors.ts";

/** Items on one page, unless asked otherwise. */
const DEFAULT_LIMIT = 100;
/** Most on one page: Table Storage answers 1,000 rows at once, and we read one more. */
const MAX_LIMIT = 500;

/** Query of a list. */
export const listQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
  continuationToken: z.string().min(1).max(300).nullable().default(null),
});

/** Answer of a list of these items. */
export function listSchema<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), continuationToken: z.string().nullable() });
}

/**
 * One page: reads one item more than asked for, to know whether there is a next one.
 * The token is opaque to callers and holds the last key alone, so it can reach nothing that the list does not.
 * @param keySchema what a key looks like
 * @throws InputError INVALID_REQUEST for a token that no list gave
 */
export async function pageOf<T>(
  query: z.output<typeof listQuerySchema>,
  keyOf: (item: T) => string,
  keySchema: z.ZodType<string>,
  read: (after: string | null, limit: number) => Promise<readonly T[]>,
): Promise<{ items: readonly T[]; continuationToken: string | null }> {
  const after = query.continuationToken === null ? null : keyOfToken(query.continuationToken, keySchema);
  const found = await read(after, query.limit + 1);
  const items = found.slice(0, query.limit);
  const last = items.at(-1);
  const more = found.length > query.limit && last !== undefined;
  return { items, continuationToken: more ? tokenOf(keyOf(last)) : null };
}

/** The token of a page that ends with this key. */
export function tokenOf(key: string): string {
  return Buffer.from(key).toString("base64url");
}

/** The key in a token. @throws InputError INVALID_REQUEST for a token that no list gave */
export function keyOfToken(token: string, keySchema: z.ZodType<string>): string {
  const key = keySchema.safeParse(Buffer.from(token, "base64url").toString("utf8"));
  if (key.success && tokenOf(key.data) === token) return key.data;
  throw new InputError("INVALID_REQUEST", "The continuationToken is not one that this list gave. Start without it.", {
    problems: [{ path: "/continuationToken", expected: "a token of this list" }],
  });
}
