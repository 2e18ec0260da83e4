import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  listResources,
  type ResourcePosition,
  type ResourcesPage,
} from "../../../../shared/connectors/inventory-answer.ts";
import { createKeepInventory } from "../../../../shared/connectors/inventory-keep.ts";
import { LIST_WINDOW_MS } from "../../../../shared/connectors/list-budget.ts";
import { SUBSCRIPTION } from "../../../support/fakes.ts";
import type { FakeAccount } from "../../../support/fakes-inventory.ts";
import { accounts, namesOf, OTHER, stream, world } from "../../../support/inventory-world.ts";

describe("pages", () => {
  test("are exact over everything, however they are cut, and across places, chunks, types and connectors", async () => {
    const containers = (count: number) => Array.from({ length: count }, (_, at) => `c${String(at).padStart(5, "0")}`);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(0, 0, 1, 2, 7, 999, 1_000, 1_001, 2_500), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(1, 3, 100, 500, 999, 1_000, 1_001, 5_000),
        async (sizes, limit) => {
          const seen = sizes.map(
            (size, at): FakeAccount => ({
              subscription: at % 2 === 0 ? SUBSCRIPTION : OTHER,
              account: `a${at}`,
              containers: containers(limit < 100 ? Math.min(size, 20) : size),
            }),
          );
          const { ask, stored } = world(seen);
          const both = [stored({ resourceTypes: [] }), stored({ name: "second", id: OTHER, resourceTypes: [] })];
          const expected = both.flatMap(({ name }) => [
            ...new Set(seen.map(({ subscription }) => `${name} /subscriptions/${subscription}`)),
            ...seen.flatMap((one) =>
              (Array.isArray(one.containers) ? one.containers : []).map(
                (container) => `${name} ${one.account}/${container}`,
              ),
            ),
          ]);
          const found: string[] = [];
          let after: ResourcePosition | null = null;
          do {
            const from: ResourcePosition | null = after;
            const begun = both.slice(from === null ? 0 : both.findIndex(({ name }) => name === from.connector));
            const page: ResourcesPage = await ask(begun, { limit, after: from });
            expect(page.items.length).toBeLessThanOrEqual(limit);
            const names = namesOf(page);
            found.push(...page.items.map(({ connector: name }, at) => `${name} ${names[at]}`));
            after = page.next;
          } while (after !== null);
          expect(found).toHaveLength(expected.length);
          expect(new Set(found)).toEqual(new Set(expected));
        },
      ),
      { numRuns: 25 },
    );
  });

  test("a page in the midst neither lists anew nor repeats or leaves out what is there all the time", async () => {
    const { ask, stored, azure, pass } = world(accounts(4, ["a", "b"]));
    const one = stored();
    const first = await ask([one], { limit: 3 });
    // Another caller refreshes meanwhile, and one account is gone.
    azure.accounts = accounts(3, ["a", "b"]);
    pass(1_000);
    await ask([one], { isForced: true });
    const second = await ask([one], { limit: 10, after: first.next, isForced: true });
    expect([...namesOf(first), ...namesOf(second)]).toEqual([
      "account0000/a",
      "account0000/b",
      "account0001/a",
      "account0001/b",
      "account0002/a",
      "account0002/b",
    ]);
  });
});

describe("several processes", () => {
  test("refresh at once: the result is whole, and what is not used any more goes in time", async () => {
    const azure = world(accounts(30));
    const one = azure.stored();
    const second = { ...azure.deps, keepInventory: createKeepInventory(azure.deps) };
    const asked = { resourceType: null, isForced: true, after: null, limit: 100 };
    const pages = await Promise.all([azure.ask([one], asked), listResources(second, stream([one]), asked)]);
    expect(pages.map(({ items }) => items.length)).toEqual([30, 30]);
    azure.pass(LIST_WINDOW_MS * 3);
    await azure.ask([one], asked);
    expect([...azure.deps.inventories.blobs.keys()].length).toBeLessThanOrEqual(2);
  });

  test("a summary that is damaged or of another form is listed anew", async () => {
    const { ask, stored, deps } = world(accounts(2));
    const one = stored();
    await ask([one]);
    for (const [name] of deps.inventories.blobs) deps.inventories.blobs.set(name, '{"form":0}');
    expect((await ask([one])).items).toHaveLength(2);
  });
});
