import { describe, expect, test } from "vitest";
import type { AuditEvent } from "../../../../shared/audit/ports.ts";
import { type BreakGlassDeps, breakGlass, planBreakGlass } from "../../../../shared/credentials/break-glass.ts";
import type { Lease } from "../../../../shared/credentials/lease.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import { ADMIN, NOW_TEXT, now, SUBSCRIPTION, signIn, unavailable } from "../../../support/fakes.ts";
import { lease as leaseOf } from "../../../support/fakes-leases.ts";

const ACCOUNT = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/accountone`;
const request = { connector: "azure", storageAccount: "accountone", reason: "stolen" };
const context = { rule: "role:Latchkey.Admin", correlationId: "c-1" };

/** A SAS of this account through another connector. */
function lease(id: string, changes: Partial<Lease> = {}): Lease {
  return leaseOf({
    id,
    principalHash: "ab87e2363608",
    connectorId: "another-connector",
    resourceId: `${ACCOUNT.replace("resourceGroups/group", "resourceGroups/GROUP")}/blobServices/default/containers/data`,
    principal: { id: `user:t/${id}`, issuer: "i" },
    issuedAt: NOW_TEXT,
    ...changes,
  });
}

function parts(leases: readonly Lease[], changes: Partial<BreakGlassDeps> = {}) {
  const journal: string[] = [];
  const events: AuditEvent[] = [];
  const stored = new Map(leases.map((one) => [one.id, one]));
  const deps: BreakGlassDeps = {
    openStorageAccount: async (connector, text) => ({
      connector: { id: "id-1", name: connector, expiresAt: null },
      resourceId: ACCOUNT,
      displayName: text,
      account: { subscriptionId: SUBSCRIPTION, resourceGroup: "group", account: "accountone" },
      signIn: signIn(),
    }),
    revokeDelegationKeys: async () => void journal.push("revoke"),
    listLivingSas: async (after, limit) =>
      [...stored.values()]
        .filter(({ id }) => id > (after ?? ""))
        .slice(0, limit)
        .map((one) => ({ found: one, etag: "1" })),
    leases: {
      find: async (id) => {
        const found = stored.get(id);
        return found === undefined ? null : { lease: found, etag: "2" };
      },
      replace: async (next) => {
        journal.push(`close ${next.id}`);
        stored.set(next.id, next);
        return "3";
      },
    },
    appendAudit: async (event) => {
      journal.push(`audit ${event.event} ${event.outcome}`);
      events.push(event);
    },
    now,
    ...changes,
  };
  return { deps, journal, events, stored };
}

const OTHERS = lease("z", { resourceId: `${ACCOUNT}two/blobServices/default/containers/data` });

describe("planBreakGlass", () => {
  test("counts the leases of this account through any connector, and changes nothing", async () => {
    const { deps, journal } = parts([lease("a"), lease("b", { exposedUntil: "2026-11-21T12:00:00Z" }), OTHERS]);
    expect(await planBreakGlass(deps, "azure", "accountone")).toMatchObject({
      storageAccount: ACCOUNT,
      leases: 2,
      holders: ["user:t/a", "user:t/b"],
      latestEnd: "2026-11-21T12:00:00Z",
    });
    expect(journal).toEqual([]);
  });
});

describe("breakGlass", () => {
  test("record, then keys, then leases; those of another account live on", async () => {
    const { deps, journal, stored, events } = parts([lease("a"), OTHERS]);
    expect(await breakGlass(deps, request, ADMIN, context)).toMatchObject({ leasesClosed: 1, leasesLeft: 0 });
    expect(journal).toEqual(["audit connector.break-glass ok", "revoke", "audit lease.revoked ok", "close a"]);
    expect(stored.get("a")).toMatchObject({
      state: "revoked",
      revocation: "delayed",
      exposedUntil: "2026-11-21T11:00:00Z",
    });
    expect(stored.get("z")).toEqual(OTHERS);
    expect(events[0]).toMatchObject({ resourceId: ACCOUNT, detail: { reason: "stolen" } });
  });

  test("a lease whose SAS was made after the revocation lives on, also when it was issued before and renewed", async () => {
    const renewed = { issuedAt: "2026-11-21T08:00:00Z", mintedAt: "2026-11-21T10:00:01Z" };
    const { deps, stored, journal } = parts([lease("a", renewed)]);
    const result = await breakGlass(deps, request, ADMIN, context);
    expect([result.leasesClosed, result.leasesLeft, stored.get("a")?.state]).toEqual([0, 0, "active"]);
    expect(journal).not.toContain("audit lease.revoked ok");
  });

  test("a SAS counts by the key that signed it, not by when it was asked for", async () => {
    const late = { mintedAt: "2026-11-21T09:59:58Z", upstream: { delegationKeyAskedAt: "2026-11-21T10:00:01Z" } };
    const old = { mintedAt: "2026-11-21T10:00:05Z", upstream: { delegationKeyAskedAt: "2026-11-21T09:50:00Z" } };
    const { deps, stored } = parts([lease("late", late), lease("old", old)]);
    await breakGlass(deps, request, ADMIN, context);
    expect([stored.get("late")?.state, stored.get("old")?.state]).toEqual(["active", "revoked"]);
  });

  test("a lease that was ended before is not closed again, and its SAS is told all the same", async () => {
    const { deps, journal } = parts([lease("a", { state: "revoked", exposedUntil: "2026-11-22T09:00:00Z" })]);
    expect(await planBreakGlass(deps, "azure", "accountone")).toMatchObject({
      leases: 1,
      holders: ["user:t/a"],
      latestEnd: "2026-11-22T09:00:00Z",
    });
    const result = await breakGlass(deps, request, ADMIN, context);
    expect([result.leasesClosed, result.exposedUntil]).toEqual([0, "2026-11-22T09:00:00Z"]);
    expect(journal).toEqual(["audit connector.break-glass ok", "revoke"]);
  });

  test("a damaged record hides neither the others nor that the keys are dead", async () => {
    const { deps, stored } = parts([lease("b")]);
    const listLivingSas: BreakGlassDeps["listLivingSas"] = async (after, limit) =>
      after === null
        ? [{ found: { id: "a", damaged: true }, etag: "1" }, ...(await deps.listLivingSas(after, limit))]
        : [];
    const result = await breakGlass({ ...deps, listLivingSas }, request, ADMIN, context);
    expect([result.leasesClosed, stored.get("b")?.state]).toEqual([1, "revoked"]);
    expect(result.notDone.length).toBe(3);
    const defect = () => Promise.reject(new TypeError("ours"));
    expect((await breakGlass({ ...deps, listLivingSas: defect }, request, ADMIN, context)).notDone.length).toBe(3);
  });

  test("a lease that is renewed while it is being closed lives on, and the record that said otherwise is withdrawn", async () => {
    const { deps, stored, journal } = parts([lease("a")]);
    const replace = async () => {
      stored.set("a", lease("a", { mintedAt: "2026-11-21T10:00:05Z" }));
      return null;
    };
    const result = await breakGlass({ ...deps, leases: { ...deps.leases, replace } }, request, ADMIN, context);
    expect([result.leasesClosed, result.leasesLeft, stored.get("a")?.state]).toEqual([0, 0, "active"]);
    expect(journal.filter((line) => line.includes("lease.revoked"))).toEqual([
      "audit lease.revoked ok",
      "audit lease.revoked withdrawn",
    ]);
  });

  test.each([
    ["without a record nothing is done", "audit", []],
    [
      "what Azure refuses is withdrawn",
      403,
      ["audit connector.break-glass ok", "audit connector.break-glass withdrawn"],
    ],
    ["of a 5xx nobody knows: the record stands", 503, ["audit connector.break-glass ok"]],
    ["nor of silence", null, ["audit connector.break-glass ok"]],
  ])("%s", async (_what, failure, expected) => {
    const { deps, journal } = parts([lease("a")]);
    const broken: BreakGlassDeps =
      failure === "audit"
        ? { ...deps, appendAudit: () => Promise.reject(unavailable("AUDIT_UNAVAILABLE")) }
        : {
            ...deps,
            revokeDelegationKeys: () =>
              Promise.reject(
                new UpstreamError(failure === null ? "UPSTREAM_TIMEOUT" : "UPSTREAM_REFUSED", "no", {
                  retryable: true,
                  failure: { name: "RestError", status: Number(failure) || null, code: null },
                }),
              ),
          };
    await expect(breakGlass(broken, request, ADMIN, context)).rejects.toBeInstanceOf(UpstreamError);
    expect(journal).toEqual(expected);
  });

  test("records that cannot be closed are told, and the answer is still one", async () => {
    const closing = parts([lease("a"), lease("b")]);
    const down = { find: closing.deps.leases.find, replace: () => Promise.reject(unavailable("STATE_UNAVAILABLE")) };
    const left = await breakGlass({ ...closing.deps, leases: down }, request, ADMIN, context);
    expect([left.leasesClosed, left.leasesLeft]).toEqual([0, 2]);
    expect(closing.journal.filter((line) => line === "audit lease.revoked withdrawn")).toHaveLength(2);

    const { deps } = parts([]);
    const unread = () => Promise.reject(unavailable("STATE_UNAVAILABLE"));
    const answer = await breakGlass({ ...deps, listLivingSas: unread }, request, ADMIN, context);
    expect(answer.notDone.length).toBe(3);
  });

  test("a lease that others change meanwhile is closed as it is then, or was ended by them", async () => {
    const { deps, stored } = parts([lease("a")]);
    let tries = 0;
    const replace: BreakGlassDeps["leases"]["replace"] = async (next, etag) => {
      if (++tries === 1) return null;
      expect(etag).toBe("2");
      return deps.leases.replace(next, etag);
    };
    const result = await breakGlass({ ...deps, leases: { ...deps.leases, replace } }, request, ADMIN, context);
    expect([result.leasesClosed, stored.get("a")?.state]).toEqual([1, "revoked"]);
  });
});
