/** Purging a registry over HTTP: policy, preview, run, report; what is there afterwards. */
import { beforeAll, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { createRegistryControl, DAY, itemsOf, putPolicy, registerKeeper, runToEnd } from "../support/purge-calls.ts";
import { sharedSystem } from "../support/shared-system.ts";

const system = sharedSystem();
const api = createApi(system);
const registry = createRegistryControl(system);

beforeAll(async () => {
  await registerKeeper(system, api);
  await registry.fill("purge/first", 30, { ageSeconds: 5 * DAY, stepSeconds: DAY / 2 });
});

it("plans, purges what the plan says, and reports it", async () => {
  await putPolicy(api, "first", {
    rules: [
      { name: "old", action: "delete", repositories: "purge/first", tags: ".*", untagged: true, olderThan: "7d" },
    ],
  });
  const plan = await runToEnd(api, "first", "plan");
  expect(plan).toMatchObject({ state: "planned", code: null });
  const items = await itemsOf(api, plan.id);
  const run = await runToEnd(api, "first", "runs");
  expect(run).toMatchObject({ state: "done", code: null });
});
