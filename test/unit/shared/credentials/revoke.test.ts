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
const revoke = (deps: RevokeDeps, id: string, by = USER, isAnyVersion = true) =>
  revokeLease(deps, id, by, { rule: "role:x", correlationId: "c-1", isAnyVersion });

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

  /** Somebody else changes the lease before it is replaced, so many times. */
  const changing = (count: number) => {
    const made = parts();
    let left = count;
    const replace: RevokeDeps["leases"]["replace"] = async (next, etag) => {
      if (left-- > 0) made.leases.set({ ...made.held, mintedAt: "2026-11-21T10:00:00Z" });
      return made.deps.leases.replace(next, etag);
    };
    return { ...made, deps: { ...made.deps, leases: { ...made.deps.leases, replace } } };
  };

  test("a holder who renews in a loop does not keep it alive, and it is on the trail once", async () => {
    const { deps, held, stored, events } = changing(9);
    expect((await revoke(deps, held.id)).lease.state).toBe("revoked");
    expect([stored()?.state, events.map(({ outcome }) => outcome)]).toEqual(["revoked", ["ok"]]);
  });

  test.each([
    ["every time", 10, true],
    ["once, where the caller ends it as it was seen", 1, false],
  ])("changed meanwhile, %s: LEASE_CLOSED, and the record is withdrawn", async (_, count, isAnyVersion) => {
    const { deps, held, stored, events } = changing(count);
    await expect(revoke(deps, held.id, USER, isAnyVersion)).rejects.toMatchObject({ code: "LEASE_CLOSED" });
    expect([stored()?.state, events.map(({ outcome }) => outcome)]).toEqual(["active", ["ok", "withdrawn"]]);
  });
});
