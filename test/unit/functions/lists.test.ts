import fc from "fast-check";
import { expect, test } from "vitest";
import { listQuerySchema, pageOf } from "../../../functions/lists.ts";
import { nameSchema } from "../../../shared/names.ts";

const tokenOf = (key: string) => Buffer.from(key).toString("base64url");

test("pages of any size give every item once, in order, and end", async () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/), { maxLength: 12 }).map((all) => all.sort());
  await fc.assert(
    fc.asyncProperty(names, fc.integer({ min: 1, max: 5 }), async (all, limit) => {
      const seen: string[][] = [];
      let continuationToken: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof pageOf<string>>> = await pageOf(
          { limit, continuationToken },
          (name) => name,
          nameSchema,
          async (after, count) => all.filter((name) => after === null || name > after).slice(0, count),
        );
        seen.push([...page.items]);
        continuationToken = page.continuationToken;
      } while (continuationToken !== null);
      expect(seen.flat()).toEqual(all);
      // No empty page at the end: a token is given only where there is more.
      expect(seen.length).toBe(Math.max(1, Math.ceil(all.length / limit)));
    }),
  );
});

test.each([
  "x".repeat(300),
  "~",
  "YQ==",
  "YQ ",
  tokenOf("A"),
  tokenOf("n~a"),
  tokenOf("a\n"),
  tokenOf("a' or 'b"),
  tokenOf("ä"),
])("a token that no list gave is refused before anything is read: %j", async (continuationToken) => {
  const read = () => Promise.reject(new Error("read"));
  await expect(pageOf({ limit: 2, continuationToken }, String, nameSchema, read)).rejects.toMatchObject({
    code: "INVALID_REQUEST",
    problems: [{ path: "/continuationToken" }],
  });
});

test("100 items unless asked otherwise, 500 at most", () => {
  expect(listQuerySchema.parse({})).toEqual({ limit: 100, continuationToken: null });
  expect(listQuerySchema.parse({ limit: "500" }).limit).toBe(500);
  for (const limit of ["0", "501", "1.5", "", "x", "-1"])
    expect(listQuerySchema.safeParse({ limit }).success).toBe(false);
});
