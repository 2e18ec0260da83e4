/** Leases of ServiceAccount tokens from issue to sweep: whatever call fails, and how, nothing stays in the cluster. */
import { describe, expect, test } from "vitest";
import type { ClusterApi } from "../../../../shared/credentials/cluster-ports.ts";
import { type IssueDeps, issueCredential } from "../../../../shared/credentials/issue.ts";
import { clusterCredentialRequestSchema } from "../../../../shared/credentials/kubernetes-cluster.ts";
import { renewLease } from "../../../../shared/credentials/renew.ts";
import { revokeLease } from "../../../../shared/credentials/revoke.ts";
import { createServiceAccountForm } from "../../../../shared/credentials/service-account.ts";
import { sweepLeases } from "../../../../shared/credentials/sweep.ts";
import { UpstreamError } from "../../../../shared/errors.ts";
import { NOW, USER } from "../../../support/fakes.ts";
import { CLUSTER_ID, cluster, clusterApi, openedCluster } from "../../../support/fakes-cluster.ts";
import { issueParts } from "../../../support/fakes-issue.ts";

const REQUEST = {
  ...clusterCredentialRequestSchema.parse({
    resourceType: "kubernetes-cluster",
    resourceId: "training",
    access: ["use"],
    scope: { namespace: "vision" },
  }),
  connector: "azure",
};
const CALLS = ["createSecret", "findSecret", "requestToken", "deleteSecret"] as const;
/** `refused`: not done. `lost`: done, and nobody hears of it. `forbidden`: the identity may not. `overtaken`: done, and when it
 * is sent again because nobody heard of it, the identity may not any more. */
const FATES = ["refused", "lost", "forbidden", "overtaken"] as const;

const FORBIDDEN = new UpstreamError("UPSTREAM_REFUSED", "forbidden", {
  retryable: false,
  failure: { name: "RestError", status: 403, code: "Forbidden" },
});

/** A service whose API server fails `times` times at one call. */
function world(
  failing: (typeof CALLS)[number] | null = null,
  fate: (typeof FATES)[number] = "lost",
  times = 1,
  unopened: UpstreamError | null = null,
) {
  const { deps } = issueParts({ allowed: { resourceId: CLUSTER_ID, maxTtlSeconds: 3_600 } });
  const server = clusterApi();
  let at = NOW.getTime();
  let left = times;
  const now = () => new Date(at);
  const guard = <K extends (typeof CALLS)[number]>(name: K): ClusterApi[K] => {
    const call = async (asked: never) => {
      const fails = name === failing && left-- > 0;
      const error = new UpstreamError("UPSTREAM_TIMEOUT", name, { retryable: true });
      if (fails && fate === "forbidden") throw FORBIDDEN;
      if (fails && fate === "refused") throw error;
      const done = await (server.api[name] as (asked: never) => Promise<unknown>)(asked);
      if (fails) throw fate === "overtaken" ? FORBIDDEN : error;
      return done;
    };
    return call as ClusterApi[K];
  };
  const api: ClusterApi = {
    server: server.api.server,
    createSecret: guard("createSecret"),
    findSecret: guard("findSecret"),
    requestToken: guard("requestToken"),
    deleteSecret: guard("deleteSecret"),
  };
  const opened = openedCluster();
  const state = { isRunning: true };
  const form = createServiceAccountForm({
    openCluster: async () => opened,
    reopenCluster: async () => ({ signIn: opened.signIn, resourceId: CLUSTER_ID, cluster: opened.cluster }),
    readCluster: async () => cluster(state),
    openClusterApi: async () => {
      if (unopened !== null) throw unopened;
      return api;
    },
    now,
  });
  const parts: IssueDeps = { ...deps, now, upstreamForms: new Map([["service-account", form]]) };
  return {
    ...server,
    leases: deps.leases,
    state,
    issue: () => issueCredential(parts, REQUEST, USER, "c-1"),
    renew: (id: string) => renewLease(parts, id, null, USER, "c-1"),
    revoke: (id: string) => revokeLease(parts, id, USER, { rule: "r", correlationId: "c-1", isAnyVersion: true }),
    /** Lets the times of a day pass, or as many seconds, with a sweep every ten minutes. */
    async sweepForADay(seconds = 86_400) {
      for (let passed = 0; passed < seconds; passed += 600) {
        at += 600_000;
        await sweepLeases(parts, "c-1");
      }
    },
  };
}

test("a token is lent, renewed under the same Secret, and ended with it", async () => {
  const { issue, renew, revoke, secrets, tokens } = world();
  const { lease } = await issue();
  expect(secrets.size).toBe(1);
  await renew(lease.id);
  expect([secrets.size, tokens.length]).toEqual([1, 2]);
  const ended = await revoke(lease.id);
  expect(ended).toMatchObject({
    lease: { state: "revoked", exposedUntil: "2026-11-21T10:01:10Z" },
    notDone: [expect.stringContaining("2026-11-21T10:01:10Z")],
  });
  expect(secrets.size).toBe(0);
  await expect(renew(lease.id)).rejects.toMatchObject({ code: "LEASE_CLOSED" });
});

test("a token that nobody gives back is removed when it has ended", async () => {
  const { issue, sweepForADay, secrets, leases } = world();
  const { lease } = await issue();
  await sweepForADay();
  expect(secrets.size).toBe(0);
  expect((await leases.find(lease.id))?.lease.state).toBe("expired");
});

test("a lease that ends while its cluster is stopped is ended when the cluster is back, and no failure is counted", async () => {
  const { issue, sweepForADay, secrets, leases, state } = world();
  const { lease } = await issue();
  state.isRunning = false;
  await sweepForADay();
  expect((await leases.find(lease.id))?.lease).toMatchObject({ state: "revoking", revokeAttempts: 0 });
  state.isRunning = true;
  await sweepForADay(2 * 3_600);
  expect(secrets.size).toBe(0);
  expect((await leases.find(lease.id))?.lease.state).toBe("expired");
});

test("an identity that may make nothing there leaves no lease that would be tried for hours", async () => {
  const { issue, leases } = world("createSecret", "forbidden", 100);
  await expect(issue()).rejects.toBe(FORBIDDEN);
  expect(await leases.list({ principalHash: null, after: null, limit: 10 })).toEqual([]);
});

test("a cluster that cannot be opened leaves no lease that would be tried for hours", async () => {
  const { issue, leases } = world(null, "lost", 1, FORBIDDEN);
  await expect(issue()).rejects.toBe(FORBIDDEN);
  expect(await leases.list({ principalHash: null, after: null, limit: 10 })).toEqual([]);
});

describe.each(CALLS)("%s", (call) => {
  test.each(FATES.flatMap((fate) => [1, 2, 3].map((times) => [fate, times] as const)))(
    "%s %i times: the cluster is clean in the end",
    async (fate, times) => {
      const { issue, revoke, sweepForADay, secrets } = world(call, fate, times);
      const issued = await issue().catch(() => null);
      if (issued !== null) await revoke(issued.lease.id).catch(() => null);
      await sweepForADay();
      expect(secrets.size).toBe(0);
    },
  );
});
