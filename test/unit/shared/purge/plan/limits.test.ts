import { expect, test } from "vitest";
import { limitOf } from "../../../../../shared/purge/plan/limits.ts";
import { addCounts } from "../../../../../shared/purge/plan/plan-counts.ts";
import { noCounts } from "../../../../../shared/purge/run.ts";
import { fakeRegistry } from "../../../../support/fakes-purge.ts";
import { daysAgo, gatherFrom, REPOSITORY, rule } from "../../../../support/purge-plan.ts";

test.each([
  [{ toDelete: 6, toUntag: 4, manifests: 60 }, { maxItems: 10, maxSharePercent: 10 }, null],
  [{ toDelete: 6, toUntag: 5, manifests: 60 }, { maxItems: 10, maxSharePercent: 10 }, "PURGE_LIMIT"],
  [{ toDelete: 6, toUntag: 0, manifests: 59 }, { maxItems: 10, maxSharePercent: 10 }, "PURGE_LIMIT"],
  [{ toDelete: 5, toUntag: 0, manifests: 5 }, { maxItems: 5, maxSharePercent: 100 }, null],
  [{ toDelete: 5, toUntag: 0, manifests: 5 }, { maxItems: 5, maxSharePercent: 99 }, "PURGE_LIMIT"],
  [{ toDelete: 0, toUntag: 0, manifests: 0 }, { maxItems: 1, maxSharePercent: 1 }, null],
])("%o within %o: %s", (counts, limits, expected) => {
  expect(limitOf(counts, limits)).toBe(expected);
});
test("fifty tags that one image loses are fifty items", async () => {
  const registry = fakeRegistry();
  const tags = Array.from({ length: 50 }, (_, index) => `v${index}`);
  registry.push(REPOSITORY, { tags: [...tags, "keep"], updatedAt: daysAgo(30) });
  registry.push(REPOSITORY, { tags: ["v50", "v51"], updatedAt: daysAgo(30) });
  const gathered = await gatherFrom(registry, { rules: [rule({ tags: "v.*" })] });
  if (gathered.kind !== "planned") throw new Error("The repository was not planned.");
  const { counts } = gathered;
  expect(counts).toMatchObject({ toDelete: 1, toUntag: 50, tagsToGo: 52, toKeep: 1 });
  expect(limitOf(counts, { maxItems: 51, maxSharePercent: 100 })).toBeNull();
  expect(limitOf(counts, { maxItems: 50, maxSharePercent: 100 })).toBe("PURGE_LIMIT");
});
test("sums are of every count", () => {
  const names = Object.keys(noCounts());
  const one = { ...noCounts(), ...Object.fromEntries(names.map((name, index) => [name, index])) };
  expect(Object.values(addCounts(one, one))).toEqual(names.map((_, index) => index * 2));
});
