/** The engine on a store that fails at every step: after each crash a new engine ends the work as if nothing had been. */
import { describe, expect, it } from "vitest";
import { completedTask, EVENT } from "../../../../../infra/local/host/durable/history.ts";
import { UnreadableInstance } from "../../../../../infra/local/host/durable/task-hub-store.ts";
import { engineOn, type Hub, isDone, rest, START, settle } from "./memory-engine.ts";

const NEVER = new Promise<never>(() => {});

describe("engine", () => {
  it("runs activities, children, timers and generations to the end", async () => {
    const hub: Hub = new Map();
    const runs: string[] = [];
    const engine = engineOn({ hub, runs });
    engine.goOn();
    expect(await engine.start(START)).toBe(true);
    expect(await engine.start(START)).toBe(false);
    await rest(engine, () => isDone(hub));
    expect(hub.get("i")?.record).toMatchObject({ status: "Completed", output: '"all"', generation: 3 });
    // Three generations of a, b1, b2, d and one child each.
    expect(runs.filter((run) => run.startsWith("i "))).toHaveLength(12);
    expect(runs.filter((run) => run.endsWith(" c"))).toHaveLength(3);
  });

  it.each(["before", "after"] as const)(
    "a crash %s each write in turn: the next host ends the work, and nothing counts twice",
    async (moment) => {
      for (let crashAt = 0; ; crashAt++) {
        const hub: Hub = new Map();
        const runs: string[] = [];
        let crashed = false;
        const crash = (number: number) => {
          if (number >= crashAt) crashed = true;
          // Nothing of this host goes on, as after kill -9.
          return crashed ? NEVER : undefined;
        };
        const first = engineOn({ hub, runs, steps: { [moment]: crash } });
        first.goOn();
        void first.start(START);
        await rest(first, () => crashed || isDone(hub));
        if (!crashed) {
          expect(crashAt).toBeGreaterThan(20);
          return;
        }
        const second = engineOn({ hub, runs });
        await second.load();
        second.goOn();
        if (!hub.has("i")) await second.start(START);
        await rest(second, () => isDone(hub));
        expect([crashAt, hub.get("i")?.record]).toMatchObject([crashAt, { status: "Completed", output: '"all"' }]);
        for (const { history, messages } of hub.values()) {
          const ended = history.map(completedTask).filter((id) => id !== undefined);
          expect(new Set(ended).size).toBe(ended.length);
          expect(history.filter(({ EventType }) => EventType === EVENT.executionCompleted)).toHaveLength(1);
          expect(messages.size).toBe(0);
        }
      }
    },
    60_000,
  );

  it.each(["before", "after"] as const)(
    "a write that fails %s it is done, each in turn, is tried again",
    async (moment) => {
      for (let failAt = 0; ; failAt++) {
        const hub: Hub = new Map();
        let failed = false;
        const fail = (number: number) => {
          if (number !== failAt) return;
          failed = true;
          throw new Error("no answer");
        };
        const engine = engineOn({ hub, runs: [], steps: { [moment]: fail } });
        engine.goOn();
        const begun = engine.start(START);
        // The client is told, and tries again; what is stored runs without that.
        if (failAt === 0) await expect(begun).rejects.toThrow("no answer");
        if (failAt === 0 && moment === "before") await engine.start(START);
        await rest(engine, () => isDone(hub));
        expect([failAt, hub.get("i")?.record]).toMatchObject([failAt, { status: "Completed", output: '"all"' }]);
        for (const { messages } of hub.values()) expect([failAt, messages.size]).toEqual([failAt, 0]);
        if (!failed) {
          expect(failAt).toBeGreaterThan(20);
          return;
        }
      }
    },
  );

  it.each([
    ["before", 0],
    ["before", 1],
    ["after", 0],
    ["after", 1],
  ] as const)(
    "a rewind fails %s its write %i is done: the client tries again, and the instance runs",
    async (moment, failAt) => {
      const hub: Hub = new Map();
      const failing = engineOn({ hub, runs: [], failsAt: 1 });
      failing.goOn();
      await failing.start({ ...START, name: "child" });
      await rest(failing, () => hub.get("i")?.record.status === "Failed");
      let failed = false;
      const fail = (number: number) => {
        if (number !== failAt) return;
        failed = true;
        throw new Error("no answer");
      };
      const engine = engineOn({ hub, runs: [], steps: { [moment]: fail } });
      await engine.load();
      engine.goOn();
      await expect(engine.rewind("i", "r")).rejects.toThrow("no answer");
      expect(failed).toBe(true);
      // With the last write done it goes on of itself.
      if (moment === "before" || failAt === 0) expect(await engine.rewind("i", "r")).toBe("done");
      await rest(engine, () => isDone(hub));
      expect(hub.get("i")?.record).toMatchObject({ status: "Completed", output: '"child"' });
    },
  );

  it("a message that is stored while an instance is read again is not lost", async () => {
    const hub: Hub = new Map();
    let failures = 0;
    let engine: ReturnType<typeof engineOn> | undefined;
    let raised: Promise<unknown> | undefined;
    const steps = {
      // The commit of the first turn.
      before: (number: number) => {
        if (number === 1 && failures++ === 0) throw new Error("no answer");
      },
      async loaded() {
        raised ??= engine?.raise("i", "go", "1");
        await settle();
      },
    };
    engine = engineOn({ hub, runs: [], steps });
    engine.goOn();
    await engine.start({ ...START, name: "waits" });
    await rest(engine, () => isDone(hub));
    expect(await raised).toBe(true);
    expect(hub.get("i")?.record).toMatchObject({ status: "Completed", output: "1" });
  });

  it("the history of an ended instance is not read while its rewind is written", async () => {
    const hub: Hub = new Map();
    const failing = engineOn({ hub, runs: [], failsAt: 1 });
    failing.goOn();
    await failing.start({ ...START, name: "child" });
    await rest(failing, () => hub.get("i")?.record.status === "Failed");
    const order: string[] = [];
    const steps = {
      before: async (number: number) => {
        if (number === 1) await settle();
      },
      after: (number: number) => order.push(`write ${number}`),
      loaded: () => order.push("load"),
    };
    const engine = engineOn({ hub, runs: [], steps });
    await engine.load();
    const rewound = engine.rewind("i", "r");
    const read = engine.history("i");
    await rewound;
    await read;
    // The first look is the rewind's own.
    expect(order).toEqual(["load", "write 0", "write 1", "load"]);
    engine.stop();
  });

  it("an instance that cannot be read is told in the log, and the others go on", async () => {
    const hub: Hub = new Map();
    const first = engineOn({ hub, runs: [] });
    for (const instanceId of ["a", "b"]) await first.start({ ...START, name: "child", instanceId });
    const levels: string[] = [];
    const loaded = (id: string) => {
      if (id === "a") throw new UnreadableInstance();
    };
    const engine = engineOn({ hub, runs: [], steps: { loaded }, log: ({ level }) => void levels.push(level) });
    await engine.load();
    engine.goOn();
    await rest(engine, () => hub.get("b")?.record.status === "Completed");
    expect([...hub.values()].map(({ record }) => record.status)).toEqual(["Pending", "Completed"]);
    expect(levels).toEqual(["Error", "Information"]);
  });

  it("a store that does not answer does stop the start: nothing may be left out unnoticed", async () => {
    const hub: Hub = new Map();
    await engineOn({ hub, runs: [] }).start(START);
    const loaded = () => {
      throw new Error("no answer");
    };
    await expect(engineOn({ hub, runs: [], steps: { loaded } }).load()).rejects.toThrow("no answer");
  });

  it("an event that comes as an instance ends does not reach the next one under its id", async () => {
    const hub: Hub = new Map();
    const gate = Promise.withResolvers<void>();
    // Creation, first turn, first event, second event.
    const before = (number: number) => (number === 3 ? gate.promise : undefined);
    const engine = engineOn({ hub, runs: [], steps: { before } });
    engine.goOn();
    const request = { ...START, name: "waits" };
    await engine.start(request);
    await settle();
    const raised = [engine.raise("i", "go", "1"), engine.raise("i", "go", "2")];
    await settle();
    const started = engine.start(request);
    await settle();
    gate.resolve();
    expect([await Promise.all(raised), await started]).toEqual([[true, true], true]);
    await settle();
    engine.stop();
    expect(hub.get("i")).toMatchObject({ record: { generation: 2, status: "Running" }, messages: new Map() });
  });
});
