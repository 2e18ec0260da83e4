import { describe, expect, test } from "vitest";
import type { Lease } from "../../../../shared/credentials/lease.ts";
import { type RevokeDeps, revokeLease } from "../../../../shared/credentials/revoke.ts";
import { ADMIN, USER, unavailable } from "../../../support/fakes.ts";
import { issueParts } from "../../../support/fakes-issue.ts";
import { lease } from "../../../support/fakes-leases.ts";

const OTHER = { ...USER, subject: "somebody-else", id: "user:t/somebody-else" };
function parts(changes: Partial<Lease> = {}) {
  const made = issueParts();
  const held = lease(changes);
  made.leases.set(held);
  return { ...made, held, stored: () => made.leases.rows.get(held.id)?.lease };
}
const revoke = (deps: RevokeDeps, id: string, by = USER) =>
  revokeLease(deps, id, by, { rule: "role:x", correlationId: "c-1" });

describe("revokeLease", () => {
  test("closes the lease, on the trail first, and says until when the credential still works", async () => {
    const { deps, held, stored, journal, events } = parts();
    const { lease: ended, done, notDone } = await revoke(deps, held.id);
    expect(journal).toEqual(["lease.find", "audit ok", "lease.replace done"]);
    expect(ended).toEqual({ ...held, state: "revoked", endedAt: "2026-11-21T10:00:00Z" });
    expect(stored()).toEqual(ended);
    expect([done.length, notDone.length]).toEqual([1, 1]);
    expect(notDone[0]).toContain(held.exposedUntil);
    expect(events).toMatchObject([
      {
        event: "lease.revoked",
        principalId: USER.id,
        leaseId: held.id,
        resourceId: held.resourceId,
        rule: "role:x",
        detail: { holder: USER.id, exposedUntil: held.exposedUntil },
        credentialMac: null,
      },
    ]);
  });

  test("an administrator ends another's, and the trail tells who ended whose", async () => {
    const { deps, held, stored, events } = parts();
    await revoke(deps, held.id, ADMIN);
    expect(stored()?.state).toBe("revoked");
    expect(events).toMatchObject([{ principalId: ADMIN.id, detail: { holder: USER.id } }]);
  });

  test("twice changes nothing, writes nothing, and says again what still works", async () => {
    const { deps, held, events, journal } = parts();
    const first = await revoke(deps, held.id);
    journal.length = 0;
    expect(await revoke(deps, held.id)).toEqual({ lease: first.lease, done: [], notDone: first.notDone });
    expect([journal, events.length]).toEqual([["lease.find"], 1]);
  });

  test("of one that has ended by itself changes nothing", async () => {
    const { deps, held, stored, events } = parts({
      expiresAt: "2026-11-21T10:00:00Z",
      exposedUntil: "2026-11-21T10:00:00Z",
    });
    expect(await revoke(deps, held.id)).toEqual({ lease: held, done: [], notDone: [] });
    expect([stored(), events]).toEqual([held, []]);
  });

  test("another's is NOT_FOUND; an auditor, who sees it, may not end it", async () => {
    const { deps, held, stored, events } = parts();
    await expect(revoke(deps, held.id, OTHER)).rejects.toMatchObject({ code: "NOT_FOUND" });
    const auditor = { ...OTHER, roles: ["Latchkey.Auditor", "Latchkey.User"] as const };
    await expect(revoke(deps, held.id, auditor)).rejects.toMatchObject({ code: "DENIED" });
    expect([stored(), events]).toEqual([held, []]);
  });

  test("without an audit record the lease stays open", async () => {
    const { deps, held, stored } = parts();
    const appendAudit = () => Promise.reject(unavailable("AUDIT_UNAVAILABLE"));
    await expect(revoke({ ...deps, appendAudit }, held.id)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(stored()).toEqual(held);
  });

  test("changed meanwhile: LEASE_CLOSED, and the record is withdrawn", async () => {
    const { deps, held, leases, events } = parts();
    const appendAudit: RevokeDeps["appendAudit"] = async (event) => {
      if (event.outcome === "ok") leases.set(held);
      await deps.appendAudit(event);
    };
    await expect(revoke({ ...deps, appendAudit }, held.id)).rejects.toMatchObject({ code: "LEASE_CLOSED" });
    expect(events.map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
  });
});
