import { describe, expect, test } from "vitest";
import type { Lease } from "../../../../shared/credentials/lease.ts";
import type { UpstreamForm } from "../../../../shared/credentials/ports.ts";
import { type RevokeDeps, revokeLease } from "../../../../shared/credentials/revoke.ts";
import { ADMIN, USER, unavailable } from "../../../support/fakes.ts";
import { issueParts } from "../../../support/fakes-issue.ts";
import { lease } from "../../../support/fakes-leases.ts";
import { createProcess, createWorld } from "../../../support/lease-world.ts";

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

describe("of one that is being made", () => {
  const FORM = "docker-login";
  /** @param remove what removing it in Azure does */
  function pendingParts(issuedAt: string, changes: Partial<Lease> = {}, remove = async () => {}) {
    const made = parts({
      state: "pending",
      form: FORM,
      revocation: "delayed",
      issuedAt,
      upstream: { token: "t" },
      ...changes,
    });
    const notUsed = () => Promise.reject(new Error("only removed"));
    const form: UpstreamForm = {
      ...{ revocation: "delayed", plan: notUsed, make: notUsed, renew: notUsed },
      async remove() {
        await remove();
        return { exposedUntil: new Date("2026-11-21T11:00:00Z") };
      },
    };
    return { ...made, deps: { ...made.deps, upstreamForms: new Map([[FORM, form]]) } };
  }

  test("not before making it must be over: the refusal says when", async () => {
    const { deps, held, stored, events } = pendingParts("2026-11-21T09:55:01Z");
    await expect(revoke(deps, held.id)).rejects.toMatchObject({
      code: "LEASE_CLOSED",
      message: expect.stringContaining("2026-11-21T10:00:01Z"),
    });
    expect([stored(), events]).toEqual([held, []]);
  });

  test.each([USER, ADMIN])(
    "from then on its holder or an administrator ends it, and nothing is out: $id",
    async (by) => {
      const { deps, held, stored, events, leases } = pendingParts("2026-11-21T09:55:00Z");
      expect(await revoke(deps, held.id, by)).toMatchObject({
        lease: { id: held.id, state: "revoked" },
        done: [expect.any(String), "removed: token t"],
        notDone: [],
      });
      expect([stored(), leases.rows.size]).toEqual([undefined, 0]);
      expect(events.map(({ event, outcome }) => [event, outcome])).toEqual([
        ["lease.revoked", "ok"],
        ["credential.issued", "withdrawn"],
      ]);
    },
  );

  test("one that was given up already is ended at any time", async () => {
    const { deps, held, stored } = pendingParts("2026-11-21T09:59:00Z", { endedAt: "2026-11-21T09:59:30Z" });
    await revoke(deps, held.id);
    expect(stored()).toBeUndefined();
  });

  test("what cannot be removed now is tried again by the sweep", async () => {
    const failing = () => Promise.reject(unavailable("VAULT_UNAVAILABLE"));
    const { deps, held, stored } = pendingParts("2026-11-21T09:55:00Z", {}, failing);
    expect(await revoke(deps, held.id)).toMatchObject({ lease: { state: "pending" }, notDone: [expect.any(String)] });
    expect(stored()?.endedAt).toBe("2026-11-21T10:00:00Z");
    expect(await deps.leaseDue.list(new Date("2026-11-21T11:00:00Z"), null, 9)).toHaveLength(1);
  });

  test("one that the sweep has removed meanwhile is NOT_FOUND, and the record is withdrawn", async () => {
    const { deps, held, leases, events } = pendingParts("2026-11-21T09:55:00Z");
    const appendAudit: RevokeDeps["appendAudit"] = async (event) => {
      leases.rows.delete(held.id);
      await deps.appendAudit(event);
    };
    await expect(revoke({ ...deps, appendAudit }, held.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(events.map(({ outcome }) => outcome)).toEqual(["ok", "withdrawn"]);
  });

  test("whose making takes very long is ended by its holder: whoever makes it removes it, and gives nothing out", async () => {
    const world = createWorld();
    const outcomes: unknown[] = [];
    const frozen = createProcess(
      world,
      () => "done",
      async () => {},
      async (call) => {
        if (call !== "make") return;
        const id = [...world.leases.rows.keys()][0] ?? "";
        await world.pass(299);
        outcomes.push(await createProcess(world, () => "done").revoke(id));
        await world.pass(1);
        outcomes.push(await createProcess(world, () => "done").revoke(id));
      },
    );
    expect(await frozen.issue()).toBe("UPSTREAM_TIMEOUT");
    expect(outcomes).toEqual(["LEASE_CLOSED", expect.objectContaining({ notDone: [] })]);
    expect([world.upstream.size, world.leases.rows.size, world.answered]).toEqual([0, 0, []]);
    await world.pass(600);
    await createProcess(world, () => "done").sweep();
    expect(world.leaseDue.times.size).toBe(0);
  });
});
