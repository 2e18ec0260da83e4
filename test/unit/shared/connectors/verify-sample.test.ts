/** Which of many are looked at. */
import { expect, test } from "vitest";
import { listedOf } from "../../../../shared/connectors/verify-sample.ts";

test("accounts are taken of each subscription in turn", () => {
  const account = (subscriptionId: string, name: string) => ({ subscriptionId, resourceGroup: "g", account: name });
  const first = ["a", "b", "c", "d"].map((name) => account("one", name));
  const all = [...first, account("two", "e"), account("three", "f")];
  expect(listedOf(all, 4).map((one) => one.account)).toEqual(["a", "e", "f", "b"]);
  expect(listedOf(all, 6)).toBe(all);
  expect(listedOf(all, 0)).toEqual([]);
});
