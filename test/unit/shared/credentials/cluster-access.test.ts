import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { AKS_SERVER_APP } from "../../../../shared/cloud.ts";
import { type MintClusterAccessDeps, mintClusterAccess } from "../../../../shared/credentials/cluster-access.ts";
import { type IssueDeps, issueCredential } from "../../../../shared/credentials/issue.ts";
import { clusterCredentialRequestSchema } from "../../../../shared/credentials/kubernetes-cluster.ts";
import { leaseEnd, stateOf } from "../../../../shared/credentials/lease.ts";
import type { MintRequest } from "../../../../shared/credentials/minted.ts";
import { renewLease } from "../../../../shared/credentials/renew.ts";
import { revokeLease } from "../../../../shared/credentials/revoke.ts";
import { DeniedError } from "../../../../shared/errors.ts";
import { NOW, NOW_TEXT, TENANT, USER } from "../../../support/fakes.ts";
import { CLUSTER_ID, CLUSTER_SERVER, clusterRequest, openedCluster } from "../../../support/fakes-cluster.ts";
import { issueParts } from "../../../support/fakes-issue.ts";

const HOUR_MS = 3_600_000;
const ADMIN = { certificateData: "Y2VydGlmaWNhdGU=", keyData: "a2V5" };

function parts(opened = openedCluster(), tokenEnd = new Date(NOW.getTime() + HOUR_MS)) {
  const audiences: string[] = [];
  const deps: MintClusterAccessDeps = {
    openCluster: async () => opened,
    readClusterServer: async () => CLUSTER_SERVER,
    readClusterAdmin: async () => ({ server: CLUSTER_SERVER, user: ADMIN, endsAt: new Date("2028-01-01") }),
    refuseClusterToken: () => undefined,
    async issueToken({ audience }) {
      audiences.push(audience);
      return { token: "the-token", expiresAt: tokenEnd, tenantId: TENANT };
    },
  };
  return { deps, audiences };
}
const mint = (form: string, deps = parts().deps, changes: Partial<MintRequest> = {}) =>
  mintClusterAccess(deps, clusterRequest({ form, scope: {}, ...changes }), NOW);
const written = (minted: Awaited<ReturnType<typeof mint>>) => {
  if (minted.credential.kind !== "kubeconfig") throw new Error("another kind");
  return { ...minted.credential, config: parse(minted.credential.kubeconfig) };
};

describe("exec", () => {
  test("gives no secret, and is over when it is given", async () => {
    const minted = await mint("exec", parts().deps, { scope: { namespace: "vision" } });
    expect(minted).toMatchObject({
      times: { issuedAt: NOW_TEXT, expiresAt: null, refreshAfter: null },
      exposedUntil: NOW_TEXT,
      marked: null,
      resourceId: CLUSTER_ID,
    });
    const { config, context, namespace } = written(minted);
    expect(namespace).toBe("vision");
    expect(config).toEqual({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: context,
          cluster: { server: CLUSTER_SERVER.url, "certificate-authority-data": CLUSTER_SERVER.authorityData },
        },
      ],
      users: [
        {
          name: context,
          user: {
            exec: {
              apiVersion: "client.authentication.k8s.io/v1beta1",
              command: "kubelogin",
              args: [
                ...["get-token", "--login", "azurecli", "--environment", "AzurePublicCloud"],
                ...["--server-id", AKS_SERVER_APP, "--tenant-id", TENANT],
              ],
              env: null,
              installHint: expect.any(String),
              interactiveMode: "IfAvailable",
              provideClusterInfo: false,
            },
          },
        },
      ],
      contexts: [{ name: context, context: { cluster: context, user: context, namespace: "vision" } }],
      "current-context": context,
    });
  });

  test("leaves a lease that is over at once, and ending it says that nothing was given out", async () => {
    const allowed = { resourceId: CLUSTER_ID, maxTtlSeconds: 3_600 };
    const deps: IssueDeps = { ...issueParts({ allowed }).deps, ...parts().deps };
    const body = { resourceType: "kubernetes-cluster", resourceId: "training", access: ["use"], form: "exec" };
    const request = { ...clusterCredentialRequestSchema.parse(body), connector: "azure" };
    const { lease } = await issueCredential(deps, request, USER, "c-1");
    expect(stateOf(lease, NOW)).toBe("expired");
    expect(leaseEnd(lease)).toBe(NOW.getTime());
    expect(await revokeLease(deps, lease.id, USER, { rule: "r", correlationId: "c-1", isAnyVersion: true })).toEqual({
      lease,
      done: [],
      notDone: [expect.any(String)],
    });
    await expect(renewLease(deps, lease.id, null, USER, "c-1")).rejects.toMatchObject({ code: "LEASE_CLOSED" });
  });

  test("needs a cluster with Entra", async () => {
    const { deps } = parts(openedCluster({ hasEntra: false }));
    await expect(mint("exec", deps)).rejects.toMatchObject({ code: "MODE_UNSUPPORTED" });
  });
});

describe("entra-token", () => {
  test("is for the clusters' own application", async () => {
    const { deps, audiences } = parts();
    const minted = await mint("entra-token", deps);
    expect(audiences).toEqual([AKS_SERVER_APP]);
    expect(minted).toMatchObject({ marked: "the-token", exposedUntil: "2026-11-21T11:00:00Z" });
    expect(written(minted).config.users[0].user).toEqual({ token: "the-token" });
  });

  test("is refused when it would outlive what was allowed", async () => {
    const { deps } = parts(openedCluster(), new Date(NOW.getTime() + 2 * HOUR_MS));
    await expect(mint("entra-token", deps)).rejects.toMatchObject({ code: "SCOPE_TOO_WIDE" });
  });

  test("of another tenant than the cluster's is refused", async () => {
    const { deps } = parts(openedCluster({ tenantId: "7a6b5c4d-3e2f-4018-9a0b-1c2d3e4f5061" }));
    await expect(mint("entra-token", deps)).rejects.toMatchObject({ code: "CROSS_TENANT" });
  });

  test("is not asked for a sign-in whose tokens are not lent", async () => {
    const { deps, audiences } = parts();
    const refuseClusterToken = () => {
      throw new DeniedError("DENIED", "the app itself");
    };
    await expect(mint("entra-token", { ...deps, refuseClusterToken })).rejects.toMatchObject({ code: "DENIED" });
    expect(audiences).toEqual([]);
  });
});

describe("admin", () => {
  test("leaves a lease whose life nobody chooses, at renewal either", async () => {
    const allowed = { resourceId: CLUSTER_ID, maxTtlSeconds: 3_600 };
    const deps: IssueDeps = { ...issueParts({ allowed }).deps, ...parts().deps };
    const body = { resourceType: "kubernetes-cluster", resourceId: "training", access: ["admin"], form: "admin" };
    const request = { ...clusterCredentialRequestSchema.parse(body), connector: "azure" };
    const { lease } = await issueCredential(deps, request, USER, "c-1");
    expect(stateOf(lease, NOW)).toBe("active");
    await expect(renewLease(deps, lease.id, 900, USER, "c-1")).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect((await renewLease(deps, lease.id, null, USER, "c-1")).lease.exposedUntil).toBeNull();
    const { notDone } = await revokeLease(deps, lease.id, USER, {
      rule: "r",
      correlationId: "c-1",
      isAnyVersion: true,
    });
    expect(notDone).toHaveLength(1);
  });

  test("gives the certificate and its key, which work until they are rotated", async () => {
    const minted = await mint("admin", parts().deps, { access: ["admin"] });
    expect(minted).toMatchObject({ times: { expiresAt: null }, exposedUntil: null, marked: ADMIN.keyData });
    expect(minted.warnings.join()).toContain("2028-01-01");
    expect(written(minted).config.users[0].user).toEqual({
      "client-certificate-data": ADMIN.certificateData,
      "client-key-data": ADMIN.keyData,
    });
  });

  test("needs a cluster with local accounts", async () => {
    const { deps } = parts(openedCluster({ hasLocalAccounts: false }));
    await expect(mint("admin", deps)).rejects.toMatchObject({ code: "MODE_UNSUPPORTED" });
  });
});

test("names differ wherever the access does, so merged kubeconfigs do not hide each other", async () => {
  const other = { ...openedCluster(), resourceId: CLUSTER_ID.replace("/ml/", "/other/") };
  const elsewhere = { ...openedCluster(), connector: { id: "another", name: "other", expiresAt: null } };
  const all = await Promise.all([
    mint("exec"),
    mint("exec", parts().deps, { scope: { namespace: "vision" } }),
    mint("exec", parts(other).deps),
    mint("entra-token"),
    mint("entra-token", parts(elsewhere).deps),
    mint("admin"),
  ]);
  const names = all.map((minted) => written(minted).context);
  expect(new Set(names).size).toBe(names.length);
  expect(written(await mint("exec")).context).toBe(names[0]);
  expect(names[1]).toMatch(/^latchkey-training-vision-[0-9a-f]{10}$/);
});
