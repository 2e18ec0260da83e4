import { describe, expect, test } from "vitest";
import { createAuditTrail } from "../../../../shared/audit/chain.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import { NOW, now } from "../../../support/fakes.ts";
import { auditEvent, auditStore, chainFaults } from "../../../support/fakes-audit.ts";

const names = (count: number) => Array.from({ length: count }, (_, index) => `c-${index}`);
const settled = async (calls: readonly Promise<void>[]) =>
  (await Promise.allSettled(calls)).map(({ status }) => status === "fulfilled");

describe("a record that the table refuses", () => {
  /** Refuses with this status whatever holds one of the `bad` records. */
  function refusing(status: number, bad: readonly string[], clock: () => Date = now, onRefusal = () => {}) {
    const audit = auditStore();
    const store: typeof audit.store = {
      ...audit.store,
      async insert(rows) {
        if (!rows.some(({ correlationId }) => bad.includes(correlationId))) return audit.store.insert(rows);
        audit.batches.push(rows.map(({ correlationId }) => correlationId));
        await new Promise(setImmediate);
        onRefusal();
        throw new UpstreamError("AUDIT_UNAVAILABLE", "x", {
          retryable: false,
          failure: { name: "RestError", status, code: "InvalidInput" },
        });
      },
    };
    const trail = createAuditTrail({ store, writerId: "w", now: clock });
    const kept = () => audit.stored().toSorted((left, right) => left.sequence - right.sequence);
    return { ...audit, kept, append: (name: string) => trail.append(auditEvent({ correlationId: name })) };
  }

  test.each([400, 413])("%d: only its own caller is told so, and the chain has no gap", async (status) => {
    const { append, batches, kept } = refusing(status, ["c-2", "c-5"]);
    expect(await settled(names(7).map(append))).toEqual([true, true, false, true, true, false, true]);
    expect(batches.map(({ length }) => length)).toEqual([1, 6, 1, 1, 1, 1, 1, 1]);
    await append("next");
    expect(kept().map(({ correlationId }) => correlationId)).toEqual(["c-0", "c-1", "c-3", "c-4", "c-6", "next"]);
    expect(chainFaults(kept())).toEqual([]);
  });

  test("alone it is written once and refused", async () => {
    const { append, batches, stored } = refusing(400, ["bad"]);
    await expect(append("bad")).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE", retryable: false });
    expect([batches.length, stored()]).toEqual([1, []]);
  });

  test.each([401, 403, 404, 408, 412, 429, 500, 503])(
    "%d says nothing of a record: all are refused at once",
    async (status) => {
      const { append, batches } = refusing(status, ["c-2"]);
      expect(await settled(names(4).map(append))).toEqual([true, false, false, false]);
      expect(batches).toHaveLength(2);
    },
  );

  test("while they are written one by one, what has waited too long is given up", async () => {
    let at = NOW.getTime();
    const { append, kept } = refusing(
      400,
      ["c-1", "c-2"],
      () => new Date(at),
      () => {
        at += 8_000;
      },
    );
    expect(await settled(names(5).map(append))).toEqual([true, false, false, false, false]);
    await append("next");
    expect(kept().map(({ correlationId }) => correlationId)).toEqual(["c-0", "next"]);
    expect(chainFaults(kept())).toEqual([]);
  });
});
