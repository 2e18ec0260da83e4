import { describe, expect, test } from "vitest";
import type { IssueDeps } from "../../../../shared/credentials/issue.ts";
import type { Lease } from "../../../../shared/credentials/lease.ts";
import { renewLease } from "../../../../shared/credentials/renew.ts";
import { revokeLease } from "../../../../shared/credentials/revoke.ts";
import { DeniedError } from "../../../../shared/errors.ts";
import { ADMIN, USER, unavailable } from "../../../support/fakes.ts";
import { containerId } from "../../../support/fakes-access.ts";
import { ISSUED_SAS, issueParts } from "../../../support/fakes-issue.ts";
import { lease } from "../../../support/fakes-leases.ts";

const RESOURCE = containerId("data");
/** A lease of half an hour ago. */
const OLD: Partial<Lease> = {
  issuedAt: "2026-11-21T09:30:00Z",
  expiresAt: "2026-11-21T10:05:00Z",
  exposedUntil: "2026-11-21T10:05:00Z",
  project: "vision",
  rule: "grant:old",
};
function parts(changes: Partial<Lease> = {}, options: Parameters<typeof issueParts>[0] = {}) {
  const made = issueParts(options);
  const held = lease({ ...OLD, ...changes });
  made.leases.set(held);
  return { ...made, held };
}
const renew = (deps: IssueDeps, id: string, ttlSeconds: number | null = 600, by = USER) =>
  renewLease(deps, id, ttlSeconds, by, "c-2");

describe("renewLease", () => {
  test("asks policy anew, mints, marks, and answers the same lease once both records are written", async () => {
    const { deps, held, journal, events, leases } = parts();
    const renewed = await renew(deps, held.id);
    expect(journal).toEqual([
      "lease.find",
      `authorize ${USER.id} azure ${RESOURCE}`,
      `open azure ${RESOURCE}`,
      "mint",
      "mac",
      "audit ok",
      "lease.replace done",
    ]);
    expect(renewed.lease).toEqual({
      ...held,
      expiresAt: "2026-11-21T10:10:00Z",
      refreshAfter: "2026-11-21T10:08:00Z",
      exposedUntil: "2026-11-21T10:10:00Z",
      rule: "grant:lend",
      upstream: { delegationKeyAskedAt: "2026-11-21T10:00:00Z" },
    });
    expect(renewed.credential).toMatchObject({ kind: "sas", sasToken: ISSUED_SAS });
    expect(leases.rows.get(held.id)?.lease).toEqual(renewed.lease);
    expect(events).toMatchObject([{ event: "credential.renewed", leaseId: held.id, correlationId: "c-2" }]);
    expect(JSON.stringify([events, [...leases.rows.values()]])).not.toContain("the-signature");
  });

  test("asks for what the lease is for, and nothing else", async () => {
    const { deps, held, asks } = parts();
    await renew(deps, held.id);
    expect(asks).toMatchObject([
      { resourceType: "blob-container", resourceId: RESOURCE, access: held.access, project: "vision", ttlSeconds: 600 },
    ]);
  });

  test("the secret of before may outlive the new one: exposed until the later end", async () => {
    const { deps, held } = parts({ expiresAt: "2026-11-21T12:00:00Z", exposedUntil: "2026-11-21T12:00:00Z" });
    const { lease: renewed } = await renew(deps, held.id, 60);
    expect(renewed).toMatchObject({ expiresAt: "2026-11-21T10:01:00Z", exposedUntil: "2026-11-21T12:00:00Z" });
  });

  test("another's lease is NOT_FOUND, also for an administrator, and policy is not asked", async () => {
    const { deps, held, journal } = parts();
    const other = { ...USER, subject: "somebody-else" };
    for (const by of [other, ADMIN]) {
      await expect(renew(deps, held.id, 600, by)).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
    expect(journal).toEqual([]);
  });

  test.each<[string, Partial<Lease>]>([
    ["revoked", { state: "revoked" }],
    ["expired now", { expiresAt: "2026-11-21T10:00:00Z" }],
    ["at the end of its renewals", { maxUntil: "2026-11-21T10:00:00Z" }],
  ])("one that is %s is LEASE_CLOSED, and nothing is made", async (_what, changes) => {
    const { deps, held, minted, events } = parts(changes);
    await expect(renew(deps, held.id)).rejects.toMatchObject({ code: "LEASE_CLOSED" });
    expect([minted, events]).toEqual([[], []]);
  });

  test("policy that allows it no more: refused, nothing is made, and the lease is as it was", async () => {
    const { deps, held, minted, events, leases } = parts();
    const denied = { ...deps, authorize: () => Promise.reject(new DeniedError("DENIED", "x")) };
    await expect(renew(denied, held.id)).rejects.toMatchObject({ code: "DENIED" });
    expect([minted, events, leases.rows.get(held.id)?.lease]).toEqual([[], [], held]);
  });

  test("no life asked for: up to the end of all renewals and not beyond", async () => {
    const { deps, held } = parts({ maxUntil: "2026-11-21T10:20:00Z" });
    expect((await renew(deps, held.id, null)).lease.expiresAt).toBe("2026-11-21T10:20:00Z");
  });

  test("a life beyond the end of all renewals is LEASE_CLOSED, and none is answered or recorded", async () => {
    const { deps, held, events, leases } = parts({ maxUntil: "2026-11-21T10:20:00Z" });
    await expect(renew(deps, held.id, 1201)).rejects.toMatchObject({ code: "LEASE_CLOSED" });
    expect([events, leases.rows.get(held.id)?.lease]).toEqual([[], held]);
    expect((await renew(deps, held.id, 1200)).lease.expiresAt).toBe("2026-11-21T10:20:00Z");
  });
});

describe("meanwhile", () => {
  test("revoked while it is renewed: the new secret is never answered, its record is withdrawn, the lease stays revoked", async () => {
    const { deps, held, events, leases } = parts();
    const slow: IssueDeps = {
      ...deps,
      async issueBlobSas(wanted) {
        const sas = await deps.issueBlobSas(wanted);
        await revokeLease(deps, held.id, USER, {
          rule: "role:Latchkey.User",
          correlationId: "c-3",
          isAnyVersion: true,
        });
        return sas;
      },
    };
    const answer = await renew(slow, held.id).catch((error: unknown) => error);
    expect(answer).toMatchObject({ code: "LEASE_CLOSED" });
    expect(JSON.stringify(answer)).not.toContain("the-signature");
    expect(leases.rows.get(held.id)?.lease.state).toBe("revoked");
    expect(events.map(({ event, outcome }) => `${event} ${outcome}`)).toEqual([
      "lease.revoked ok",
      "credential.renewed ok",
      "credential.renewed withdrawn",
    ]);
  });

  test.each<[Partial<Lease>, number, boolean]>([
    [{}, 60, true],
    [{}, 59, false],
    [{ resourceType: "docker-registry", form: "docker-login" }, 299, false],
    [{ resourceType: "docker-registry", form: "docker-login" }, 43_201, false],
    [{ resourceType: "kubernetes-cluster", form: "service-account" }, 599, false],
    [{ resourceType: "kubernetes-cluster", form: "service-account" }, 43_201, false],
    [{ resourceType: "kubernetes-cluster", form: "admin" }, 600, false],
    [{ resourceType: "key-vault-secret", form: "secret" }, 600, false],
  ])("%j for %i seconds is a life that can be asked for: %s", async (changes, ttlSeconds, isTaken) => {
    const { deps, held, journal } = parts(changes);
    const answer = renew(deps, held.id, ttlSeconds);
    if (isTaken) await expect(answer).resolves.toBeDefined();
    else await expect(answer).rejects.toMatchObject({ code: "INVALID_REQUEST", problems: [{ path: "/ttlSeconds" }] });
    expect(journal.some((call) => call.startsWith("authorize"))).toBe(isTaken);
  });

  test("renewed twice at once: one new secret is answered", async () => {
    const { deps, held } = parts();
    const answers = await Promise.allSettled([renew(deps, held.id), renew(deps, held.id)]);
    expect(answers.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(answers.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "LEASE_CLOSED" } });
  });

  test.each<[string, (deps: IssueDeps) => IssueDeps, string]>([
    [
      "audit",
      (deps) => ({
        ...deps,
        appendAudit: (event) =>
          event.outcome === "ok" ? Promise.reject(unavailable("AUDIT_UNAVAILABLE")) : deps.appendAudit(event),
      }),
      "AUDIT_UNAVAILABLE",
    ],
    [
      "lease",
      (deps) => ({
        ...deps,
        leases: { ...deps.leases, replace: () => Promise.reject(unavailable("STATE_UNAVAILABLE")) },
      }),
      "STATE_UNAVAILABLE",
    ],
  ])("%s fails: no answer, and the record is withdrawn", async (_what, broken, code) => {
    const { deps, held, events } = parts();
    await expect(renew(broken(deps), held.id)).rejects.toMatchObject({ code });
    expect(events.at(-1)).toMatchObject({ event: "credential.renewed", outcome: "withdrawn", leaseId: held.id });
  });
});
