import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAuditTrail } from "../../../../shared/audit/chain.ts";
import { NOW, NOW_TEXT, now, unavailable } from "../../../support/fakes.ts";
import { auditEvent, auditStore, chainFaults, type InsertFate } from "../../../support/fakes-audit.ts";

const event = (correlationId: string) => auditEvent({ correlationId });
const names = (count: number) => Array.from({ length: count }, (_, index) => `c-${index}`);
const fates = (...list: InsertFate[]) => {
  const left = [...list];
  return () => left.shift() ?? "works";
};
const UNAVAILABLE = { code: "AUDIT_UNAVAILABLE", retryable: true };

/** A trail over a store in memory; `append` takes a name, `kept` are the names that are stored, in order of the chain. */
function trailOver(fate?: () => InsertFate, clock: () => Date = now, isReadable?: () => boolean) {
  const audit = auditStore(fate, isReadable);
  const trail = createAuditTrail({ store: audit.store, writerId: "w", now: clock });
  const inOrder = () => audit.stored().toSorted((left, right) => left.sequence - right.sequence);
  return {
    ...audit,
    append: (name: string) => trail.append(event(name)),
    kept: () => inOrder().map(({ correlationId }) => correlationId),
  };
}
const settled = async (calls: readonly Promise<void>[]) =>
  (await Promise.allSettled(calls)).map(({ status }) => status === "fulfilled");

describe("append", () => {
  test("starts at 1 after an empty hash, and each record follows the one before it", async () => {
    const { append, stored } = trailOver();
    await append("a");
    await append("b");
    const [first, second] = stored();
    expect(first).toMatchObject({ sequence: 1, prevHash: "", at: NOW_TEXT, writerId: "w" });
    expect(second).toMatchObject({ sequence: 2, prevHash: first?.hash, correlationId: "b" });
  });

  test("many at once: no gap, no fork, in the order of the calls", async () => {
    const { append, stored, kept } = trailOver();
    await Promise.all(names(50).map(append));
    expect(chainFaults(stored())).toEqual([]);
    expect(kept()).toEqual(names(50));
  });

  test("returns only when its own record is stored", async () => {
    const { append, kept } = trailOver();
    await Promise.all(names(130).map((name) => append(name).then(() => expect(kept()).toContain(name))));
  });

  test("a record that never arrived leaves no gap and does not stop the next", async () => {
    const { append, stored, kept } = trailOver(fates("works", "request lost"));
    const results = [];
    for (const name of ["a", "b", "c"]) results.push(...(await settled([append(name)])));
    expect(results).toEqual([true, false, true]);
    expect(kept()).toEqual(["a", "c"]);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("after a lost reply the chain goes on behind the record that arrived", async () => {
    const { append, stored, kept } = trailOver(fates("reply lost"));
    await expect(append("a")).rejects.toMatchObject(UNAVAILABLE);
    await append("b");
    expect(kept()).toEqual(["a", "b"]);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("a lost reply at midnight does not fork the chain", async () => {
    const clock = { at: new Date("2026-11-21T23:59:59.900Z") };
    const { append, stored } = trailOver(fates("works", "reply lost"), () => clock.at);
    await append("a");
    await expect(append("b")).rejects.toMatchObject(UNAVAILABLE);
    clock.at = new Date("2026-11-22T00:00:00.100Z");
    await append("c");
    expect(stored().map(({ correlationId, sequence }) => `${correlationId}${sequence}`)).toEqual(["a1", "b2", "c3"]);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("while it is not known whether the last record arrived, nothing is appended", async () => {
    let isReadable = false;
    const { append, stored, kept } = trailOver(fates("reply lost"), now, () => isReadable);
    await expect(append("a")).rejects.toMatchObject(UNAVAILABLE);
    await expect(append("b")).rejects.toMatchObject(UNAVAILABLE);
    isReadable = true;
    await append("c");
    expect(kept()).toEqual(["a", "c"]);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("a store in which every place is taken is given up, with its own code", async () => {
    let asked = 0;
    const store = {
      async insert() {
        asked += 1;
        return { kind: "conflict" as const, hash: `other-${asked}` };
      },
      hashAt: () => Promise.reject(unavailable("AUDIT_UNAVAILABLE")),
    };
    const trail = createAuditTrail({ store, writerId: "w", now });
    await expect(trail.append(event("a"))).rejects.toMatchObject(UNAVAILABLE);
    expect(asked).toBeLessThan(20);
  });
});

describe("records that wait are written together", () => {
  test("the first at once, then up to 100 in one write, in the order of the calls", async () => {
    const { append, batches, stored, kept } = trailOver();
    await Promise.all(names(250).map(append));
    expect(batches.map(({ length }) => length)).toEqual([1, 100, 100, 49]);
    expect(batches.flat()).toEqual(names(250));
    expect(kept()).toEqual(names(250));
    expect(chainFaults(stored())).toEqual([]);
  });

  test("one after the other: a write never begins before the one before it has ended", async () => {
    const audit = auditStore();
    let underWay = 0;
    let most = 0;
    const store: typeof audit.store = {
      ...audit.store,
      async insert(rows) {
        underWay += 1;
        most = Math.max(most, underWay);
        return audit.store.insert(rows).finally(() => {
          underWay -= 1;
        });
      },
    };
    const trail = createAuditTrail({ store, writerId: "w", now });
    await Promise.all(names(150).map((name) => trail.append(event(name))));
    expect(most).toBe(1);
  });

  test("a write that failed rejects all of its callers and no others", async () => {
    const { append, batches, stored, kept } = trailOver(fates("works", "request lost", "works"));
    const calls = names(150).map(append);
    expect(await settled(calls)).toEqual(names(150).map((_, index) => index === 0 || index > 100));
    expect(batches.map(({ length }) => length)).toEqual([1, 100, 49]);
    expect(kept()).toEqual(["c-0", ...names(150).slice(101)]);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("a defect of the store rejects its callers too, and the next write goes on", async () => {
    let left = 1;
    const { append, kept } = trailOver(() => {
      if (left-- > 0) throw new TypeError("defect");
      return "works";
    });
    await expect(append("a")).rejects.toBeInstanceOf(TypeError);
    await append("b");
    expect(kept()).toEqual(["b"]);
  });

  test("after a lost reply the chain goes on behind the whole write", async () => {
    const { append, stored, kept } = trailOver(fates("works", "reply lost"));
    expect(await settled(["a", "b", "c", "d"].map(append))).toEqual([true, false, false, false]);
    await append("e");
    expect(kept()).toEqual(["a", "b", "c", "d", "e"]);
    expect(chainFaults(stored())).toEqual([]);
  });
});

describe("a record that waited too long", () => {
  /** While the first write is under way, the clock goes on by `waitedMs`; then one more record comes. */
  async function afterWaiting(waitedMs: number) {
    let at = NOW.getTime();
    const calls: Promise<unknown>[] = [];
    const answerOf = (call: Promise<void>) => call.then(() => "written").catch((reason: unknown) => reason);
    const trail = trailOver(
      () => {
        if (trail.batches.length === 1) {
          calls.push(answerOf(trail.append("b")), answerOf(trail.append("c")));
          at += waitedMs;
          calls.push(answerOf(trail.append("d")));
        }
        return "works";
      },
      () => new Date(at),
    );
    await trail.append("a");
    return { ...trail, answers: await Promise.all(calls) };
  }

  test("15 seconds: still written, with those that came after it", async () => {
    const { answers, batches } = await afterWaiting(15_000);
    expect(answers).toEqual(["written", "written", "written"]);
    expect(batches).toEqual([["a"], ["b", "c", "d"]]);
  });

  test("longer: given up and never written; those that came later are", async () => {
    const { answers, batches, stored, kept } = await afterWaiting(15_001);
    expect(answers).toMatchObject([UNAVAILABLE, UNAVAILABLE, "written"]);
    expect(batches).toEqual([["a"], ["d"]]);
    expect(kept()).toEqual(["a", "d"]);
    expect(chainFaults(stored())).toEqual([]);
  });
});

describe("a write that arrives after nobody expects it any more", () => {
  test.each([1, 2, 60])("%d records: the next goes on behind all of them", async (count) => {
    const { append, stored, kept } = trailOver(fates("works", "arrives late"));
    expect(await settled(["first", ...names(count)].map(append))).toEqual([true, ...names(count).map(() => false)]);
    await append("next");
    expect(kept()).toEqual(["first", ...names(count), "next"]);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("behind a later write it finds its place taken, and stores nothing", async () => {
    const { append, arrive, stored, kept } = trailOver(fates("arrives late"));
    await expect(append("late")).rejects.toMatchObject(UNAVAILABLE);
    await append("next");
    const before = kept();
    arrive();
    expect(kept()).toEqual(before);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("one that arrives while the next is lost is found row by row", async () => {
    const { append, stored, kept } = trailOver(fates("arrives late", "request lost"));
    expect(await settled([append("a")])).toEqual([false]);
    expect(await settled([append("b")])).toEqual([false]);
    await append("c");
    expect(kept()).toEqual(["a", "c"]);
    expect(chainFaults(stored())).toEqual([]);
  });
});

describe("whatever is lost, whenever: what is stored is one chain, and holds all that was promised", () => {
  const step = (fate: readonly InsertFate[], hours: readonly number[]) =>
    fc.record({
      fate: fc.constantFrom(...fate),
      isReadable: fc.boolean(),
      hours: fc.constantFrom(...hours),
      calls: fc.integer({ min: 1, max: 4 }),
      isAlone: fc.boolean(),
    });
  test.each([
    ["with the day changing", step(["works", "works", "request lost", "reply lost"], [0, 0, 0, 13])],
    ["with writes that arrive late", step(["works", "request lost", "reply lost", "arrives late"], [0])],
  ])("%s", async (_what, anyStep) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 20 }), async (steps) => {
        let at = NOW.getTime();
        let isReadable = true;
        const { append, stored, kept } = trailOver(
          fates(...steps.map(({ fate }) => fate)),
          () => new Date(at),
          () => isReadable,
        );
        const promised: string[] = [];
        const waiting: Promise<void>[] = [];
        for (const [index, { hours, calls, isAlone, isReadable: readable }] of steps.entries()) {
          at += hours * 3_600_000;
          isReadable = readable;
          const done = names(calls).map((call) =>
            append(`${index}${call}`).then(
              () => void promised.push(`${index}${call}`),
              () => undefined,
            ),
          );
          waiting.push(...done);
          if (isAlone) await Promise.all(done);
        }
        await Promise.all(waiting);
        expect(chainFaults(stored())).toEqual([]);
        expect(kept()).toEqual(expect.arrayContaining(promised));
        expect(new Set(kept()).size).toBe(stored().length);
      }),
      { numRuns: 150 },
    );
  });
});
