import { describe, expect, test } from "vitest";
import type { AuditEvent } from "../../../../shared/audit/record.ts";
import { blobCredentialRequestSchema } from "../../../../shared/credentials/blob-container.ts";
import { type IssueDeps, issueBlobCredential } from "../../../../shared/credentials/issue.ts";
import type { Lease } from "../../../../shared/credentials/lease.ts";
import { ConflictError } from "../../../../shared/errors.ts";
import { principalHash } from "../../../../shared/ids.ts";
import { ADMIN, connectorRequest, countingBytes, now, SUBSCRIPTION, unavailable } from "../../../support/fakes.ts";

const SAS = "sv=2026-04-06&sig=the-signature-that-must-not-be-kept";
const RESOURCE = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/accountone/blobServices/default/containers/data`;
const request = {
  ...blobCredentialRequestSchema.parse({
    resourceType: "blob-container",
    resourceId: "az://data",
    access: ["read", "list"],
    ttlSeconds: 600,
    project: "vision",
    reason: "train 42",
  }),
  connector: "azure",
};
const context = { rule: "role:Latchkey.Admin", correlationId: "c-1" };

function parts(expiresAt: string | null = null) {
  const journal: string[] = [];
  const leases: Lease[] = [];
  const events: AuditEvent[] = [];
  const asked: Parameters<IssueDeps["issueBlobSas"]>[0][] = [];
  const deps: IssueDeps = {
    async openContainer(name, resourceId) {
      journal.push(`open ${name} ${resourceId}`);
      return {
        connector: { id: "id-1", name, expiresAt },
        resourceId: RESOURCE,
        displayName: "az://data",
        container: { subscriptionId: SUBSCRIPTION, resourceGroup: "group", account: "accountone", container: "data" },
        signIn: {
          key: "k",
          cloud: "public",
          configuration: connectorRequest().configuration,
          clientSecret: async () => "s",
        },
      };
    },
    async issueBlobSas(wanted) {
      journal.push("mint");
      asked.push(wanted);
      const accountUrl = "https://accountone.blob.core.windows.net";
      return { accountUrl, containerUrl: `${accountUrl}/data`, sasToken: SAS };
    },
    leases: {
      async insert(lease) {
        journal.push("lease.insert");
        leases.push(lease);
      },
      async remove(lease) {
        journal.push("lease.remove");
        leases.splice(leases.indexOf(lease), 1);
      },
    },
    async appendAudit(event) {
      journal.push(`audit ${event.outcome}`);
      events.push(event);
    },
    async computeMac(credential) {
      journal.push("mac");
      return `v1:${credential.length}`;
    },
    now,
    randomBytes: countingBytes,
  };
  return { deps, journal, leases, events, asked };
}
const issue = (deps: IssueDeps) => issueBlobCredential(deps, request, ADMIN, context);

describe("issueBlobCredential", () => {
  test("resolves, mints, marks, and answers once lease and audit are written", async () => {
    const { deps, journal, leases, events, asked } = parts();
    const issued = await issue(deps);
    expect(journal).toEqual(["open azure az://data", "mint", "mac", "audit ok", "lease.insert"]);
    expect(asked).toMatchObject([
      { account: "accountone", container: "data", permissions: "rl", expiresAt: new Date("2026-11-21T10:10:00Z") },
    ]);
    expect(issued.credential.sasToken).toBe(SAS);
    expect(issued.lease).toEqual(leases[0]);
    expect(issued.lease).toMatchObject({
      state: "active",
      resourceId: RESOURCE,
      issuedAt: "2026-11-21T10:00:00Z",
      expiresAt: "2026-11-21T10:10:00Z",
      exposedUntil: "2026-11-21T10:10:00Z",
      revocation: "expiry-only",
      project: "vision",
      rule: context.rule,
    });
    expect(issued.lease.id.startsWith(`${principalHash(ADMIN)}-`)).toBe(true);
    expect(events).toMatchObject([
      { leaseId: issued.lease.id, resourceId: RESOURCE, credentialMac: `v1:${SAS.length}`, correlationId: "c-1" },
    ]);
    expect(events[0]?.detail).toMatchObject({ connector: "azure", access: ["read", "list"], reason: "train 42" });
  });

  test("neither lease nor audit hold the credential", async () => {
    const { deps, leases, events } = parts();
    await issue(deps);
    expect(JSON.stringify({ leases, events })).not.toContain("the-signature");
  });

  test("waits for both records before it answers", async () => {
    for (const late of ["lease", "audit"]) {
      const { deps, journal } = parts();
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
            await deps.leases.insert(lease);
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
    const { deps, journal, leases } = parts();
    await expect(issue(broken(deps))).rejects.toMatchObject({ code });
    expect(journal.slice(3)).toEqual(expected);
    expect(leases).toEqual([]);
  });

  test("what cannot be taken back does not hide the first failure", async () => {
    const { deps } = parts();
    const down = () => Promise.reject(unavailable("AUDIT_UNAVAILABLE"));
    const broken = { ...deps, appendAudit: down, leases: { ...deps.leases, remove: down } };
    await expect(issue(broken)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
  });

  test("nobody waits for what is taken back", async () => {
    const { deps, journal } = parts();
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
  const expired = () => Promise.reject(new ConflictError("CONNECTOR_EXPIRED", "x"));
  test.each<[string, Partial<IssueDeps>, string, string[]]>([
    ["resolving", { openContainer: expired }, "CONNECTOR_EXPIRED", []],
    ["minting", { issueBlobSas: vaultDown }, "VAULT_UNAVAILABLE", ["open azure az://data"]],
    ["marking", { computeMac: vaultDown }, "VAULT_UNAVAILABLE", ["open azure az://data", "mint"]],
  ])("%s fails: nothing is recorded", async (_what, broken, code, expected) => {
    const { deps, journal } = parts();
    await expect(issue({ ...deps, ...broken })).rejects.toMatchObject({ code });
    expect(journal).toEqual(expected);
  });
});

describe("issueBlobCredential through a connector that expires", () => {
  test("up to its expiry: the life that was asked for, and no renewal beyond", async () => {
    const { deps, leases } = parts("2026-11-21T10:10:00Z");
    const { lease } = await issue(deps);
    expect(lease).toMatchObject({ expiresAt: "2026-11-21T10:10:00Z", maxUntil: "2026-11-21T10:10:00Z" });
    expect(leases).toEqual([lease]);
  });

  test("beyond its expiry: refused with the longest life, before anything is minted or recorded", async () => {
    const { deps, journal } = parts("2026-11-21T10:09:59Z");
    await expect(issue(deps)).rejects.toMatchObject({
      code: "INVALID_REQUEST",
      problems: [{ path: "/ttlSeconds", expected: "at most 599" }],
    });
    expect(journal).toEqual(["open azure az://data"]);
  });

  test.each([null, "2026-12-31T00:00:00Z"])("expiry %s: renewals end after a day", async (expiresAt) => {
    const { deps } = parts(expiresAt);
    expect((await issue(deps)).lease.maxUntil).toBe("2026-11-22T10:00:00Z");
  });
});
