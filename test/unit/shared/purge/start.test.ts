import { describe, expect, test } from "vitest";
import { NotFoundError } from "../../../../shared/errors.ts";
import { putPurgePolicy } from "../../../../shared/purge/policy/manage.ts";
import type { PurgeRun } from "../../../../shared/purge/run.ts";
import { startRun } from "../../../../shared/purge/start.ts";
import { ADMIN, unavailable } from "../../../support/fakes.ts";
import { openedOwn, purgeRouteParts, WEEKLY } from "../../../support/fakes-purge-routes.ts";
import { purgeRun, REGISTRY } from "../../../support/fakes-purge-runs.ts";

const place = { loginServer: REGISTRY, policy: "weekly" };
const context = { by: ADMIN, rule: "role:Latchkey.Admin", correlationId: "c-1" };
const PURGE = { kind: "purge", planId: null } as const;
const PLAN = { kind: "plan", planId: null } as const;

/** With the policy `weekly` on record. */
async function parts() {
  const made: ReturnType<typeof purgeRouteParts> = purgeRouteParts();
  const { policy, etag } = await putPurgePolicy(made.deps, place, WEEKLY, null, context);
  made.journal.length = 0;
  made.audited.length = 0;
  const replace = async (run: PurgeRun, changes: Partial<PurgeRun>) => {
    const found = await made.deps.runs.find(run.id);
    await made.deps.runs.replace({ ...run, ...changes }, found?.etag ?? "");
  };
  return { ...made, policy, etag, replace };
}

describe("a run on demand", () => {
  test.each([PURGE, PLAN])("$kind: checked, recorded, stored and driven, in this order", async (request) => {
    const { deps, journal, audited, driven, policy } = await parts();
    const run = await startRun(deps, place, request, context);
    expect(run).toMatchObject({
      ...{ ...request, loginServer: REGISTRY, policy: "weekly", state: "queued", slot: null },
      policyJson: JSON.stringify(policy),
      resourceId: openedOwn().resourceId,
      startedBy: { principalId: ADMIN.id, issuer: ADMIN.issuer, tenantId: ADMIN.tenantId },
    });
    expect((await deps.runs.find(run.id))?.run).toEqual(run);
    expect(journal).toEqual([`open azure ${REGISTRY} ${REGISTRY}`, "audit purge.started ok"]);
    expect(audited).toMatchObject([
      { rule: context.rule, correlationId: "c-1", detail: { runId: run.id, kind: request.kind, planId: null } },
    ]);
    expect(driven).toEqual([{ id: run.id, loginServer: REGISTRY }]);
  });

  test("one that cannot be driven now is queued: no failure of the call", async () => {
    const { deps, faults } = await parts();
    faults.drive = new Error("the host does not answer");
    const run = await startRun(deps, place, PURGE, context);
    expect((await deps.runs.find(run.id))?.run.state).toBe("queued");
  });

  test("a second purge: 409 with the id of the first, its record taken back; a plan may go beside it", async () => {
    const { deps, audited, driven } = await parts();
    const first = await startRun(deps, place, PURGE, context);
    const refused = await startRun(deps, place, PURGE, context).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "RUN_ACTIVE", message: expect.stringContaining(first.id) });
    expect(audited.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "withdrawn"]);
    // The one that is in the way is driven on, should it stand still.
    expect(driven.map(({ id }) => id)).toEqual([first.id, first.id]);
    await startRun(deps, place, PLAN, context);
    expect(driven).toHaveLength(3);
  });

  test("nothing starts that is not on record", async () => {
    const { deps, faults, driven, runs } = await parts();
    faults.audit = unavailable("AUDIT_UNAVAILABLE");
    await expect(startRun(deps, place, PURGE, context)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect([driven, runs.rows.size]).toEqual([[], 0]);
  });

  test("no such policy, and a registry that the connector does not reach any more", async () => {
    const { deps, faults, audited } = await parts();
    const other = { ...place, policy: "other" };
    await expect(startRun(deps, other, PURGE, context)).rejects.toMatchObject({ code: "NOT_FOUND" });
    faults.open = new NotFoundError("RESOURCE_NOT_FOUND", "x");
    await expect(startRun(deps, place, PURGE, context)).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect(audited).toEqual([]);
  });

  test("a damaged policy starts nothing", async () => {
    const { deps, policyTable, audited } = await parts();
    for (const row of policyTable.rows.values()) row.specJson = '{"connector":"azure"';
    await expect(startRun(deps, place, PURGE, context)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect(audited).toEqual([]);
  });

  test("a policy that is disabled, or looser than the server is by now, starts on demand: the run applies today's bounds", async () => {
    const { deps, bounds, etag } = await parts();
    const limits = { maxItems: 40_000 };
    await putPurgePolicy(deps, place, { ...WEEKLY, limits, enabled: false }, etag, context);
    bounds.maxItems = 10;
    expect((await startRun(deps, place, PURGE, context)).state).toBe("queued");
  });
});

describe("by a stored plan", () => {
  const planned = async () => {
    const made = await parts();
    const plan = await startRun(made.deps, place, PLAN, context);
    const done = {
      state: "planned",
      planBlob: `plans/${plan.id}.jsonl`,
      listedAt: "2026-11-21T10:00:30.000Z",
    } as const;
    await made.replace(plan, done);
    const start = () => startRun(made.deps, place, { kind: "purge", planId: plan.id }, context);
    return { ...made, plan: { ...plan, ...done }, start };
  };

  test("of this policy as it is now, not older than 24 hours", async () => {
    const { start, plan, runs } = await planned();
    runs.clock.pass(86_430);
    expect(await start()).toMatchObject({ kind: "purge", planId: plan.id });
  });

  test.each<[string, (made: Awaited<ReturnType<typeof planned>>) => Promise<unknown>]>([
    ["one second older", async ({ runs }) => runs.clock.pass(86_431)],
    [
      "of a policy that was changed",
      ({ deps, etag }) => putPurgePolicy(deps, place, { ...WEEKLY, limits: { maxItems: 1 } }, etag, context),
    ],
    ["that is not ready", ({ replace, plan }) => replace(plan, { state: "planning" })],
    ["that failed", ({ replace, plan }) => replace(plan, { state: "failed" })],
    ["that is a purge", ({ replace, plan }) => replace(plan, { kind: "purge" })],
    ["of another policy", ({ replace, plan }) => replace(plan, { policy: "daily" })],
    ["with a time that is none", ({ replace, plan }) => replace(plan, { listedAt: "soon" })],
    ["that is gone", async ({ runs }) => runs.rows.clear()],
  ])("%s: 409 PLAN_CHANGED, and nothing on record", async (_, change) => {
    const made = await planned();
    await change(made);
    made.audited.length = 0;
    await expect(made.start()).rejects.toMatchObject({ code: "PLAN_CHANGED" });
    expect(made.audited).toEqual([]);
  });

  test("of another registry is none of this one", async () => {
    const { deps } = await parts();
    const plan = purgeRun(5, { kind: "plan", state: "planned", loginServer: "other.azurecr.io" });
    await deps.runs.insert(plan);
    const starting = startRun(deps, place, { kind: "purge", planId: plan.id }, context);
    await expect(starting).rejects.toMatchObject({ code: "PLAN_CHANGED" });
  });
});
