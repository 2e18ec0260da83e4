import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { itemsAsCsv } from "../../../functions/purge-csv.ts";
import { planLine, reportLine } from "../../support/fakes-purge-items.ts";

const { seen: _, ...item } = planLine();
const PLAN_HEADER =
  "repository,digest,tags,action,reason,rules,because,mediaType,updatedAt,sizeBytes,freedBytes,isEstimate";

/** A reader of RFC 4180, written from its grammar: rows of cells. */
function read(text: string): string[][] {
  const rows: string[][] = [];
  for (let at = 0; at < text.length; ) {
    const row: string[] = [];
    for (;;) {
      const quoted = /"((?:[^"]|"")*)"/y;
      const plain = /[^",\r\n]*/y;
      quoted.lastIndex = plain.lastIndex = at;
      const match = quoted.exec(text);
      row.push(match === null ? (plain.exec(text)?.[0] ?? "") : (match[1] ?? "").replaceAll('""', '"'));
      at = match === null ? plain.lastIndex : quoted.lastIndex;
      if (text[at] !== ",") break;
      at++;
    }
    expect(text.slice(at, at + 2)).toBe("\r\n");
    at += 2;
    rows.push(row);
  }
  return rows;
}

describe("itemsAsCsv", () => {
  test("a plan: names of columns where asked for, lists with spaces, nothing for null", () => {
    const [line, ...more] = itemsAsCsv([{ ...item, tags: ["v1", "v2"] }], "plan", true).split("\r\n");
    expect([line, ...more]).toEqual([
      PLAN_HEADER,
      `team/app,${item.digest},v1 v2,delete,matched,old,,${item.mediaType},2026-11-01T10:00:00.000Z,100,90,false`,
      "",
    ]);
    expect(itemsAsCsv([], "plan", false)).toBe("");
  });

  test("a report: also what became of it", () => {
    const text = itemsAsCsv([reportLine({ outcome: "failed", failure: "405 UNSUPPORTED" })], "report", true);
    const [header, row] = read(text);
    expect(header).toEqual([...PLAN_HEADER.split(","), "outcome", "failure", "at"]);
    expect(row?.slice(-3)).toEqual(["failed", "405 UNSUPPORTED", "2026-11-21T10:00:00Z"]);
  });

  test("what is no image says so as its reason", () => {
    const rows = read(itemsAsCsv([{ repository: "a", unread: "TOO_LARGE" }, { damaged: true }], "plan", false));
    expect(rows.map((row) => [row[0], row[4], row[6]])).toEqual([
      ["a", "unread", "TOO_LARGE"],
      ["", "damaged", ""],
    ]);
  });

  test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", '=HYPERLINK("http://x","y")'])(
    "%j is no formula",
    (text) => {
      const [row] = read(itemsAsCsv([{ ...item, because: text, tags: [text, "v"], repository: text }], "plan", false));
      expect([row?.[0], row?.[2], row?.[6]]).toEqual([`'${text}`, `'${text} v`, `'${text}`]);
    },
  );

  test("any text comes back as it was, in its own cell, and begins no formula", () => {
    const any = fc.string({ unit: "binary", maxLength: 20 });
    fc.assert(
      fc.property(any, any, (repository, because) => {
        const rows = read(itemsAsCsv([{ ...item, repository, because }, item], "plan", true));
        expect(rows).toHaveLength(3);
        expect(rows[1]).toHaveLength(12);
        for (const [cell, text] of [
          [rows[1]?.[0], repository],
          [rows[1]?.[6], because],
        ]) {
          expect([text, `'${text}`]).toContain(cell);
          expect(cell).not.toMatch(/^[=+\-@\t\r]/);
        }
      }),
    );
  });
});
