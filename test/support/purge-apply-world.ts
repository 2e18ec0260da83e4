/** Everything around an apply, in memory: a registry, a plan of it, the run's record, the trail; and processes that can die. For unit tests. */
import type { AuditEvent } from "../../shared/audit/record.ts";
import { UpstreamError } from "../../shared/errors.ts";
import { type ApplyDeps, applySlice } from "../../shared/purge/apply/apply.ts";
import { endRun } from "../../shared/purge/apply/finish.ts";
import { inUseMaker } from "../../shared/purge/in-use/in-use.ts";
import { ClusterUnreadableError } from "../../shared/purge/in-use/read-in-use.ts";
import { CHANGE_TRY_MS, type MayStillSend, TooLateError } from "../../shared/purge/may-still-send.ts";
import type { PlanLine } from "../../shared/purge/plan-line.ts";
import type { LinesStore, PurgeRunStore, RegistryContent } from "../../shared/purge/ports.ts";
import { createPurgeRunStore } from "../../shared/store/purge-run-records.ts";
import { fakeTable } from "./fake-table.ts";
import { NOW } from "./fakes.ts";
import { fakeLines, fakeRegistry, refusal } from "./fakes-purge.ts";
import { purgeRun, REGISTRY } from "./fakes-purge-runs.ts";
import { openedRegistry } from "./fakes-registry.ts";
import { jumpingClock } from "./purge-clock.ts";

export const RUN = purgeRun(0, {
  state: "applying",
  resourceId: "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/registryone",
  policyJson: JSON.stringify({ connector: "azure-one" }),
  planBlob: "plans/one.jsonl",
  listedAt: NOW.toISOString(),
});
export const PLACE = { loginServer: REGISTRY, runId: RUN.id };

const base = openedRegistry();
const OPENED = { ...base, registry: { ...base.registry, loginServer: REGISTRY } };

/** What becomes of a call to something outside. `lost`: done, but fails. `repeated`: done, and done again. */
export type PortFate = "done" | "refused" | "lost" | "repeated" | "stalled";
/** Told of every call before it: how long it takes, and what becomes of it. */
export type Weather = (call: string) => { readonly fate: PortFate; readonly milliseconds: number };
const CALM: Weather = () => ({ fate: "done", milliseconds: 50 });

/** Thrown by everything that a dead process calls. */
export class Crash extends Error {}

/** Opens a world. */
export function applyWorld(registry = fakeRegistry()) {
  const clock = jumpingClock(NOW.getTime() + 60_000);
  const lines = fakeLines();
  const events: AuditEvent[] = [];
  const table = fakeTable();
  const store = createPurgeRunStore({ table: table.table, now: clock.now, wait: clock.sleep, random: () => 0.5 });
  const inUse = inUseMaker();
  const clusters = { isReadable: true };
  let ids = 0;

  /**
   * One process. `diesAt`: the number of the call at which it dies; calls that it has sent by then may still be done. With
   * `sleeps`, in milliseconds, it sleeps from then on and goes on later, when others have taken its place.
   */
  const newProcess = (weather: Weather = CALM, diesAt = Number.POSITIVE_INFINITY, sleeps: number | null = null) => {
    let calls = 0;
    let isDead = false;
    let die = (_: Crash) => {};
    const death = new Promise<never>((_, reject) => {
      die = reject;
    });
    death.catch(() => undefined);
    let asleep: Promise<void> | null = null;
    const check = () => {
      if (isDead) throw new Crash();
    };
    const count = () => {
      check();
      if (++calls !== diesAt) return;
      if (sleeps === null) isDead = true;
      else asleep = clock.sleep(sleeps);
      die(new Crash());
    };
    /** A reply comes in when the process is awake. */
    const heard = async () => {
      await asleep;
      check();
    };
    const port =
      <A extends unknown[], T>(
        name: string,
        code: "STATE_UNAVAILABLE" | "AUDIT_UNAVAILABLE",
        work: (...args: A) => Promise<T>,
      ) =>
      async (...args: A): Promise<T> => {
        count();
        const { fate, milliseconds } = weather(name);
        await clock.sleep(milliseconds / 2);
        if (isDead && fate !== "done") throw new Crash();
        if (fate === "refused") await heard();
        const failure = () => new UpstreamError(code, "not now", { retryable: true });
        if (fate === "refused") throw failure();
        const answer = await work(...args);
        await clock.sleep(milliseconds / 2);
        await heard();
        if (fate === "lost") throw failure();
        return answer;
      };
    const state = <A extends unknown[], T>(name: string, work: (...args: A) => Promise<T>) =>
      port(name, "STATE_UNAVAILABLE", work);

    const runs: PurgeRunStore = { ...store, get: state("get", store.get), replace: state("replace", store.replace) };
    const linePorts: LinesStore = {
      ...lines,
      write: state("write", lines.write),
      join: state("join", lines.join),
      remove: state("remove", lines.remove),
      async *read(name, from) {
        await state("read", async () => undefined)();
        yield* lines.read(name, from);
      },
    };

    /** @param mayStillSend of a change: it waits for its turn first, and is sent when its process is awake then */
    const upstream = async (name: string, signal: AbortSignal, mayStillSend?: MayStillSend): Promise<PortFate> => {
      signal.throwIfAborted();
      count();
      const { fate, milliseconds } = weather(name);
      const flight = Math.min(milliseconds / 2, CHANGE_TRY_MS);
      await clock.sleep(milliseconds - flight);
      if (mayStillSend !== undefined) {
        await heard();
        signal.throwIfAborted();
        if (!mayStillSend()) throw new TooLateError();
      }
      await clock.sleep(flight);
      if (isDead && fate !== "done") throw new Crash();
      if (mayStillSend === undefined) signal.throwIfAborted();
      if (fate === "refused") {
        await heard();
        throw refusal(403, "DENIED");
      }
      return fate;
    };
    const answered = async <T>(fate: PortFate, answer: T): Promise<T> => {
      await heard();
      if (fate === "lost") throw new UpstreamError("UPSTREAM_TIMEOUT", "no answer", { retryable: true });
      return answer;
    };
    const pages = async function* <T>(name: string, signal: AbortSignal, read: () => AsyncIterable<T>) {
      const fate = await upstream(name, signal);
      const all: T[] = [];
      for await (const page of read()) all.push(page);
      yield* await answered(fate, all);
    };
    const change = async <T>(
      name: string,
      signal: AbortSignal,
      work: (signal: AbortSignal) => Promise<T>,
      mayStillSend?: MayStillSend,
    ): Promise<T> => {
      const fate = await upstream(name, signal, mayStillSend);
      const never = new AbortController().signal;
      const answer = await work(never);
      // As clients do it that had no answer to the first: what is not there the second time was there.
      if (fate === "repeated") await work(never);
      return answered(fate, answer);
    };
    /** What is given up after it was sent may be done all the same. */
    const send = async <T>(
      name: string,
      signal: AbortSignal,
      mayStillSend: MayStillSend | undefined,
      work: (signal: AbortSignal) => Promise<T>,
    ): Promise<T> => {
      if (mayStillSend === undefined) throw new Error("It does not say until when it may be sent.");
      const ended = Promise.withResolvers<never>();
      const end = () => ended.reject(signal.reason);
      signal.addEventListener("abort", end, { once: true });
      return Promise.race([change(name, signal, work, mayStillSend), ended.promise]);
    };
    const { content } = registry;
    const ports: RegistryContent = {
      ...content,
      tags: (name, signal) => pages(`tags ${name}`, signal, () => content.tags(name, signal)),
      manifests: (name, signal) => pages(`manifests ${name}`, signal, () => content.manifests(name, signal)),
      facts: (name, digest, signal) => change("facts", signal, (inner) => content.facts(name, digest, inner)),
      referrers: (name, digest, signal) =>
        change("referrers", signal, (inner) => content.referrers(name, digest, inner)),
      deleteManifest: (name, digest, signal, may) =>
        send("deleteManifest", signal, may, (inner) => content.deleteManifest(name, digest, inner)),
      deleteTag: (name, tag, signal, may) =>
        send("deleteTag", signal, may, (inner) => content.deleteTag(name, tag, inner)),
      setManifestLock: (name, digest, isLocked, signal, may) =>
        send("setManifestLock", signal, may, (inner) => content.setManifestLock(name, digest, isLocked, inner)),
      setTagLock: (name, tag, isLocked, signal, may) =>
        send("setTagLock", signal, may, (inner) => content.setTagLock(name, tag, isLocked, inner)),
    };
    const deps: ApplyDeps = {
      runs,
      lines: linePorts,
      openRegistry: async () => OPENED,
      openContent: () => ports,
      readInUse: async (_, signal) => {
        await upstream("clusters", signal);
        await heard();
        if (!clusters.isReadable) throw new ClusterUnreadableError("cluster-one", null);
        return { inUse: inUse.inUse, warnings: [] };
      },
      appendAudit: port("audit", "AUDIT_UNAVAILABLE", async (event: AuditEvent) => void events.push(event)),
      now: clock.now,
      newId: () => `slice-${++ids}`,
      wait: async (milliseconds) => {
        await clock.sleep(milliseconds);
        await heard();
      },
    };
    return {
      calls: () => calls,
      deps,
      slice: () => Promise.race([applySlice(deps, PLACE, new AbortController().signal), death]),
      end: (code: string | null) => Promise.race([endRun(deps, PLACE, code), death]),
    };
  };

  return {
    registry,
    clock,
    lines,
    events,
    table,
    store,
    inUse,
    clusters,
    newProcess,
    place: PLACE,
    async begin(plan: readonly PlanLine[]) {
      await lines.write("plans/one.jsonl", plan);
      await store.insert(RUN);
    },
    async run() {
      const stored = await store.get(REGISTRY, RUN.id);
      if (stored === null) throw new Error("The run is gone.");
      return stored.run;
    },
    report: () => (lines.blobs.get(`reports/${RUN.id}.jsonl`) ?? []).map((line) => JSON.parse(line)),
    /** Slice after slice, then the end. */
    async finish(process = newProcess()) {
      for (;;) {
        const applied = await clock.run(process.slice());
        if (applied.ok && applied.more) continue;
        await clock.run(process.end(applied.ok ? null : applied.code));
        return;
      }
    },
  };
}
export type ApplyWorld = ReturnType<typeof applyWorld>;
