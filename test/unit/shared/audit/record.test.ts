import { describe, expect, test } from "vitest";
import { type AuditEvent, chainRow } from "../../../../shared/audit/record.ts";
import { auditEvent } from "../../../support/fakes-audit.ts";

const place = { at: "2026-11-21T10:00:00Z", writerId: "w", sequence: 1, prevHash: "" };
const base = chainRow(auditEvent(), place);

describe("chainRow", () => {
  test("keeps the event and its place, and hashes the same to the same", () => {
    expect(base).toEqual({ ...auditEvent(), ...place, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(chainRow(auditEvent(), place)).toEqual(base);
  });

  const changes: Partial<AuditEvent>[] = [
    { event: "connector.registered" },
    { outcome: "withdrawn" },
    { principalId: "x" },
    { issuer: "x" },
    { tenantId: "x" },
    { resourceId: "x" },
    { leaseId: null },
    { rule: "x" },
    { correlationId: "x" },
    { detail: { access: ["read", "list"] } },
    { credentialMac: null },
  ];
  test.each(changes)("a change of %j shows", (change) => {
    expect(chainRow(auditEvent(change), place).hash).not.toBe(base.hash);
  });

  test("every field of an event is covered", () => {
    expect(changes.flatMap(Object.keys).sort()).toEqual(Object.keys(auditEvent()).sort());
  });

  test.each([{ at: "2026-11-21T10:00:01Z" }, { writerId: "x" }, { sequence: 2 }, { prevHash: "x" }])(
    "another place shows: %j",
    (change) => {
      expect(chainRow(auditEvent(), { ...place, ...change }).hash).not.toBe(base.hash);
    },
  );

  test("text cannot move from one field to the next", () => {
    const moved = chainRow(auditEvent({ principalId: "a", issuer: "bc" }), place);
    expect(moved.hash).not.toBe(chainRow(auditEvent({ principalId: "ab", issuer: "c" }), place).hash);
  });
});
