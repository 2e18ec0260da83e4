import { expect, test } from "vitest";
import { leaseSweep } from "../../../functions/lease-sweep.ts";
import type { RemoveDeps } from "../../../shared/credentials/remove-upstream.ts";
import { UpstreamError } from "../../../shared/errors.ts";
import { createLog } from "../../../shared/log.ts";
import { now, unavailable } from "../../support/fakes.ts";
import { lease, leaseDueStore, leaseStore } from "../../support/fakes-leases.ts";

/** Two leases that are being ended: the removal of the first works, that of the second never has. */
function parts() {
  const leases = leaseStore();
  const leaseDue = leaseDueStore();
  const logged: Record<string, unknown>[] = [];
  const write = (level: string) => (line: string) => void logged.push({ level, ...JSON.parse(line) });
  const log = createLog({ info: write("info"), warn: write("warn"), error: write("error") });
  const ending = { state: "revoking", endedAt: "2026-11-21T09:00:00Z" } as const;
  const good = lease(ending);
  const stuck = lease({ ...ending, revokeAttempts: 5 }, undefined, 1);
  const remove = async ({ id }: { id: string }) => {
    if (id !== stuck.id) return { exposedUntil: now() };
    const failure = { name: "RestError", status: 409, code: "InUse" };
    throw new UpstreamError("UPSTREAM_REFUSED", "with a secret", { retryable: false, failure });
  };
  const notUsed = () => Promise.reject(new Error("not asked for"));
  const deps: RemoveDeps = {
    leases,
    leaseDue,
    upstreamForms: new Map([["sas", { revocation: "delayed", plan: notUsed, make: notUsed, renew: notUsed, remove }]]),
    appendAudit: async () => {},
    now,
  };
  for (const made of [good, stuck]) leases.set(made);
  return { deps, good, stuck, logged, run: () => leaseSweep(deps).run(log, "run-1") };
}

test("the log says what was ended, what failed and why, and names each lease that nobody will end", async () => {
  const { deps, good, stuck, logged, run } = parts();
  for (const { id } of [good, stuck]) await deps.leaseDue.file({ leaseId: id, dueAt: "2026-11-21T10:00:00Z" });
  await run();
  expect(logged).toEqual([
    {
      level: "warn",
      event: "sweep.upstream-failed",
      correlationId: "run-1",
      code: "UPSTREAM_REFUSED",
      errorName: "RestError",
      upstreamStatus: 409,
      upstreamCode: "InUse",
    },
    {
      level: "error",
      event: "lease.irrevocable",
      leaseId: stuck.id,
      resourceId: stuck.resourceId,
      correlationId: "run-1",
    },
    { level: "info", event: "sweep.done", removed: 1, later: 0, irrevocable: 1, correlationId: "run-1" },
  ]);
});

test("one lease that fails is no failure of the job; a list that cannot be read is", async () => {
  const { deps, run } = parts();
  await expect(run()).resolves.toBeUndefined();
  deps.leaseDue.list = () => Promise.reject(unavailable("STATE_UNAVAILABLE"));
  await expect(run()).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
});
