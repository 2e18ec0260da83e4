import { expect, test } from "vitest";
import { readSeal, sealTrail } from "../../../../shared/audit/seal.ts";
import { sha256 } from "../../../../shared/ids.ts";
import { growingTrail } from "../../../support/fakes-seals.ts";

const headsOf = (text: string) =>
  (readSealText(text)?.heads ?? []).map(({ day, writerId, sequence, records }) => [day, writerId, sequence, records]);
const readSealText = (text: string) => {
  const { sealedAt } = JSON.parse(text);
  return readSeal({ name: `${sealedAt.replaceAll(/[-:]/g, "")}-00.json`, text });
};

test("a seal has the last record of every chain, and the hash of the seal before it", async () => {
  const trail = growingTrail("2026-11-21T10:00:00Z");
  await trail.play([
    { kind: "record", writer: 1, count: 2 },
    { kind: "record", writer: 0, count: 3 },
    { kind: "seal" },
  ]);
  await trail.play([{ kind: "wait", minutes: 5 }, { kind: "record", writer: 2, count: 1 }, { kind: "seal" }]);
  const [first, second] = trail.stored;
  expect(first?.name).toMatch(/^20261121T100000Z-[0-9a-f]{12}\.json$/);
  const last = trail.rows.findLast(({ writerId }) => writerId === "a");
  expect(JSON.parse(first?.text ?? "")).toEqual({
    sealedAt: "2026-11-21T10:00:00Z",
    heads: [
      { writerId: "a", day: "20261121", sequence: 3, hash: last?.hash, records: 3 },
      { writerId: "b", day: "20261121", sequence: 2, hash: trail.rows[1]?.hash, records: 2 },
    ],
    previous: null,
  });
  expect(headsOf(second?.text ?? "")).toEqual([
    ["20261121", "a", 3, 3],
    ["20261121", "b", 2, 2],
    ["20261121", "c", 1, 1],
  ]);
  expect(JSON.parse(second?.text ?? "").previous).toEqual({ name: first?.name, sha256: sha256(first?.text ?? "") });
});

test("a chain that goes on after midnight has a head on each day, which counts the records of that day", async () => {
  const trail = growingTrail("2026-11-21T23:58:00Z");
  await trail.play([{ kind: "record", writer: 0, count: 2 }, { kind: "seal" }, { kind: "wait", minutes: 5 }]);
  await trail.play([{ kind: "record", writer: 0, count: 3 }, { kind: "seal" }]);
  expect(headsOf(trail.stored[1]?.text ?? "")).toEqual([
    ["20261121", "a", 2, 2],
    ["20261122", "a", 5, 3],
  ]);
});

test("days that are over for more than an hour are left to the seals that have them", async () => {
  const trail = growingTrail("2026-11-21T23:58:00Z");
  await trail.play([{ kind: "record", writer: 0, count: 2 }, { kind: "seal" }, { kind: "wait", minutes: 65 }]);
  await trail.play([{ kind: "seal" }, { kind: "wait", minutes: 5 }, { kind: "seal" }]);
  expect(trail.stored.map(({ text }) => headsOf(text).length)).toEqual([1, 1, 0]);
});

test("what was sealed is not read again", async () => {
  const trail = growingTrail("2026-11-21T10:00:00Z");
  await trail.play([
    { kind: "record", writer: 0, count: 50 },
    { kind: "record", writer: 2, count: 50 },
    { kind: "seal" },
  ]);
  expect(trail.reads.marks).toBe(100);
  await trail.play([
    { kind: "record", writer: 0, count: 2 },
    { kind: "record", writer: 1, count: 1 },
    { kind: "seal" },
  ]);
  expect(trail.reads.marks).toBe(103);
  await trail.seal();
  expect(trail.reads.marks).toBe(103);
});

test("after a long silence of the timer, nothing is left out", async () => {
  const trail = growingTrail("2026-11-21T10:00:00Z");
  await trail.play([{ kind: "record", writer: 0, count: 1 }, { kind: "seal" }]);
  for (let day = 0; day < 3; day++) {
    await trail.play([
      { kind: "wait", minutes: 1440 },
      { kind: "record", writer: day, count: 1 },
    ]);
  }
  await trail.seal();
  expect(headsOf(trail.stored[1]?.text ?? "")).toEqual([
    ["20261121", "a", 1, 1],
    ["20261122", "a", 2, 1],
    ["20261123", "b", 1, 1],
    ["20261124", "c", 1, 1],
  ]);
});

test("on a seal that was spoilt nothing is built, but it is named", async () => {
  const trail = growingTrail("2026-11-21T10:00:00Z");
  await trail.play([{ kind: "record", writer: 0, count: 4 }, { kind: "seal" }, { kind: "wait", minutes: 5 }]);
  const [first] = trail.stored;
  trail.stored[0] = { name: first?.name ?? "", text: "spoilt" };
  await trail.seal();
  expect(headsOf(trail.stored[1]?.text ?? "")).toEqual([["20261121", "a", 4, 4]]);
  expect(JSON.parse(trail.stored[1]?.text ?? "").previous.sha256).toBe(sha256("spoilt"));
});

test("a machine whose clock is behind seals behind the other's seal all the same", async () => {
  const trail = growingTrail("2026-11-21T10:00:00Z");
  await trail.seal();
  const now = () => new Date("2026-11-21T09:59:30Z");
  await sealTrail({
    seals: trail.seals,
    readMarks: trail.readMarks,
    now,
    randomBytes: (count) => new Uint8Array(count),
  });
  const [first, second] = trail.stored;
  expect(second?.name).toBe("20261121T100001Z-000000000000.json");
  expect(JSON.parse(second?.text ?? "").previous.name).toBe(first?.name);
});

test("nothing is said to be sealed when the seal could not be written", async () => {
  const trail = growingTrail();
  const seals = { ...trail.seals, add: () => Promise.reject(new Error("refused")) };
  const deps = {
    seals,
    readMarks: trail.readMarks,
    now: trail.now,
    randomBytes: (count: number) => new Uint8Array(count),
  };
  await expect(sealTrail(deps)).rejects.toThrow("refused");
});
