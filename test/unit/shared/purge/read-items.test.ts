import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PlanLine } from "../../../../shared/purge/plan-line.ts";
import { type ItemFilter, type PurgeItem, readItems } from "../../../../shared/purge/read-items.ts";
import { digestOf } from "../../../support/fakes-purge.ts";
import { ANY, fakePlan, planLine, reportLine } from "../../../support/fakes-purge-items.ts";

/** All pages, and how many there were. */
async function allOf(lines: readonly unknown[], view: "plan" | "report", filter: ItemFilter, limit: number) {
  const source = { blob: "plans/x.jsonl", view };
  const items: PurgeItem[] = [];
  let pages = 0;
  for (let from: number | null = 0; from !== null; pages++) {
    const page: Awaited<ReturnType<typeof readItems>> = await readItems(fakePlan(lines), source, filter, from, limit);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    from = page.next;
  }
  return { items, pages };
}

describe("readItems", () => {
  test("what a line says to people, without what the run saw for itself", async () => {
    const line = planLine();
    const { seen: _, ...item } = line;
    expect((await allOf([line], "plan", ANY, 10)).items).toEqual([item]);
    expect((await allOf([reportLine()], "report", ANY, 10)).items).toEqual([reportLine()]);
  });

  test("pages of any size give every item that fits once, in order, and end", async () => {
    const repository = fc.constantFrom("a", "b/c");
    const line = fc
      .record({
        repository,
        action: fc.constantFrom<PlanLine["action"]>("delete", "keep"),
        rules: fc.constantFrom<string[]>(["old"], ["old", "rest"], []),
        reason: fc.constantFrom<PlanLine["reason"]>("matched", "young"),
      })
      .map((changes) => planLine({ ...changes, digest: digestOf(JSON.stringify(changes)) }));
    const unread = repository.map((name) => ({ repository: name, unread: "UPSTREAM_TIMEOUT" }));
    const filter: fc.Arbitrary<ItemFilter> = fc.record({
      action: fc.constantFrom("delete", null),
      reason: fc.constantFrom("young", null),
      rule: fc.constantFrom("rest", null),
      repository: fc.constantFrom("b/c", null),
      outcome: fc.constant(null),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 5, arbitrary: line }, unread), { maxLength: 40 }),
        filter,
        fc.integer({ min: 1, max: 7 }),
        async (lines, asked, limit) => {
          const expected = lines.filter((one) => {
            if (asked.repository !== null && one.repository !== asked.repository) return false;
            if ("unread" in one) return [asked.action, asked.reason, asked.rule].every((part) => part === null);
            return (
              (asked.action === null || asked.action === one.action) &&
              (asked.reason === null || asked.reason === one.reason) &&
              (asked.rule === null || one.rules.includes(asked.rule))
            );
          });
          const { items } = await allOf(lines, "plan", asked, limit);
          const shown = expected.map((one) => {
            if ("unread" in one) return one;
            const { seen: _, ...item } = one;
            return item;
          });
          expect(items).toEqual(shown);
        },
      ),
    );
  });

  test("by outcome: in a report", async () => {
    const lines = [reportLine(), reportLine({ outcome: "failed", failure: "405 UNSUPPORTED" })];
    const { items } = await allOf(lines, "report", { ...ANY, outcome: "failed" }, 10);
    expect(items).toEqual([lines[1]]);
  });

  test("a damaged line is shown whatever is asked for, and hides no other", async () => {
    const lines = [planLine({ repository: "a" }), undefined, { repository: 1 }, planLine({ repository: "b" })];
    const { items } = await allOf(lines, "plan", { ...ANY, repository: "b" }, 10);
    expect(items).toMatchObject([{ damaged: true }, { damaged: true }, { repository: "b" }]);
  });

  test("a filter that fits nothing reads a bounded piece, and says where it goes on", async () => {
    const lines = Array.from({ length: 50_001 }, () => planLine());
    const source = { blob: "plans/x.jsonl", view: "plan" } as const;
    const page = await readItems(fakePlan(lines), source, { ...ANY, repository: "none" }, 0, 100);
    expect(page.items).toEqual([]);
    expect(page.next).toBe(50_000 * lengthOf(planLine()));
    expect((await readItems(fakePlan(lines), source, ANY, page.next ?? 0, 100)).items).toHaveLength(1);
  });

  test("very long lines end a page before its limit", async () => {
    const tags = Array.from({ length: 10_000 }, (_, n) => `${n}`.padStart(128, "t"));
    const lines = Array.from({ length: 10 }, () => planLine({ tags }));
    const source = { blob: "plans/x.jsonl", view: "plan" } as const;
    const { items, next } = await readItems(fakePlan(lines), source, ANY, 0, 100);
    expect(items).toHaveLength(4);
    expect(next).toBe(4 * lengthOf(planLine({ tags })));
    expect((await allOf(lines, "plan", ANY, 100)).items).toHaveLength(10);
  });

  test("no such blob is NOT_FOUND", async () => {
    const source = { blob: "plans/other.jsonl", view: "plan" } as const;
    await expect(readItems(fakePlan([]), source, ANY, 0, 1)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

function lengthOf(line: unknown): number {
  return JSON.stringify(line).length + 1;
}
