import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LimitError, UpstreamError } from "../../../../shared/errors.ts";
import { LEDGER_KEY } from "../../../../shared/store/lease-ledger.ts";
import type { LeaseEntry } from "../../../../shared/store/lease-writer.ts";
import type { Fate } from "../../../support/fake-table.ts";
import { AT, entry, PH, leaseWriterParts as parts, revoked } from "../../../support/fakes-lease-writer.ts";

describe("insert", () => {
  test("a warm one is a single write: no read, one transaction with the ledger", async () => {
    const { newWriter, calls, ledger } = parts(10);
    const writer = newWriter();
    await writer.insert(entry("one"));
    expect(calls).toEqual(["get", "change"]);
    calls.length = 0;
    await writer.insert(entry("two"));
    expect(calls).toEqual(["change"]);
    expect([...ledger().keys()]).toEqual(["one", "two"]);
  });

  test("those that wait share a transaction, 50 at most", async () => {
    const { newWriter, calls, active } = parts(1000);
    const writer = newWriter();
    await Promise.all(Array.from({ length: 121 }, (_, index) => writer.insert(entry(`k${index}`))));
    // The first goes alone: nobody waits for company.
    expect(calls).toEqual(["get", "change", "change", "change", "change"]);
    expect(active()).toHaveLength(121);
  });

  test("at the limit: refused with the time until the first ends, and taken again when it has", async () => {
    const { newWriter, clock, ledger } = parts(2);
    const writer = newWriter();
    await writer.insert(entry("short", AT + 90));
    await writer.insert(entry("long"));
    const refusal = await writer.insert(entry("third")).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(LimitError);
    expect(refusal).toMatchObject({ code: "LEASE_LIMIT", retryAfterSeconds: 90 });
    clock.pass(90);
    await writer.insert(entry("third"));
    expect([...ledger().keys()]).toEqual(["long", "third"]);
  });

  test("room that another process made is seen", async () => {
    const { newWriter, stored } = parts(1);
    const [one, two] = [newWriter(), newWriter()];
    const first = entry("first");
    await one.insert(first);
    await two.replace(revoked(first), stored(first)?.etag ?? "");
    await one.insert(entry("second"));
  });

  test("a batch that does not fit as a whole gets the room that there is", async () => {
    const { newWriter, active } = parts(3);
    const writer = newWriter();
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) => writer.insert(entry(`k${index}`))),
    );
    expect(results.map(({ status }) => status)).toEqual([...Array(3).fill("fulfilled"), ...Array(3).fill("rejected")]);
    expect(active()).toHaveLength(3);
  });

  test("principals do not share a limit", async () => {
    const writer = parts(1).newWriter();
    await writer.insert(entry("a"));
    await writer.insert(entry("a", AT + 60, "000000000000"));
  });

  test("a reply that was lost and sent again is no conflict", async () => {
    const fates: Fate[] = ["done", "repeated"];
    const { newWriter, active, waits } = parts(5, { fate: () => fates.shift() ?? "done" });
    await newWriter().insert(entry("one"));
    expect([active().length, waits]).toEqual([1, []]);
  });

  test("one that the table refuses fails alone; the others are there and counted", async () => {
    const { newWriter, table, active, ledger } = parts(10);
    const change = table.change;
    table.change = async (changes) => {
      if (!changes.some(({ row }) => row.rowKey.endsWith("-bad"))) return change(changes);
      throw new UpstreamError("STATE_UNAVAILABLE", "x", {
        retryable: false,
        failure: { name: "RestError", status: 400, code: "InvalidInput" },
      });
    };
    const writer = newWriter();
    const names = ["first", "second", "bad", "third"];
    const results = await Promise.allSettled(names.map((name) => writer.insert(entry(name))));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(results[2]).toMatchObject({ reason: { code: "STATE_UNAVAILABLE", retryable: false } });
    expect([active().length, [...ledger().keys()]]).toEqual([3, ["first", "second", "third"]]);
  });

  test("a refusal that says nothing of a lease is not tried one by one", async () => {
    const { newWriter, table } = parts(10);
    let changes = 0;
    table.change = async () => {
      changes += 1;
      throw new UpstreamError("STATE_UNAVAILABLE", "x", {
        retryable: true,
        failure: { name: "RestError", status: 403, code: "AuthorizationFailure" },
      });
    };
    const writer = newWriter();
    await Promise.allSettled(["a", "b", "c", "d"].map((name) => writer.insert(entry(name))));
    expect(changes).toBe(2);
  });

  test("others that always come first: given up after bounded tries, with growing waits", async () => {
    const { newWriter, table, waits, calls } = parts(5);
    const change = table.change;
    table.change = async () => {
      await change([]);
      return null;
    };
    await expect(newWriter().insert(entry("one"))).rejects.toMatchObject({
      code: "STATE_UNAVAILABLE",
      retryable: true,
    });
    expect(waits.slice(0, 6)).toEqual([10, 20, 40, 80, 160, 160]);
    expect(calls.filter((call) => call === "change")).toHaveLength(12);
  });

  test("10,000 leases fit, each column within what a table takes", async () => {
    const { newWriter, rows, ledger } = parts(10_000);
    const writer = newWriter();
    const keys = Array.from({ length: 10_000 }, (_, index) => String(index).padStart(26, "a"));
    await Promise.all(keys.map((key) => writer.insert(entry(key))));
    expect(ledger().size).toBe(10_000);
    const row = rows.get(JSON.stringify([PH, LEDGER_KEY])) ?? {};
    const columns = Object.entries(row).filter(([name]) => name.startsWith("active"));
    expect(Math.max(...columns.map(([, value]) => String(value).length))).toBeLessThanOrEqual(30_000);
    await expect(writer.insert(entry("one-more"))).rejects.toMatchObject({ code: "LEASE_LIMIT" });
  });
});

describe("replace", () => {
  test("a renewed lease counts until its new end, a revoked one no more", async () => {
    const { newWriter, stored, ledger } = parts(5);
    const writer = newWriter();
    const made = entry("one", AT + 60);
    await writer.insert(made);
    expect(await writer.replace(entry("one", AT + 600), stored(made)?.etag ?? "")).toBe(stored(made)?.etag);
    expect(ledger().get("one")).toBe(AT + 600);
    expect(await writer.replace(revoked(made), stored(made)?.etag ?? "")).toBe(stored(made)?.etag);
    expect(ledger().size).toBe(0);
  });

  test("false for a lease that was changed, or is gone", async () => {
    const { newWriter, stored, ledger } = parts(5);
    const writer = newWriter();
    const made = entry("one");
    await writer.insert(made);
    const etag = stored(made)?.etag ?? "";
    expect(await writer.replace(revoked(made), etag)).toBe(stored(made)?.etag);
    expect(await writer.replace(entry("one", AT + 9000), etag)).toBeNull();
    expect(ledger().size).toBe(0);
    expect(await writer.replace(entry("never"), etag)).toBeNull();
  });

  test("a ledger that another process changed does not stop it", async () => {
    const { newWriter, stored } = parts(5);
    const [one, two] = [newWriter(), newWriter()];
    const made = entry("one");
    await one.insert(made);
    await two.insert(entry("two"));
    expect(await one.replace(revoked(made), stored(made)?.etag ?? "")).toBe(stored(made)?.etag);
  });

  test("its own reply lost and sent again is still true", async () => {
    const fates: Fate[] = ["done", "done", "repeated"];
    const { newWriter, stored } = parts(5, { fate: () => fates.shift() ?? "done" });
    const writer = newWriter();
    const made = entry("one");
    await writer.insert(made);
    expect(await writer.replace(revoked(made), stored(made)?.etag ?? "")).toBe(stored(made)?.etag);
  });
});

describe("remove", () => {
  test("the lease is gone and makes room; one that never was is no error", async () => {
    const { newWriter, active, ledger } = parts(1);
    const writer = newWriter();
    await writer.remove(entry("never"));
    await writer.insert(entry("one"));
    await writer.remove(entry("one"));
    expect([active().length, ledger().size]).toEqual([0, 0]);
    await writer.insert(entry("two"));
  });
});

/** Numbers from 0 to 1 that a seed decides. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test("several processes, failures and lost replies: never more than the limit, and no lease that is not counted", async () => {
  const property = fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 8 }), async (seed, maxActive) => {
    const draw = random(seed);
    const fate = (): Fate => {
      const drawn = draw();
      if (drawn < 0.7) return "done";
      return drawn < 0.8 ? "refused" : drawn < 0.9 ? "lost" : "repeated";
    };
    const pause = async () => {
      for (let turns = Math.floor(draw() * 4); turns > 0; turns--) await Promise.resolve();
    };
    const { newWriter, active, ledger, clock, stored, rows } = parts(maxActive, { fate, pause });
    let most = 0;
    const given: LeaseEntry[] = [];
    const look = () => {
      const there = active();
      most = Math.max(most, there.length);
      const counted = ledger();
      // Whatever is in the table at any moment, it is counted with its right end.
      for (const { rowKey = "", endsAt } of there)
        expect(counted.get(rowKey.slice(PH.length + 1))).toBe(Number(endsAt));
    };
    const act = async (writer: ReturnType<typeof newWriter>, name: string) => {
      const made = entry(name, clock.now().getTime() / 1000 + 60 + Math.floor(draw() * 60));
      try {
        await writer.insert(made);
        given.push(made);
      } catch (error) {
        // What was refused is not there; of what failed nobody knows, and it is taken back.
        if (error instanceof LimitError) expect(stored(made)).toBeUndefined();
        else await writer.remove(made).catch(() => undefined);
      }
      look();
      const etag = stored(made)?.etag;
      if (draw() < 0.4 && etag !== undefined) {
        const next = draw() < 0.5 ? revoked(made) : entry(name, made.endsAt + 30);
        await writer.replace(next, etag).catch(() => undefined);
      }
      if (draw() < 0.1) clock.pass(40);
      look();
    };
    const writers = [newWriter(), newWriter(), newWriter()];
    await Promise.all(
      writers.flatMap((writer, process) =>
        Array.from({ length: 8 }, (_, index) => act(writer, `p${process}n${index}`)),
      ),
    );
    expect(most).toBeLessThanOrEqual(maxActive);
    // An insert that was answered is there, unless its own process ended it.
    for (const made of given) expect(rows.has(JSON.stringify([PH, made.row.rowKey]))).toBe(true);
  });
  await fc.assert(property, { numRuns: 150 });
});
