import { beforeEach, describe, expect, test } from "vitest";
import { auditRoutes } from "../../../functions/audit.ts";
import type { AuditKeys, AuditPage, AuditQuery, ReadAudit } from "../../../shared/audit/ports.ts";
import { type AuditRow, chainRow } from "../../../shared/audit/record.ts";
import { ADMIN, NOW, now } from "../../support/fakes.ts";
import { auditEvent } from "../../support/fakes-audit.ts";
import { runtimeOf } from "../../support/fakes-http.ts";

const WRITER = "11111111-1111-4111-8111-111111111111";
const rows: AuditRow[] = [];
for (const sequence of [1, 2, 3, 4, 5]) {
  const place = { at: `2026-11-2${sequence}T10:00:00Z`, writerId: WRITER, sequence, prevHash: rows.at(-1)?.hash ?? "" };
  rows.push(chainRow(auditEvent(), place));
}

const asked: { query: AuditQuery; after: AuditKeys | null; limit: number }[] = [];
const keysAt = ({ at, sequence }: AuditRow): AuditKeys => ({
  partition: `${at.slice(0, 10).replaceAll("-", "")}~${WRITER}`,
  row: String(sequence).padStart(8, "0"),
});
const readRows: ReadAudit = async (query, after, limit) => {
  asked.push({ query, after, limit });
  const left = rows.filter((row) => after === null || keysAt(row).partition > after.partition);
  const items = left.slice(0, limit);
  const last = items.at(-1);
  return { items, next: left.length > limit && last !== undefined ? keysAt(last) : null };
};
let readAudit = readRows;
beforeEach(() => {
  asked.splice(0);
  readAudit = readRows;
});

/** Calls the route as one who holds these roles. */
function list(query = "", roles: (typeof ADMIN)["roles"] = ["Latchkey.Auditor"]) {
  const { call } = runtimeOf(auditRoutes({ readAudit: (...question) => readAudit(...question), now }), {
    verifyCaller: async () => ({ ...ADMIN, roles }),
  });
  return call("audit-list", { url: `https://latchkey.example/api/audit?${query}` });
}

describe("who", () => {
  test("auditors read it", async () => expect((await list()).status).toBe(200));
  test.each([[[]], [["Latchkey.User"]], [["Latchkey.Approver"]], [["Latchkey.Admin"]]] as const)(
    "nobody else does: %j",
    async (roles) => {
      const { status, json } = await list("", roles);
      expect([status, json.code, asked]).toEqual([403, "ROLE_REQUIRED", []]);
    },
  );
});

describe("what", () => {
  test("the last week up to now, unless asked otherwise", async () => {
    await list();
    const from = new Date(NOW.getTime() - 7 * 86_400_000);
    const query = { from, to: new Date(NOW.getTime() + 1000), principalId: null, resourceId: null };
    expect(asked).toEqual([{ query, after: null, limit: 100 }]);
  });

  test("by time, principal and resource as they stand in records", async () => {
    await list(
      "from=2026-11-01T00:00:00Z&to=2026-11-02T12:00:00Z&principal=app:t/s&resource=/subscriptions/S' or 1 eq 1",
    );
    expect(asked[0]?.query).toEqual({
      from: new Date("2026-11-01T00:00:00Z"),
      to: new Date("2026-11-02T12:00:00Z"),
      principalId: "app:t/s",
      resourceId: "/subscriptions/S' or 1 eq 1",
    });
  });

  test("records with their place in the chain, and nothing of the table", async () => {
    const { json } = await list();
    expect(json).toEqual({ items: rows, continuationToken: null });
  });
});

describe("pages", () => {
  test("go on behind the last record, over days, until there are no more", async () => {
    const sequences: unknown[] = [];
    let token: unknown = null;
    do {
      const more = token === null ? "" : `&continuationToken=${token}`;
      const { json } = await list(`limit=2${more}`);
      sequences.push(Array.isArray(json.items) ? json.items.map(({ sequence }) => sequence) : json);
      token = json.continuationToken;
    } while (token !== null);
    expect(sequences).toEqual([[1, 2], [3, 4], [5]]);
    expect(asked.map(({ after }) => after)).toEqual([
      null,
      { partition: `20261122~${WRITER}`, row: "00000002" },
      { partition: `20261124~${WRITER}`, row: "00000004" },
    ]);
  });

  test.each([
    ["no record at all", { partition: "20261121~w", row: "00000001" }],
    ["the longest keys of a stranger", { partition: "€".repeat(512), row: '"'.repeat(512) }],
  ])("that end at %s go on there", async (_what, next) => {
    readAudit = async (): Promise<AuditPage> => ({ items: [], next });
    const { status, json } = await list();
    expect([status, json.items]).toEqual([200, []]);
    readAudit = readRows;
    expect((await list(`continuationToken=${json.continuationToken}`)).status).toBe(200);
    expect(asked[0]?.after).toEqual(next);
  });

  test("show a damaged record with its place", async () => {
    const damaged = { damaged: true, partition: "20261121~w", row: "x" } as const;
    readAudit = async () => ({ items: [damaged], next: null });
    expect((await list()).json).toEqual({ items: [damaged], continuationToken: null });
  });

  const tokenOf = (place: string) => Buffer.from(place).toString("base64url");
  test.each([
    ["a time that is none", "from=yesterday"],
    ["a time without its zone", "from=2026-11-01T00:00:00"],
    ["a day", "to=2026-11-01"],
    ["a time that ends before it begins", "from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z"],
    ["an empty time", "from=2026-11-01T00:00:00Z&to=2026-11-01T00:00:00Z"],
    ["an empty principal", "principal="],
    ["a principal that is too long", `principal=${"p".repeat(301)}`],
    ["an empty resource", "resource="],
    ["a resource that is too long", `resource=${"r".repeat(1025)}`],
    ["no records", "limit=0"],
    ["too many records", "limit=501"],
    ["a parameter that is none", "filter=x"],
    ["one twice", "principal=a&principal=b"],
    ["a token that no list gave", "continuationToken=abc"],
    ["a token with a filter in it", `continuationToken=${tokenOf("20261121~' or 1 eq 1~00000001")}`],
    ["a token with one key", `continuationToken=${tokenOf('["20261121~w"]')}`],
    ["a token with a key that is too long", `continuationToken=${tokenOf(JSON.stringify(["x".repeat(513), "1"]))}`],
    ["a token of another list", `continuationToken=${tokenOf("azure-service-principal")}`],
  ])("refuses %s", async (_what, query) => {
    const { status, json } = await list(query);
    expect([status, json.code, asked]).toEqual([400, "INVALID_REQUEST", []]);
  });
});
