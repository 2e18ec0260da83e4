import { describe, expect, test } from "vitest";
import { groupBlob, writeIntent } from "../../../../../shared/purge/apply/slice-blobs.ts";
import { MAX_OUTAGE_SECONDS } from "../../../../../shared/purge/run.ts";
import { unavailable } from "../../../../support/fakes.ts";
import {
  digest,
  type EndParts,
  endParts,
  OPEN,
  PLAN,
  planLine,
  REPORT,
  RUN,
  standing,
} from "../../../../support/purge-end.ts";

describe("a run of which a slice broke off amid deletions", () => {
  test.each(["INTERNAL", "STATE_UNAVAILABLE", "AUDIT_UNAVAILABLE", "SIGN_IN_FAILED", "RESOURCE_NOT_FOUND", null])(
    "is not ended by %s: a next slice finds out what was done",
    async (code) => {
      const it = await endParts();
      await it.breakOff();
      await expect(it.end(code)).rejects.toMatchObject({ code: "STATE_UNAVAILABLE", retryable: true });
      expect(await standing(it)).toEqual(OPEN);
      expect(it.lines.blobs.has(groupBlob(RUN, "s1", 0))).toBe(true);
    },
  );

  test("after a day without getting any further it is ended, and says what is not known", async () => {
    const it = await endParts();
    await it.breakOff();
    await expect(it.end("AUDIT_UNAVAILABLE")).rejects.toMatchObject({ retryable: true });
    it.clock.pass(MAX_OUTAGE_SECONDS - 1);
    // Slices write the row, and get nowhere.
    await it.change({ updatedAt: "2026-11-22T09:59:00Z" });
    await expect(it.end("AUDIT_UNAVAILABLE")).rejects.toMatchObject({ retryable: true });
    it.clock.pass(1);
    await it.end("AUDIT_UNAVAILABLE");
    const { warnings, ...run } = await it.run();
    expect(run).toMatchObject({
      state: "failed",
      code: "AUDIT_UNAVAILABLE",
      counts: { deletedManifests: 2, skipped: 3 },
    });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain(`team/app@${digest(2)}, team/app@${digest(3)}`);
    // It was locked, and may be unlocked now.
    expect(warnings[1]).toContain(digest(3));
    expect(warnings[1]).not.toContain(digest(2));
    expect([it.lock(), it.lines.blobs.size]).toEqual([null, 2]);
  });

  test("the day begins anew when it gets further", async () => {
    const it = await endParts();
    await it.breakOff();
    await expect(it.end("INTERNAL")).rejects.toMatchObject({ retryable: true });
    it.clock.pass(MAX_OUTAGE_SECONDS);
    await it.change({ cursor: 3 });
    await expect(it.end("INTERNAL")).rejects.toMatchObject({ retryable: true });
    it.clock.pass(MAX_OUTAGE_SECONDS - 1);
    await expect(it.end("INTERNAL")).rejects.toMatchObject({ retryable: true });
    it.clock.pass(1);
    await it.end("INTERNAL");
    expect((await it.run()).warnings[0]).not.toContain(digest(2));
  });

  test("one whose registry another has by now can never go on: it ends, and says so", async () => {
    const it = await endParts();
    await it.breakOff();
    await it.end("LOCK_LOST");
    expect(await it.run()).toMatchObject({ state: "failed", code: "LOCK_LOST" });
    expect((await it.run()).warnings[0]).toContain(digest(2));
  });

  test("many are not all named", async () => {
    const it = await endParts();
    await it.breakOff();
    const many = Array.from({ length: 300 }, (_, n) => ({ end: 3 + n, repository: "team/app", digest: digest(n) }));
    await writeIntent(it.lines, RUN, "s1", many);
    await it.end("LOCK_LOST");
    expect((await it.run()).warnings[0]?.split("@")).toHaveLength(21);
    expect((await it.run()).warnings[0]).toContain("280 more");
  });
});

describe("a run whose blobs are damaged or gone ends all the same, gives its lock back, and says so", () => {
  const START = `reports/${RUN}/s1/start.jsonl`;
  test.each<[string, (it: EndParts) => unknown, object]>([
    ["the plan is gone", ({ lines }) => lines.blobs.delete(PLAN), { skipped: 0 }],
    [
      "a line of the plan is damaged",
      ({ lines }) => lines.write(PLAN, [planLine(0), planLine(1), planLine(2), { v: 2 }]),
      { skipped: 1 },
    ],
    [
      "what a slice had begun is damaged",
      ({ lines }) => lines.write(`reports/${RUN}/s1/intent.jsonl`, [{}]),
      { skipped: 3 },
    ],
    [
      "the beginning of a slice is gone",
      ({ lines }) => {
        lines.blobs.delete(START);
        lines.blobs.delete(`reports/${RUN}/s1/intent.jsonl`);
      },
      { skipped: 3 },
    ],
  ])("%s", async (_, damage, counts) => {
    const it = await endParts();
    await it.breakOff();
    await damage(it);
    await it.end("INTERNAL");
    expect(await it.run()).toMatchObject({ state: "failed", code: "INTERNAL", counts });
    expect((await it.run()).warnings.length).toBeGreaterThan(0);
    expect(it.lock()).toBeNull();
    expect(it.events).toHaveLength(1);
  });

  test("the plan, without any other reason to end: failed", async () => {
    const it = await endParts({ cursor: 5 });
    it.lines.blobs.delete(PLAN);
    await it.end(null);
    expect(await it.run()).toMatchObject({ state: "failed", code: "INTERNAL" });
  });

  test("a group of the report: the others are the report", async () => {
    const it = await endParts({ cursor: 5, groups: 2 });
    await it.end(null);
    expect(await it.run()).toMatchObject({ state: "done", reportBlob: REPORT, warnings: [expect.any(String)] });
    expect(it.lines.blobs.get(REPORT)).toEqual(['{"done":0}', '{"done":1}']);
    expect(it.lock()).toBeNull();
  });

  test("the beginning of the slice that rests: its groups cannot be found", async () => {
    const it = await endParts({ cursor: 5 });
    it.lines.blobs.delete(START);
    await it.end(null);
    expect(await it.run()).toMatchObject({ state: "done", reportBlob: REPORT, warnings: [expect.any(String)] });
    expect(it.lines.blobs.get(REPORT)).toEqual([]);
  });

  test("state that fails is no damage", async () => {
    const it = await endParts();
    await it.breakOff();
    it.deps.lines.read = async function* () {
      yield* [];
      throw unavailable("STATE_UNAVAILABLE");
    };
    await expect(it.end("INTERNAL")).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
    expect(await standing(it)).toEqual(OPEN);
  });
});
