import { describe, expect, test } from "vitest";
import { deletePolicy, findPolicy, putPolicy, readSeen } from "../../../../shared/access/manage.ts";
import { membershipSchema } from "../../../../shared/access/policy.ts";
import type { AuditEvent } from "../../../../shared/audit/record.ts";
import { ADMIN, unavailable } from "../../../support/fakes.ts";
import { grant, membership, policyStore } from "../../../support/fakes-access.ts";

const CONTEXT = { by: ADMIN, rule: "role:Latchkey.Admin", correlationId: "c-1" };
function parts() {
  const journal: string[] = [];
  const audited: AuditEvent[] = [];
  const store = policyStore(journal);
  const appendAudit = async (event: AuditEvent) => {
    journal.push(`audit ${event.event} ${event.outcome}`);
    audited.push(event);
  };
  return { deps: { store, appendAudit }, store, journal, audited };
}

describe("putPolicy", () => {
  test("is on the trail, with all of the record, before it holds", async () => {
    const { deps, store, journal, audited } = parts();
    const { etag } = await putPolicy(deps, "grant", "lend", grant(), { absent: true }, CONTEXT);
    expect(journal).toEqual(["audit grant.changed ok", "policy.write grant lend"]);
    expect(await findPolicy(store, "grant", "lend")).toEqual({ name: "lend", spec: grant(), etag });
    expect(audited).toEqual([
      {
        event: "grant.changed",
        outcome: "ok",
        principalId: ADMIN.id,
        issuer: ADMIN.issuer,
        tenantId: ADMIN.tenantId,
        resourceId: "grant:lend",
        leaseId: null,
        rule: CONTEXT.rule,
        correlationId: "c-1",
        detail: { name: "lend", spec: JSON.stringify(grant()) },
        credentialMac: null,
      },
    ]);
  });

  test("replaces what the writer saw", async () => {
    const { deps, store } = parts();
    const etag = store.set("grant", "lend", grant());
    await putPolicy(deps, "grant", "lend", grant({ access: ["list"] }), { etag }, CONTEXT);
    expect(await findPolicy(store, "grant", "lend")).toMatchObject({ spec: { access: ["list"] } });
  });

  test("what is not as the writer saw it stays, and the trail says that the change was withdrawn", async () => {
    for (const seen of [{ absent: true as const }, { etag: 'W/"old"' }]) {
      const { deps, store, journal } = parts();
      const etag = store.set("grant", "lend", grant());
      const change = putPolicy(deps, "grant", "lend", grant({ access: ["list"] }), seen, CONTEXT);
      await expect(change).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
      expect(journal.at(-1)).toBe("audit grant.changed withdrawn");
      expect(await findPolicy(store, "grant", "lend")).toEqual({ name: "lend", spec: grant(), etag });
    }
  });

  test("an ETag of nothing makes nothing", async () => {
    const { deps, store } = parts();
    const change = putPolicy(deps, "grant", "lend", grant(), { etag: 'W/"p1"' }, CONTEXT);
    await expect(change).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
    expect(store.rows.size).toBe(0);
  });

  test("without an audit record nothing changes", async () => {
    const { deps, store } = parts();
    const appendAudit = () => Promise.reject(unavailable("AUDIT_UNAVAILABLE"));
    const change = putPolicy({ ...deps, appendAudit }, "grant", "lend", grant(), { absent: true }, CONTEXT);
    await expect(change).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(store.rows.size).toBe(0);
  });
});

describe("a record that is too large for a column", () => {
  const subject = (text: string) => `workload:x/${text}`;
  /** A valid membership that is `characters` long on the trail, where each backslash counts four times. */
  function membershipOf(characters: number) {
    const most = [...Array(28).fill("\\"), "a", "b", "c"].map((character) => subject(character.repeat(255)));
    const trail = (spec: object) => JSON.stringify({ name: "many", spec: JSON.stringify(spec) }).length;
    const rest = characters - trail(membership({ principals: [...most, subject("a")] })) + 1;
    const spec = membership({ principals: [...most, subject("a".repeat(rest))] });
    expect([trail(spec), membershipSchema.safeParse(spec).success]).toEqual([characters, true]);
    return spec;
  }

  test("30,000 characters on the trail are kept", async () => {
    const { deps, store } = parts();
    await putPolicy(deps, "membership", "many", membershipOf(30_000), { absent: true }, CONTEXT);
    expect(store.rows.size).toBe(1);
  });

  test.each([
    ["one more", membershipOf(30_001)],
    ["the most that the schema takes", membership({ principals: Array(100).fill(subject("\\".repeat(255))) })],
  ])("%s: INVALID_REQUEST, and nothing is written or on the trail", async (_what, spec) => {
    const { deps, store, journal } = parts();
    const change = putPolicy(deps, "membership", "many", spec, { absent: true }, CONTEXT);
    await expect(change).rejects.toMatchObject({ code: "INVALID_REQUEST", problems: [{ path: "" }] });
    expect([store.rows.size, journal]).toEqual([0, []]);
  });
});

describe("deletePolicy", () => {
  test("is on the trail before it is gone", async () => {
    const { deps, store, journal } = parts();
    const etag = store.set("grant", "lend", grant());
    await deletePolicy(deps, "grant", "lend", etag, CONTEXT);
    expect(journal).toEqual(["audit grant.deleted ok", "policy.remove grant lend"]);
    await expect(findPolicy(store, "grant", "lend")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("of what was changed meanwhile: it stays, and the trail says so", async () => {
    const { deps, store, journal } = parts();
    store.set("grant", "lend", grant());
    await expect(deletePolicy(deps, "grant", "lend", 'W/"old"', CONTEXT)).rejects.toMatchObject({
      code: "ETAG_MISMATCH",
    });
    expect(journal.at(-1)).toBe("audit grant.deleted withdrawn");
    expect(store.rows.size).toBe(1);
  });

  test("of what is not there: NOT_FOUND, and nothing on the trail; a membership is no grant", async () => {
    const { deps, store, journal } = parts();
    const etag = store.set("membership", "lend", {});
    await expect(deletePolicy(deps, "grant", "lend", etag, CONTEXT)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(journal).toEqual([]);
  });

  test("without an audit record it stays", async () => {
    const { deps, store } = parts();
    const etag = store.set("grant", "lend", grant());
    const appendAudit = () => Promise.reject(unavailable("AUDIT_UNAVAILABLE"));
    await expect(deletePolicy({ ...deps, appendAudit }, "grant", "lend", etag, CONTEXT)).rejects.toMatchObject({
      code: "AUDIT_UNAVAILABLE",
    });
    expect(store.rows.size).toBe(1);
  });
});

describe("readSeen", () => {
  test.each([
    [{ ifMatch: 'W/"1"', ifNoneMatch: null }, { etag: 'W/"1"' }],
    [{ ifMatch: null, ifNoneMatch: "*" }, { absent: true }],
    [{ ifMatch: 'W/"1"', ifNoneMatch: "*" }, { etag: 'W/"1"' }],
  ])("%j is %j", (headers, seen) => expect(readSeen(headers)).toEqual(seen));

  test.each([
    { ifMatch: null, ifNoneMatch: null },
    { ifMatch: "*", ifNoneMatch: null },
    { ifMatch: null, ifNoneMatch: 'W/"1"' },
  ])("%j says nothing of what was seen", (headers) => {
    expect(() => readSeen(headers)).toThrow(expect.objectContaining({ code: "IF_MATCH_REQUIRED" }));
  });
});
