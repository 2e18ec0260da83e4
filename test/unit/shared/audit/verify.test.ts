import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FoundRecord } from "../../../../shared/audit/ports.ts";
import { type AuditRow, chainRow } from "../../../../shared/audit/record.ts";
import { readSeal } from "../../../../shared/audit/seal.ts";
import { auditEvent } from "../../../support/fakes-audit.ts";
import { foundOf, growingTrail, type Happening, inOrder, verified } from "../../../support/fakes-seals.ts";

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait"), minutes: fc.constantFrom(0, 1, 5, 61, 300, 1500) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("record"),
      writer: fc.nat({ max: 3 }),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "seal" }) },
);
const story = fc.array(happening, { minLength: 4, maxLength: 40 });

async function told(happenings: readonly Happening[]) {
  const trail = growingTrail();
  await trail.play([{ kind: "record", writer: 0, count: 3 }, ...happenings, { kind: "seal" }]);
  return { ...trail, records: inOrder(trail.rows).map(foundOf) };
}
/** The same rows with one of them another. */
const swap = (records: readonly FoundRecord[], index: number, row: AuditRow | null) =>
  records.map((record, at) => (at === index ? { ...record, row } : record));
const rehash = (row: AuditRow, changes: Partial<AuditRow> = {}): AuditRow => {
  const { hash: _hash, at, writerId, sequence, prevHash, ...event } = { ...row, ...changes };
  return chainRow(event, { at, writerId, sequence, prevHash });
};
/** The whole chain of one writer anew, with valid hashes, from a changed record on. */
function rechain(rows: readonly AuditRow[], victim: AuditRow): AuditRow[] {
  let prevHash = victim.prevHash;
  return rows.map((row) => {
    if (row.writerId !== victim.writerId || row.sequence < victim.sequence) return row;
    const changes = row === victim ? { principalId: "user:t/innocent" } : {};
    const written = rehash(row, { ...changes, prevHash });
    prevHash = written.hash;
    return written;
  });
}

/** Every way to spoil one thing of a trail. */
const MUTATIONS: Record<string, (records: FoundRecord[], index: number) => FoundRecord[]> = {
  "removes a record": (records, index) => records.toSpliced(index, 1),
  "repeats a record": (records, index) => records.toSpliced(index, 0, ...records.slice(index, index + 1)),
  "changes who it was": (records, index) => swap(records, index, change(records, index, { principalId: "user:t/x" })),
  "changes the time by a second": (records, index) =>
    swap(records, index, change(records, index, { at: laterBySecond(records[index]?.row?.at ?? "") })),
  "changes a detail": (records, index) => swap(records, index, change(records, index, { detail: { access: [] } })),
  "makes a text of a null": (records, index) => swap(records, index, change(records, index, { leaseId: "null" })),
  "changes the hash": (records, index) => swap(records, index, change(records, index, { hash: "0".repeat(64) })),
  "changes the hash before": (records, index) =>
    swap(records, index, change(records, index, { prevHash: "0".repeat(64) })),
  "changes a record and its hash": (records, index) => {
    const row = records[index]?.row;
    return swap(records, index, row ? rehash(row, { principalId: "user:t/x" }) : null);
  },
  "makes it unreadable": (records, index) => swap(records, index, null),
  "gives it keys that are none": (records, index) =>
    records.map((record, at) => (at === index ? { ...record, place: null } : record)),
  "puts another record in its place": (records, index) =>
    swap(records, index, records[(index + 1) % records.length]?.row ?? null),
  "writes the chain anew from there on": (records, index) => {
    const rows = records.flatMap(({ row }) => row ?? []);
    const victim = rows[index];
    return victim === undefined ? records : inOrder(rechain(rows, victim)).map(foundOf);
  },
  "removes the chain of its day": (records, index) => {
    const place = records[index]?.place;
    return records.filter((record) => record.place?.day !== place?.day || record.place?.writerId !== place?.writerId);
  },
  "removes the end of the chain": (records, index) => {
    const place = records[index]?.place;
    return records.filter(
      (record) => record.place?.writerId !== place?.writerId || (record.place?.sequence ?? 0) < (place?.sequence ?? 0),
    );
  },
};
function change(records: readonly FoundRecord[], index: number, changes: Partial<AuditRow>): AuditRow | null {
  const row = records[index]?.row;
  return row ? { ...row, ...changes } : null;
}
const laterBySecond = (at: string) => (at.endsWith("00Z") ? at.replace("00Z", "01Z") : at.replace(/\d\dZ$/, "00Z"));

describe("a trail that nobody touched", () => {
  test("has no finding, whatever happened, over midnight and with long silences", async () => {
    await fc.assert(
      fc.asyncProperty(story, async (happenings) => {
        const { records, stored, now } = await told(happenings);
        const { findings, report } = await verified(records, stored, { now: now() });
        expect(findings).toEqual([]);
        expect(report).toMatchObject({ records: records.length, seals: stored.length, unsealed: 0 });
      }),
    );
  });

  test("has no finding in any window of days", async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.nat({ max: 4 }), fc.nat({ max: 4 }), async (happenings, first, length) => {
        const { records, stored } = await told(happenings);
        const window = { from: `202611${20 + first}`, to: `202611${20 + first + length}` };
        expect((await verified(records, stored, window)).findings).toEqual([]);
      }),
    );
  });

  test("has no finding when two machines seal at the same time, each time", async () => {
    await fc.assert(
      fc.asyncProperty(story, async (happenings) => {
        const trail = growingTrail();
        for (const step of happenings) {
          if (step.kind === "seal") await Promise.all([trail.seal(), trail.seal()]);
          else await trail.play([step]);
        }
        const records = inOrder(trail.rows).map(foundOf);
        expect((await verified(records, trail.stored)).findings).toEqual([]);
      }),
    );
  });

  test("counts what no seal holds yet, and reports it once it is an hour old", async () => {
    const trail = growingTrail();
    await trail.play([
      { kind: "record", writer: 0, count: 1 },
      { kind: "seal" },
      { kind: "record", writer: 0, count: 2 },
    ]);
    const records = inOrder(trail.rows).map(foundOf);
    const soon = await verified(records, trail.stored, { now: trail.now() });
    expect([soon.findings, soon.report.unsealed]).toEqual([[], 2]);
    trail.wait(61);
    const late = await verified(records, trail.stored, { now: trail.now() });
    expect([...late.faults]).toEqual(["unsealed"]);
    expect(late.findings).toHaveLength(2);
  });
});

describe("a trail that somebody touched", () => {
  test.each(Object.entries(MUTATIONS))("%s: found, wherever it is", async (_what, mutate) => {
    await fc.assert(
      fc.asyncProperty(story, fc.nat(), async (happenings, at) => {
        const { records, stored } = await told(happenings);
        const spoilt = mutate([...records], at % records.length);
        expect((await verified(spoilt, stored)).findings).not.toEqual([]);
      }),
    );
  });

  test("names the record that was changed, and no other", async () => {
    const { records, stored } = await told([]);
    const { findings } = await verified(swap(records, 1, change(records, 1, { rule: "role:Latchkey.Admin2" })), stored);
    expect(findings).toEqual(["changed 20261120~a~00000002"]);
  });

  test("names the chain that was written anew where the seal holds it", async () => {
    const { rows, stored } = await told([]);
    const [victim] = rows;
    if (victim === undefined) throw new Error("no record");
    const { findings } = await verified(rechain(rows, victim).map(foundOf), stored);
    expect(findings).toEqual(["differs-from-seal 20261120~a~00000003"]);
  });

  test("finds a record with a valid chain that was added to a day that was sealed long ago", async () => {
    const trail = growingTrail("2026-11-20T10:00:00Z");
    await trail.play([
      { kind: "record", writer: 0, count: 2 },
      { kind: "seal" },
      { kind: "wait", minutes: 120 },
      { kind: "seal" },
    ]);
    const at = "2026-11-20T10:00:00Z";
    const last = trail.rows.at(-1);
    const added = chainRow(auditEvent(), { at, writerId: "a", sequence: 3, prevHash: last?.hash ?? "" });
    const forged = chainRow(auditEvent(), { at, writerId: "forged", sequence: 1, prevHash: "" });
    const before = await verified([...trail.rows, added, forged].map(foundOf), trail.stored);
    expect(before.findings).toEqual(["added-later 20261120~a~00000003", "added-later 20261120~forged~00000001"]);
    // The next seal takes them in; they stay found.
    trail.rows.push(added, forged);
    await trail.seal();
    expect((await verified(trail.rows.map(foundOf), trail.stored)).findings).toEqual(before.findings);
  });

  test("finds a chain of a whole day that was added weeks later", async () => {
    const trail = growingTrail();
    await trail.play([{ kind: "record", writer: 0, count: 1 }, { kind: "seal" }]);
    for (let day = 0; day < 20; day++) await trail.play([{ kind: "wait", minutes: 1440 }, { kind: "seal" }]);
    const place = { at: "2026-11-25T10:00:00Z", writerId: "forged", sequence: 1, prevHash: "" };
    const { findings } = await verified([...trail.rows, chainRow(auditEvent(), place)].map(foundOf), trail.stored);
    expect(findings).toEqual(["added-later 20261125~forged~00000001"]);
  });

  test("finds chains that stand in another order", async () => {
    const trail = growingTrail();
    await trail.play([
      { kind: "record", writer: 1, count: 1 },
      { kind: "record", writer: 0, count: 1 },
      { kind: "seal" },
    ]);
    const { faults } = await verified(trail.rows.map(foundOf), trail.stored);
    expect(faults.has("repeated")).toBe(true);
  });
});

describe("seals that somebody touched", () => {
  /** At least three seals, so that one has others around it. */
  const sealed = async (happenings: readonly Happening[]) =>
    told([
      ...happenings,
      { kind: "seal" },
      { kind: "record", writer: 1, count: 1 },
      { kind: "wait", minutes: 5 },
      { kind: "seal" },
    ]);

  test("one that is removed is found, unless it is the last", async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.nat(), async (happenings, at) => {
        const { records, stored } = await sealed(happenings);
        const index = at % (stored.length - 1);
        const { findings } = await verified(records, stored.toSpliced(index, 1));
        expect(findings).toContain(`seal-missing audit-seals/${stored[index]?.name}`);
      }),
    );
  });

  test.each<[string, (text: string) => string]>([
    ["a byte more", (text) => `${text} `],
    ["another hash of a head", (text) => text.replace(/"hash":"./, '"hash":"g')],
    ["no heads", (text) => text.replace(/"heads":\[.*?\]/, '"heads":[]')],
    [
      "no seal before it",
      (text) => text.replace(/"previous":\{.*?\}/, '"previous":null').replace('"sealedAt"', ' "sealedAt"'),
    ],
    ["nothing that can be read", () => "{"],
  ])("one that has %s is found, unless it is the last", async (_what, spoil) => {
    await fc.assert(
      fc.asyncProperty(story, fc.nat(), async (happenings, at) => {
        const { records, stored } = await sealed(happenings);
        const index = at % (stored.length - 1);
        // A seal may have no heads to spoil.
        fc.pre(stored[index] !== undefined && spoil(stored[index].text) !== stored[index].text);
        const spoilt = stored.map((seal, place) => (place === index ? { ...seal, text: spoil(seal.text) } : seal));
        expect((await verified(records, spoilt)).findings).toContain(`seal-changed audit-seals/${stored[index]?.name}`);
      }),
    );
  });

  test("the last one is found when what it says is not so, or not its time", async () => {
    const { records, stored } = await sealed([]);
    const last = stored.at(-1);
    const seal = last && readSeal(last);
    if (last === undefined || !seal) throw new Error("no seal");
    const withLast = (name: string, text: string) => verified(records, [...stored.slice(0, -1), { name, text }]);
    const another = last.text.replace(/"hash":"./, '"hash":"g');
    expect((await withLast(last.name, another)).findings).not.toEqual([]);
    const later = JSON.stringify({ ...seal, sealedAt: "2026-11-21T00:00:00Z" });
    expect((await withLast(last.name, later)).findings).toEqual([`seal-changed audit-seals/${last.name}`]);
  });

  test("all but a new beginning removed is found", async () => {
    const trail = growingTrail();
    await trail.play([{ kind: "record", writer: 0, count: 1 }, { kind: "seal" }, { kind: "wait", minutes: 60 }]);
    const kept = trail.stored.splice(0);
    await trail.play([{ kind: "seal" }, { kind: "seal" }]);
    const { faults } = await verified(trail.rows.map(foundOf), [...kept, ...trail.stored]);
    expect([...faults]).toEqual(["seal-detached"]);
  });
});
