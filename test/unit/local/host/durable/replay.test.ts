/** Task ids from action lists: the same numbers as the library, new tasks once, and a refusal where they differ. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action } from "../../../../../infra/local/host/durable/actions.ts";
import { EVENT, type HistoryEvent, type NewEvent, stamped } from "../../../../../infra/local/host/durable/history.ts";
import { replay } from "../../../../../infra/local/host/durable/replay.ts";
import { LONGEST_TIMER_MS, type MadeTask, TIMER_HOP_MS } from "../../../../../infra/local/host/durable/task-player.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const activity = (functionName: string): Action => ({ actionType: 0, functionName, input: null });
const retried = (functionName: string, maxNumberOfAttempts: number): Action => ({
  actionType: 1,
  functionName,
  retryOptions: { firstRetryIntervalInMilliseconds: 100, maxNumberOfAttempts, backoffCoefficient: 2 },
});
const timer = (ms: number, isCanceled = false): Action => ({
  actionType: 5,
  fireAt: new Date(NOW + ms).toISOString(),
  isCanceled,
});
const waitFor = (externalEventName: string): Action => ({ actionType: 6, externalEventName });
const all = (...compoundActions: Action[]): Action => ({ actionType: 12, compoundActions });
const any = (...compoundActions: Action[]): Action => ({ actionType: 11, compoundActions });

const begun: HistoryEvent[] = [
  stamped({ EventType: EVENT.orchestratorStarted }, NOW),
  stamped(
    {
      EventType: EVENT.executionStarted,
      Name: "o",
      Version: "",
      Input: null,
      Tags: null,
      OrchestrationInstance: { InstanceId: "i", ExecutionId: "e" },
      ParentInstance: null,
    },
    NOW,
  ),
];
const opened = (task: MadeTask): HistoryEvent => {
  const event: NewEvent =
    task.kind === "timer"
      ? { EventType: EVENT.timerCreated, FireAt: new Date(task.fireAt).toISOString() }
      : task.kind === "activity"
        ? { EventType: EVENT.taskScheduled, Name: task.name, Version: "", Input: "[null]" }
        : { EventType: EVENT.subOrchestrationCreated, Name: task.name, Version: "", InstanceId: "c", Input: null };
  return stamped(event, NOW, task.id);
};
const completed = (id: number) => stamped({ EventType: EVENT.taskCompleted, TaskScheduledId: id, Result: "1" }, NOW);
const failed = (id: number) =>
  stamped({ EventType: EVENT.taskFailed, TaskScheduledId: id, Reason: "r", Details: "d" }, NOW);
const fired = (id: number) => stamped({ EventType: EVENT.timerFired, TimerId: id, FireAt: "" }, NOW);
const raised = (Name: string) => stamped({ EventType: EVENT.eventRaised, Name, Input: "1" }, NOW);

/** Plays turn after turn, as the host does: new tasks go into the history, then `end` says how the next one ends. */
function play(actions: readonly Action[], end: (task: MadeTask) => HistoryEvent) {
  const history = [...begun];
  const made: MadeTask[] = [];
  const queue: MadeTask[] = [];
  for (;;) {
    const { newTasks, settled, problem } = replay(actions, history);
    expect(problem).toBeUndefined();
    for (const task of newTasks) {
      history.push(opened(task));
      made.push(task);
      queue.push(task);
    }
    const next = queue.shift();
    if (!next) return { made, settled, history };
    history.push(end(next));
  }
}
const succeed = (task: MadeTask) => (task.kind === "timer" ? fired(task.id) : completed(task.id));

describe("replay", () => {
  it("gives ids in the order of creation, one action after the other", () => {
    const actions = [activity("a"), all(activity("b"), activity("c")), activity("d")];
    const first = replay(actions, begun);
    expect(first.newTasks).toEqual([{ id: 0, kind: "activity", name: "a", input: null }]);
    expect(first.settled).toBe(false);
    const { made, settled } = play(actions, succeed);
    expect(made.map((task) => [task.id, task.kind === "timer" ? "" : task.name])).toEqual([
      [0, "a"],
      [1, "b"],
      [2, "c"],
      [3, "d"],
    ]);
    expect(settled).toBe(true);
  });

  it("WhenAny goes on with the first, but the instance is open until the loser ends", () => {
    const actions = [any(activity("a"), activity("b")), activity("c")];
    const history = [...begun, ...replay(actions, begun).newTasks.map(opened), completed(1)];
    const second = replay(actions, history);
    expect(second.newTasks.map(({ id }) => id)).toEqual([2]);
    const third = [...history, ...second.newTasks.map(opened), completed(2)];
    expect(replay(actions, third).settled).toBe(false);
    expect(replay(actions, [...third, failed(0)]).settled).toBe(true);
  });

  it("WhenAll waits for every child also when one fails", () => {
    const actions = [all(activity("a"), activity("b")), activity("c")];
    const history = [...begun, ...replay(actions, begun).newTasks.map(opened), failed(0)];
    expect(replay(actions, history).newTasks).toEqual([]);
    expect(replay(actions, [...history, completed(1)]).newTasks.map(({ id }) => id)).toEqual([2]);
  });

  it("a retry takes a timer between attempts, with growing delays, and one more, due at once, after the last", () => {
    const { made } = play([retried("a", 3), activity("b")], (task) =>
      task.kind === "timer"
        ? fired(task.id)
        : task.kind === "activity" && task.name === "a"
          ? failed(task.id)
          : completed(task.id),
    );
    expect(made.map((task) => (task.kind === "timer" ? task.fireAt - NOW : task.name))).toEqual([
      "a",
      100,
      "a",
      200,
      "a",
      0,
      "b",
    ]);
  });

  it("a timer of more than six days goes in hops of three", () => {
    const ten = 10 * 86_400_000;
    const history = [...begun];
    const times: number[] = [];
    for (let at = NOW; ; ) {
      const [task] = replay([timer(ten)], history).newTasks;
      if (task?.kind !== "timer") break;
      times.push(task.fireAt - NOW);
      at = task.fireAt;
      history.push(opened(task), stamped({ EventType: EVENT.orchestratorStarted }, at), fired(task.id));
    }
    expect(times).toEqual([TIMER_HOP_MS, 2 * TIMER_HOP_MS, ten]);
    expect(ten - TIMER_HOP_MS).toBeGreaterThan(LONGEST_TIMER_MS);
    expect(replay([timer(ten)], history).settled).toBe(true);
  });

  it("a canceled timer takes its id and is not waited for", () => {
    const actions = [any(waitFor("e"), timer(1_000, true)), activity("a")];
    const history = [...begun, opened({ id: 0, kind: "timer", fireAt: NOW + 1_000 }), raised("e")];
    const { newTasks } = replay(actions, history);
    expect(newTasks.map(({ id, kind }) => [id, kind])).toEqual([[1, "activity"]]);
    expect(replay(actions, [...history, ...newTasks.map(opened), completed(1)]).settled).toBe(true);
  });

  it("external events are buffered, and claimed without regard to case", () => {
    expect(replay([waitFor("Go"), waitFor("go")], [...begun, raised("GO")]).settled).toBe(false);
    expect(replay([waitFor("Go"), waitFor("go")], [...begun, raised("GO"), raised("gO")]).settled).toBe(true);
  });

  it("continueAsNew carries its input", () => {
    expect(replay([{ actionType: 4, input: { n: 1 } }], begun)).toMatchObject({
      settled: true,
      continueAsNew: { input: { n: 1 } },
    });
  });

  it.each([
    ["another name", [activity("b")], opened({ id: 0, kind: "activity", name: "a", input: null })],
    ["another kind", [timer(1)], opened({ id: 0, kind: "activity", name: "a", input: null })],
    ["a task that was not made", [activity("a")], opened({ id: 1, kind: "activity", name: "a", input: null })],
  ])("the history having %s is a problem", (_, actions, event) => {
    expect(replay(actions, [...begun, event]).problem).toContain("Non-Deterministic");
  });

  it.each([7, 8, 9, 10, 13, 14] as const)("action %i is not supported, and that is a problem", (actionType) => {
    expect(replay([{ actionType }], begun).problem).toBeDefined();
  });

  it("a second end of one task changes nothing", () => {
    const actions = [activity("a"), activity("b")];
    const history = [...begun, ...replay(actions, begun).newTasks.map(opened), completed(0)];
    const once = replay(actions, history);
    expect(replay(actions, [...history, completed(0), failed(0)])).toEqual(once);
  });

  const leaf = fc.constantFrom(activity("a"), activity("b"), retried("r", 3), timer(1_000), timer(5, true));
  const tree: fc.Arbitrary<Action> = fc.letrec<{ node: Action }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      fc.array(tie("node"), { minLength: 1, maxLength: 4 }).map((children) => all(...children)),
      fc.array(tie("node"), { minLength: 1, maxLength: 4 }).map((children) => any(...children)),
    ),
  })).node;

  it("property: whatever ends how, every task is made once under the next id, and all ends", () => {
    fc.assert(
      fc.property(fc.array(tree, { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.boolean()), (actions, fails) => {
        const { made, history } = play(actions, (task) =>
          task.kind === "timer" ? fired(task.id) : fails.next().value ? failed(task.id) : completed(task.id),
        );
        expect(made.map(({ id }) => id)).toEqual(made.map((_, index) => index));
        const last = replay(actions, history);
        expect([last.newTasks, last.settled]).toEqual([[], true]);
      }),
    );
  });
});
