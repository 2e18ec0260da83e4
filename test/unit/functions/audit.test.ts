import { beforeEach, describe, expect, test } from "vitest";
import { auditRoutes } from "../../../functions/audit.ts";
import type { AuditPlace, AuditQuery, ReadAudit } from "../../../shared/audit/ports.ts";
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

const asked: { query: AuditQuery; after: AuditPlace | null; limit: number }[] = [];
const readAudit: ReadAudit = async (query, after, limit) => {
  asked.push({ query, after, limit });
  return rows.filter(({ sequence }) => sequence > (after?.sequence ?? 0)).slice(0, limit);
};
beforeEach(() => void asked.splice(0));

/** Calls the route as one who holds these roles. */
function list(query = "", roles: (typeof ADMIN)["roles"] = ["Latchkey.Auditor"]) {
  const { call } = runtimeOf(auditRoutes({ readAudit, now }), { verifyCaller: async () => ({ ...ADMIN, roles }) });
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
    expect(asked).toEqual([{ query, after: null, limit: 101 }]);
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
      { day: "20261122", writerId: WRITER, sequence: 2 },
      { day: "20261124", writerId: WRITER, sequence: 4 },
    ]);
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
    ["a token of another list", `continuationToken=${tokenOf("azure-service-principal")}`],
  ])("refuses %s", async (_what, query) => {
    const { status, json } = await list(query);
    expect([status, json.code, asked]).toEqual([400, "INVALID_REQUEST", []]);
  });
});
