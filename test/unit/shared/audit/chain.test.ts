import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAuditTrail } from "../../../../shared/audit/chain.ts";
import { NOW, now, unavailable } from "../../../support/fakes.ts";
import { auditEvent, auditStore, chainFaults, type InsertFate } from "../../../support/fakes-audit.ts";

const event = (correlationId: string) => auditEvent({ correlationId });
const fates = (...list: InsertFate[]) => {
  const left = [...list];
  return () => left.shift() ?? "works";
};

describe("append", () => {
  test("starts at 1 after an empty hash, and each record follows the one before it", async () => {
    const { store, stored } = auditStore();
    const trail = createAuditTrail({ store, writerId: "w", now });
    await trail.append(event("a"));
    await trail.append(event("b"));
    const [first, second] = stored();
    expect(first).toMatchObject({ sequence: 1, prevHash: "", at: NOW.toISOString(), writerId: "w" });
    expect(second).toMatchObject({ sequence: 2, prevHash: first?.hash, correlationId: "b" });
  });

  test("many at once: no gap, no fork, in the order of the calls", async () => {
    const { store, stored } = auditStore();
    const trail = createAuditTrail({ store, writerId: "w", now });
    const names = Array.from({ length: 50 }, (_, index) => `c-${index}`);
    await Promise.all(names.map((name) => trail.append(event(name))));
    expect(chainFaults(stored())).toEqual([]);
    expect(stored().map(({ correlationId }) => correlationId)).toEqual(names);
  });

  test("a record that never arrived leaves no gap and does not stop the next", async () => {
    const { store, stored } = auditStore(fates("works", "request lost"));
    const trail = createAuditTrail({ store, writerId: "w", now });
    const results = await Promise.allSettled(["a", "b", "c"].map((name) => trail.append(event(name))));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(stored().map(({ correlationId }) => correlationId)).toEqual(["a", "c"]);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("after a lost reply the chain goes on behind the record that arrived", async () => {
    const { store, stored } = auditStore(fates("reply lost"));
    const trail = createAuditTrail({ store, writerId: "w", now });
    await expect(trail.append(event("a"))).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    await trail.append(event("b"));
    expect(stored().map(({ correlationId }) => correlationId)).toEqual(["a", "b"]);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("a lost reply at midnight does not fork the chain", async () => {
    const { store, stored } = auditStore(fates("works", "reply lost"));
    const clock = { at: new Date("2026-11-21T23:59:59.900Z") };
    const trail = createAuditTrail({ store, writerId: "w", now: () => clock.at });
    await trail.append(event("a"));
    await expect(trail.append(event("b"))).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    clock.at = new Date("2026-11-22T00:00:00.100Z");
    await trail.append(event("c"));
    expect(stored().map(({ correlationId, sequence }) => `${correlationId}${sequence}`)).toEqual(["a1", "b2", "c3"]);
    expect(chainFaults(stored())).toEqual([]);
  });

  test("while it is not known whether the last record arrived, nothing is appended", async () => {
    let isReadable = false;
    const { store, stored } = auditStore(fates("reply lost"), () => isReadable);
    const trail = createAuditTrail({ store, writerId: "w", now });
    await expect(trail.append(event("a"))).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    await expect(trail.append(event("b"))).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    isReadable = true;
    await trail.append(event("c"));
    expect(stored().map(({ correlationId }) => correlationId)).toEqual(["a", "c"]);
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
    await expect(trail.append(event("a"))).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE", retryable: true });
    expect(asked).toBeLessThan(20);
  });

  test("whatever is lost, whenever, with the day changing: what is stored is one chain, and holds all that was promised", async () => {
    const step = fc.record({
      fate: fc.constantFrom<InsertFate>("works", "works", "request lost", "reply lost"),
      isReadable: fc.boolean(),
      hours: fc.constantFrom(0, 0, 0, 13),
      isAlone: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        let at = NOW.getTime();
        let isReadable = true;
        const inserts = fates(...steps.map(({ fate }) => fate));
        const { store, stored } = auditStore(inserts, () => isReadable);
        const trail = createAuditTrail({ store, writerId: "w", now: () => new Date(at) });
        const promised: string[] = [];
        const waiting: Promise<void>[] = [];
        for (const [index, { hours, isAlone, isReadable: readable }] of steps.entries()) {
          at += hours * 3_600_000;
          isReadable = readable;
          const name = `c-${index}`;
          const done = trail.append(event(name)).then(
            () => void promised.push(name),
            () => undefined,
          );
          waiting.push(done);
          if (isAlone) await done;
        }
        await Promise.all(waiting);
        expect(chainFaults(stored())).toEqual([]);
        const kept = stored().map(({ correlationId }) => correlationId);
        expect(kept).toEqual(expect.arrayContaining(promised));
        expect(new Set(kept).size).toBe(kept.length);
      }),
      { numRuns: 150 },
    );
  });
});
