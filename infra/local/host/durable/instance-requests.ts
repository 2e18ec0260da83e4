/** What clients ask of instances, apart from HTTP. Part of the engine; called by endpoints.ts. */
import type { Core } from "./engine-core.ts";
import type { HistoryEvent } from "./history.ts";
import { type InstanceRecord, isEnded, type Message } from "./instance.ts";
import { rewound } from "./rewind.ts";

/** Digits of the count in a message key: messages of one millisecond stay in order. */
const COUNT_DIGITS = 9;

export type InstanceRequests = ReturnType<typeof instanceRequests>;

export function instanceRequests(core: Core) {
  const { store, actors } = core;
  let count = 0;
  const stamp = () => {
    const at = core.now();
    const number = String(count++).padStart(COUNT_DIGITS, "0");
    return { at, key: `x-${String(at).padStart(15, "0")}-${number}-${core.newId()}` };
  };
  const recordOf = async (instanceId: string): Promise<InstanceRecord | undefined> =>
    actors.get(instanceId)?.state.record ?? (await store.record(instanceId));

  async function start(request: { name: string; version: string; instanceId: string; input: string | null }) {
    const { instanceId } = request;
    return core.alone(instanceId, async () => {
      const old = await core.current(instanceId);
      if (old && !isEnded(old)) return false;
      const now = core.now();
      const fresh = { executionId: core.newId(), generation: (old?.generation ?? 0) + 1, historyCount: 0 };
      const empty = { suspended: false, customStatus: null, output: null, parent: null };
      const times = { createdTime: now, lastUpdatedTime: now };
      const record: InstanceRecord = { ...request, ...fresh, ...empty, ...times, status: "Pending" };
      await core.begin({ record, history: [] }, [], () => store.create(record));
      return true;
    });
  }

  return {
    newInstanceId: core.newId,
    record: recordOf,
    /** False when an instance with this id has not ended. */
    start,
    list: () => store.list(),
    async history(instanceId: string): Promise<readonly HistoryEvent[]> {
      const running = actors.get(instanceId)?.state.history;
      // Alone: rows that are read while a rewind or a new start writes them do not fit together.
      return running ?? (await core.alone(instanceId, () => store.load(instanceId)))?.history ?? [];
    },
    /** False when the instance has ended. @param input JSON text */
    raise: (instanceId: string, name: string, input: string | null) =>
      core.post(instanceId, { ...stamp(), kind: "event", name, input }),
    /** False when the instance has ended. */
    control: (instanceId: string, kind: "terminate" | "suspend" | "resume", reason: string) =>
      core.post(instanceId, { ...stamp(), kind, reason }),
    /** `not-supported`: failed sub-orchestrations are not rewound. */
    rewind: (instanceId: string, reason: string): Promise<"done" | "not-failed" | "not-supported"> =>
      core.alone(instanceId, async () => {
        const old = await core.current(instanceId);
        const stored = old?.status === "Failed" ? await store.load(instanceId) : undefined;
        if (stored?.record.status !== "Failed") return "not-failed";
        const history = rewound(stored.history, reason);
        if (!history) return "not-supported";
        // A new generation: the old history counts until the row of the instance is written.
        const generation = stored.record.generation + 1;
        const changes = { status: "Running", output: null, lastUpdatedTime: core.now() } as const;
        const record = { ...stored.record, ...changes, generation, historyCount: history.length };
        const message: Message = { ...stamp(), kind: "rewind", reason };
        await store.post(instanceId, message);
        const state = { record, history };
        await core.begin(state, [message], () => store.commit({ state, firstNew: 0, consumed: [] }));
        return "done";
      }),
    /** False when the instance runs. */
    purge: (instanceId: string): Promise<boolean> =>
      core.alone(instanceId, async () => {
        const record = await core.current(instanceId);
        if (record && !isEnded(record)) return false;
        await store.purge(instanceId);
        return true;
      }),
  };
}
