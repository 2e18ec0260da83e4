import fc from "fast-check";
import { expect, test } from "vitest";
import {
  batchBlob,
  countsBlobOf,
  inUseBlob,
  planBlob,
  planPartBlob,
  reportBlob,
  unfinishedBlob,
} from "../../../../shared/purge/run-blobs.ts";
import { runId } from "../../../support/fakes-purge-runs.ts";

const place = fc.record({ batch: fc.nat(99_999), slice: fc.nat(99_999) });

test("names of parts sort as the plan is read: by batch, then by slice", () => {
  fc.assert(
    fc.property(place, place, (one, other) => {
      const isBefore = one.batch < other.batch || (one.batch === other.batch && one.slice < other.slice);
      expect(planPartBlob("r", one.batch, one.slice) < planPartBlob("r", other.batch, other.slice)).toBe(isBefore);
    }),
  );
});

test("no two of them are one, of one run or of two", () => {
  const names = [1, 2]
    .map(runId)
    .flatMap((id) => [
      ...[planBlob(id), inUseBlob(id), reportBlob(id)],
      ...[0, 1].flatMap((batch) => [
        ...[batchBlob(id, batch), unfinishedBlob(id, batch)],
        ...[0, 1].flatMap((slice) => [planPartBlob(id, batch, slice), countsBlobOf(planPartBlob(id, batch, slice))]),
      ]),
    ]);
  expect(new Set(names).size).toBe(names.length);
  expect(names.every((name) => name.endsWith(".jsonl"))).toBe(true);
});
