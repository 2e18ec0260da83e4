import { describe, expect, test } from "vitest";
import { type IssueDeps, issueCredential } from "../../../../shared/credentials/issue.ts";
import { ConflictError, DeniedError } from "../../../../shared/errors.ts";
import { principalHash } from "../../../../shared/ids.ts";
import { ADMIN, USER, unavailable } from "../../../support/fakes.ts";
import { containerId } from "../../../support/fakes-access.ts";
import { CREDENTIAL_REQUEST, ISSUED_SAS, issueParts } from "../../../support/fakes-issue.ts";

const RESOURCE = containerId("data");
/** What comes before the records. */
const MADE = [`authorize ${USER.id} azure az://data`, `open azure ${RESOURCE}`, "mint", "mac"];
const issue = (deps: IssueDeps, changes: Partial<typeof CREDENTIAL_REQUEST> = {}) =>
  issueCredential(deps, { ...CREDENTIAL_REQUEST, ...changes }, USER, "c-1");

describe("issueCredential", () => {
  test("asks policy, resolves, mints, marks, and answers once lease and audit are written", async () => {
    const { deps, journal, leases, events, minted } = issueParts();
    const issued = await issue(deps);
    expect(journal).toEqual([...MADE, "audit ok", "lease.insert"]);
    expect(minted).toMatchObject([
      { account: "accountone", container: "data", permissions: "rl", expiresAt: new Date("2026-11-21T10:10:00Z") },
    ]);
    expect(issued.credential).toMatchObject({ kind: "sas", sasToken: ISSUED_SAS });
    expect([...leases.rows.values()].map(({ lease }) => lease)).toEqual([issued.lease]);
    expect(issued.lease).toMatchObject({
      state: "active",
      resourceId: RESOURCE,
      issuedAt: "2026-11-21T10:00:00Z",
      expiresAt: "2026-11-21T10:10:00Z",
      exposedUntil: "2026-11-21T10:10:00Z",
      revocation: "expiry-only",
      project: "vision",
      rule: "grant:lend",
      principal: { id: USER.id, issuer: USER.issuer },
    });
    expect(issued.lease.id.startsWith(`${principalHash(USER)}-`)).toBe(true);
    expect(events).toMatchObject([
      {
        event: "credential.issued",
        principalId: USER.id,
        rule: "grant:lend",
        leaseId: issued.lease.id,
        resourceId: RESOURCE,
        credentialMac: `v1:${ISSUED_SAS.length}`,
        correlationId: "c-1",
      },
    ]);
    expect(events[0]?.detail).toMatchObject({ connector: "azure", access: ["read", "list"], reason: "train 42" });
  });

  test("neither lease nor audit hold the credential", async () => {
    const { deps, leases, events } = issueParts();
    await issue(deps);
    expect([leases.rows.size, events.length]).toEqual([1, 1]);
    expect(JSON.stringify([[...leases.rows.values()], events])).not.toContain("the-signature");
  });

  test("waits for both records before it answers", async () => {
    for (const late of ["lease", "audit"]) {
      const { deps, journal } = issueParts();
      let release = () => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      const slow: IssueDeps = {
        ...deps,
        appendAudit: async (event) => {
          if (late === "audit") await gate;
          await deps.appendAudit(event);
        },
        leases: {
          ...deps.leases,
          async insert(lease) {
            if (late === "lease") await gate;
            return deps.leases.insert(lease);
          },
        },
      };
      const answer = issue(slow).then(() => void journal.push("answered"));
      // Two turns of the event loop: everything that does not wait for the gate has happened.
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect(journal).not.toContain("answered");
      release();
      await answer;
      expect(journal.at(-1)).toBe("answered");
    }
  });

  test.each<[string, (deps: IssueDeps) => IssueDeps, string, string[]]>([
    [
      "audit",
      (deps) => ({
        ...deps,
        appendAudit: (event) =>
          event.outcome === "ok" ? Promise.reject(unavailable("AUDIT_UNAVAILABLE")) : deps.appendAudit(event),
      }),
      "AUDIT_UNAVAILABLE",
      ["lease.insert", "audit withdrawn", "lease.remove"],
    ],
    [
      "lease",
      (deps) => ({
        ...deps,
        leases: { ...deps.leases, insert: () => Promise.reject(unavailable("STATE_UNAVAILABLE")) },
      }),
      "STATE_UNAVAILABLE",
      ["audit ok", "audit withdrawn", "lease.remove"],
    ],
  ])("%s fails: no answer, and both records are taken back", async (_what, broken, code, expected) => {
    const { deps, journal, leases } = issueParts();
    await expect(issue(broken(deps))).rejects.toMatchObject({ code });
    expect(journal).toEqual([...MADE, ...expected]);
    expect(leases.rows.size).toBe(0);
  });

  test("what cannot be taken back does not hide the first failure", async () => {
    const { deps } = issueParts();
    const down = () => Promise.reject(unavailable("AUDIT_UNAVAILABLE"));
    const broken = { ...deps, appendAudit: down, leases: { ...deps.leases, remove: down } };
    await expect(issue(broken)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
  });

  test("nobody waits for what is taken back", async () => {
    const { deps, journal } = issueParts();
    const never = new Promise<void>(() => {});
    const stuck: IssueDeps = {
      ...deps,
      appendAudit: (event) => {
        journal.push(`audit ${event.outcome}`);
        return event.outcome === "ok" ? Promise.reject(unavailable("AUDIT_UNAVAILABLE")) : never;
      },
      leases: { ...deps.leases, remove: () => never },
    };
    await expect(issue(stuck)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(journal).toContain("audit withdrawn");
  });

  const vaultDown = () => Promise.reject(unavailable("VAULT_UNAVAILABLE"));
  const denied = () => Promise.reject(new DeniedError("DENIED", "x"));
  const expired = () => Promise.reject(new ConflictError("CONNECTOR_EXPIRED", "x"));
  test.each<[string, Partial<IssueDeps>, string, string[]]>([
    ["policy", { authorize: denied }, "DENIED", []],
    ["resolving", { openContainer: expired }, "CONNECTOR_EXPIRED", MADE.slice(0, 1)],
    ["minting", { issueBlobSas: vaultDown }, "VAULT_UNAVAILABLE", MADE.slice(0, 2)],
    ["marking", { computeMac: vaultDown }, "VAULT_UNAVAILABLE", MADE.slice(0, 3)],
  ])("%s fails: nothing is recorded", async (_what, broken, code, expected) => {
    const { deps, journal } = issueParts();
    await expect(issue({ ...deps, ...broken })).rejects.toMatchObject({ code });
    expect(journal).toEqual(expected);
  });
});

describe("issueCredential through a connector that expires", () => {
  test("up to its expiry: the life that was asked for, and no renewal beyond", async () => {
    const { deps, leases } = issueParts({ connectorExpiresAt: "2026-11-21T10:10:00Z" });
    const { lease } = await issue(deps);
    expect(lease).toMatchObject({ expiresAt: "2026-11-21T10:10:00Z", maxUntil: "2026-11-21T10:10:00Z" });
    expect(leases.rows.get(lease.id)?.lease).toEqual(lease);
  });

  test("beyond its expiry: refused with the longest life, before anything is minted or recorded", async () => {
    const { deps, journal } = issueParts({ connectorExpiresAt: "2026-11-21T10:09:59Z" });
    await expect(issue(deps)).rejects.toMatchObject({
      code: "INVALID_REQUEST",
      problems: [{ path: "/ttlSeconds", expected: "at most 599" }],
    });
    expect(journal).toEqual(MADE.slice(0, 2));
  });

  test.each([null, "2026-12-31T00:00:00Z"])("expiry %s: renewals end after a week", async (expiresAt) => {
    const { deps } = issueParts({ connectorExpiresAt: expiresAt });
    expect((await issue(deps)).lease.maxUntil).toBe("2026-11-28T10:00:00Z");
  });
});

describe("issueCredential by a grant", () => {
  test("policy is asked for what the caller wrote, with the default form of the type", async () => {
    const { deps, asks } = issueParts();
    await issue(deps);
    expect(asks).toEqual([
      {
        connector: "azure",
        resourceType: "blob-container",
        resourceId: "az://data",
        access: ["read", "list"],
        scope: {},
        form: "sas",
        defaultForm: "sas",
        isWhole: false,
        ttlSeconds: 600,
        project: "vision",
        domain: null,
      },
    ]);
  });

  test("what is opened is the resource that policy allowed, not the text of the request", async () => {
    const { deps, journal } = issueParts({ allowed: { resourceId: containerId("granted") } });
    await issue(deps);
    expect(journal).toContain(`open azure ${containerId("granted")}`);
  });

  test.each<[string, number | null, number, string]>([
    ["no life asked for: an hour", null, 86_400, "2026-11-21T11:00:00Z"],
    ["no life asked for, and less granted: as long as that", null, 300, "2026-11-21T10:05:00Z"],
    ["a life asked for: that life", 600, 86_400, "2026-11-21T10:10:00Z"],
  ])("%s", async (_what, ttlSeconds, maxTtlSeconds, expiresAt) => {
    const { deps, minted } = issueParts({ allowed: { maxTtlSeconds } });
    const { lease } = await issue(deps, { ttlSeconds });
    expect(lease).toMatchObject({ expiresAt, exposedUntil: expiresAt });
    expect(minted).toMatchObject([{ expiresAt: new Date(expiresAt) }]);
  });

  test("a grant that ends: no renewal reaches beyond it", async () => {
    const { deps } = issueParts({ allowed: { grantExpiresAt: "2026-11-21T12:00:00Z", maxTtlSeconds: 3600 } });
    expect((await issue(deps)).lease.maxUntil).toBe("2026-11-21T12:00:00Z");
  });

  test("the lease is its caller's alone", async () => {
    const { deps } = issueParts();
    const { lease } = await issue(deps);
    expect(lease.principalHash).not.toBe(principalHash(ADMIN));
  });
});
