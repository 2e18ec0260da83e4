import { expect, test } from "vitest";
import type { PlanLine } from "../../../../../shared/purge/plan-line.ts";
import {
  DOCKER_IMAGE,
  digestOf,
  fakeFacts,
  fakeRegistry,
  OCI_IMAGE,
  OCI_INDEX,
} from "../../../../support/fakes-purge.ts";
import { daysAgo, gatherFrom, LOGIN_SERVER, planOf, REPOSITORY } from "../../../../support/purge-plan.ts";

const OLD = daysAgo(30);
const part = (word: string, sizeBytes: number) => ({ digest: digestOf(word), sizeBytes });
const freed = (lines: readonly PlanLine[]) =>
  lines.flatMap(({ action, freedBytes, isEstimate }) => (action === "delete" ? [[freedBytes, isEstimate]] : []));

/** Two images that go and one that stays share a layer of 1,000; the two share one of 100. */
function shared() {
  const registry = fakeRegistry();
  const facts = fakeFacts();
  const known = ["one", "two", "kept"].map((word, index) => {
    const parts = [part("base", 1_000), part(word, 10 ** index), ...(word === "kept" ? [] : [part("both", 100)])];
    const digest = digestOf(word);
    const updatedAt = word === "kept" ? daysAgo(1) : OLD + index;
    registry.push(REPOSITORY, { digest, tags: [word], parts, updatedAt, sizeBytes: 5_000 });
    return { digest, mediaType: OCI_IMAGE, subject: null, children: [], parts };
  });
  return { registry, facts, known, key: `${LOGIN_SERVER}/${REPOSITORY}` };
}

test("parts that stay are not counted, parts of two that go once, at the first", async () => {
  const { registry, facts, known, key } = shared();
  facts.kept.set(key, known);
  expect(freed(await planOf(registry, { facts }))).toEqual([
    [101, false],
    [10, false],
  ]);
  const gathered = await gatherFrom(registry, { facts });
  if (gathered.kind !== "planned") throw new Error("not planned");
  expect([...gathered.lines]).toEqual([...gathered.lines]);
  expect(gathered.counts).toMatchObject({ toDelete: 2, toKeep: 1, bytesToFree: 111, bytesEstimated: 0, tagsToGo: 2 });
});
test("while something that stays is not known, the listing's size is the estimate", async () => {
  const registry = fakeRegistry();
  registry.push(REPOSITORY, { mediaType: DOCKER_IMAGE, tags: ["new"], updatedAt: daysAgo(1) });
  registry.push(REPOSITORY, { tags: ["old"], updatedAt: OLD, sizeBytes: 5_000 });
  registry.push(REPOSITORY, { mediaType: OCI_INDEX, tags: ["index"], updatedAt: OLD, sizeBytes: 700 });
  registry.push(REPOSITORY, { mediaType: DOCKER_IMAGE, tags: ["untold"], updatedAt: OLD, sizeBytes: null });
  const lines = await planOf(registry);
  expect(freed(lines).sort()).toEqual([
    [0, false],
    [0, true],
    [5_000, true],
  ]);
});
