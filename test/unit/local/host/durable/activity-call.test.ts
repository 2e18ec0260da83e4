/** How the end of an activity is told: never longer than what can be stored. */
import { expect, it } from "vitest";
import { createActivityRunner } from "../../../../../infra/local/host/durable/activity-call.ts";
import { rowsOf } from "../../../../../infra/local/host/durable/rows.ts";
import type { ActivityFunction } from "../../../../../infra/local/host/function-index.ts";

it.each([
  ["an error", new Error('\u0001\u00e9"'.repeat(200_000))],
  ["a text", "\ud800".repeat(500_000)],
])("a failure of any length is cut to one row: %s", async (_, error) => {
  const metadata = { name: "a", bindings: {} };
  const hosted: ActivityFunction = {
    ...{ kind: "activity", name: "a", trigger: "t", clients: [], metadata },
    callback: () => {},
  };
  const run = createActivityRunner({
    functions: [hosted],
    invoke: async () => ({ ok: false, reason: "failed", error }),
    log: () => {},
  });
  const end = await run({ name: "a", instanceId: "i", taskId: 0, input: null });
  expect(end).toMatchObject({ Reason: expect.stringContaining("Activity function 'a' failed: ") });
  expect(rowsOf("p", "k", end)).toHaveLength(1);
});
