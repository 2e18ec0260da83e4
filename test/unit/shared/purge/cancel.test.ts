import { describe, expect, test } from "vitest";
import { cancelRun } from "../../../../shared/purge/cancel.ts";
import { RUN_STATES } from "../../../../shared/purge/run.ts";
import { ADMIN, unavailable } from "../../../support/fakes.ts";
import { purgeRouteParts } from "../../../support/fakes-purge-routes.ts";
import { purgeRun, runId } from "../../../support/fakes-purge-runs.ts";

const context = { by: ADMIN, rule: "role:Latchkey.Admin", correlationId: "c-1" };
const OPEN: readonly string[] = ["queued", "planning", "applying"];

describe("cancelRun", () => {
  test.each(RUN_STATES.map((state) => [state] as const))("%s", async (state) => {
    const { deps, audited, driven } = purgeRouteParts();
    const run = purgeRun(1, { kind: "plan", state });
    await deps.runs.insert(run);
    const isOpen = OPEN.includes(state);
    const cancelled = await cancelRun(deps, run.id, context);
    expect(cancelled.run).toEqual({ ...run, cancelRequested: isOpen });
    expect(await deps.runs.find(run.id)).toEqual(cancelled);
    expect(audited.map(({ event }) => event)).toEqual(isOpen ? ["purge.cancel-requested"] : []);
    expect(driven).toHaveLength(isOpen ? 1 : 0);
    // Once more changes nothing.
    expect(await cancelRun(deps, run.id, context)).toEqual(cancelled);
    expect(audited).toHaveLength(isOpen ? 1 : 0);
    // But who asks again sees that it has not ended: it is driven on.
    expect(driven).toHaveLength(isOpen ? 2 : 0);
  });

  test("a run that writes its row meanwhile loses nothing, and is cancelled", async () => {
    const { deps, audited } = purgeRouteParts();
    const run = purgeRun(1, { state: "applying" });
    await deps.runs.insert(run);
    let written = 0;
    const find = async (id: string) => {
      const found = await deps.runs.find(id);
      // The run gets in between twice.
      if (found !== null && written < 2) await deps.runs.replace({ ...found.run, groups: ++written }, found.etag);
      return found;
    };
    const { run: cancelled } = await cancelRun({ ...deps, runs: { ...deps.runs, find } }, run.id, context);
    expect(cancelled).toMatchObject({ cancelRequested: true, groups: 2 });
    expect(audited).toHaveLength(1);
  });

  test("one that is written again and again is told as such, not as cancelled", async () => {
    const { deps } = purgeRouteParts();
    await deps.runs.insert(purgeRun(1));
    const runs = { ...deps.runs, replace: async () => null };
    await expect(cancelRun({ ...deps, runs }, runId(1), context)).rejects.toMatchObject({
      code: "STATE_UNAVAILABLE",
      retryable: true,
    });
  });

  test("nothing is asked that is not on record; nobody's run is NOT_FOUND; a driver that fails is no failure", async () => {
    const { deps, faults } = purgeRouteParts();
    await expect(cancelRun(deps, runId(9), context)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await deps.runs.insert(purgeRun(1));
    faults.audit = unavailable("AUDIT_UNAVAILABLE");
    await expect(cancelRun(deps, runId(1), context)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect((await deps.runs.find(runId(1)))?.run.cancelRequested).toBe(false);
    delete faults.audit;
    faults.drive = new Error("no host");
    expect((await cancelRun(deps, runId(1), context)).run.cancelRequested).toBe(true);
  });
});
