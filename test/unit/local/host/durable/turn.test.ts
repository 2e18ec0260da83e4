/** What a turn takes of the messages that wait. */
import { expect, it } from "vitest";
import { EVENT, stamped } from "../../../../../infra/local/host/durable/history.ts";
import type { InstanceState, Message } from "../../../../../infra/local/host/durable/instance.ts";
import { runTurn } from "../../../../../infra/local/host/durable/turn.ts";

const started = stamped({ EventType: EVENT.orchestratorStarted }, 0);
const execution = stamped(
  {
    ...{ EventType: EVENT.executionStarted, Name: "n", Version: "", Input: null, Tags: null, ParentInstance: null },
    OrchestrationInstance: { InstanceId: "i", ExecutionId: "e" },
  },
  0,
);
const REWOUND: InstanceState = {
  record: {
    ...{ instanceId: "i", name: "n", version: "", executionId: "e", generation: 2, historyCount: 2, status: "Running" },
    ...{ suspended: false, input: null, customStatus: null, output: null, createdTime: 0, lastUpdatedTime: 0 },
    parent: null,
  },
  history: [started, execution],
};
const message = (kind: "rewind" | "suspend" | "resume", at: number): Message => ({
  key: `k${at}`,
  at,
  kind,
  reason: "",
});
const deps = {
  call: async () => ({ isDone: true, actions: [], output: "done", error: undefined, customStatus: undefined }),
  now: () => 0,
  newExecutionId: () => "e2",
};

it("a rewind that comes with a suspension waits for the resumption, and then moves the instance", async () => {
  const rewind = message("rewind", 1);
  const suspended = await runTurn(deps, REWOUND, [rewind, message("suspend", 2)]);
  if (!suspended) throw new Error("nothing done");
  expect(suspended.consumed.map(({ kind }) => kind)).toEqual(["suspend"]);
  expect(await runTurn(deps, suspended.state, [rewind])).toBeUndefined();
  const resumed = await runTurn(deps, suspended.state, [rewind, message("resume", 3)]);
  expect(resumed?.state.record).toMatchObject({ status: "Completed", output: '"done"' });
  expect(resumed?.consumed).toHaveLength(2);
});
