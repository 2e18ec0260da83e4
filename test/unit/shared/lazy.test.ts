import { expect, test } from "vitest";
import { lazy } from "../../../shared/lazy.ts";

test("does nothing before its first use, and makes once for all who ask", async () => {
  let made = 0;
  const get = lazy(async () => ++made);
  expect(made).toBe(0);
  expect(await Promise.all([get(), get(), get()])).toEqual([1, 1, 1]);
  expect(await get()).toBe(1);
});

test("a failure reaches all who wait, is forgotten, and the next call tries again", async () => {
  let tries = 0;
  const get = lazy(async () => {
    tries += 1;
    if (tries === 1) throw new Error("first");
    return tries;
  });
  const [first, second] = [get(), get()];
  await expect(first).rejects.toThrow("first");
  await expect(second).rejects.toThrow("first");
  expect(await get()).toBe(2);
});
