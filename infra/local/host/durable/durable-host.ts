/** The durable part of the host: joins store, engine, endpoints and client binding. Made by main.ts when the app asks for it. */
import { setTimeout as wait } from "node:timers/promises";
import type { HostedFunction } from "../function-index.ts";
import { emptyReply, type HttpReply } from "../http-messages.ts";
import type { Invoker } from "../invocation.ts";
import type { Log } from "../log.ts";
import { createActivityRunner } from "./activity-call.ts";
import { clientPayload, type Place, RPC_PATH, WEBHOOK_PATH } from "./client-payload.ts";
import { connectTable } from "./connect-table.ts";
import type { EndpointRequest } from "./endpoint-request.ts";
import { createEndpoints } from "./endpoints.ts";
import { createEngine } from "./engine.ts";
import { orchestratorTrigger, readOrchestratorAnswer } from "./orchestrator-call.ts";
import { openTaskHubStore } from "./task-hub-store.ts";
import type { TurnDeps } from "./turn.ts";

/** Name of the system key of the extension. */
export const EXTENSION_KEY = "durabletask_extension";

/** A request as the server has it. */
export type DurableRequest = Omit<EndpointRequest, "segments"> & {
  /** Decoded. */
  readonly path: string;
  /** What the presented key opens here: the webhooks, something else, nothing. */
  readonly access: "granted" | "wrong-key" | "none";
  readonly host: string | undefined;
  readonly origin: string | undefined;
};

export type DurableHost = {
  /** Value of every `durableClient` binding. */
  readonly clientPayload: () => string;
  /** Goes on with what was open. After the server listens: functions may call it. */
  start(): void;
  stop(): void;
  /** Settles when all that has ended is stored. */
  idle(): Promise<void>;
  handle(request: DurableRequest): Promise<HttpReply>;
};

/** True for functions that need the durable part. */
export const isDurable = (hosted: HostedFunction): boolean =>
  hosted.kind === "orchestration" || hosted.kind === "activity" || hosted.clients.length > 0;

const below = (path: string, base: string): string | undefined =>
  path.toLowerCase().startsWith(`${base}/`) ? path.slice(base.length + 1) : undefined;
/** True for paths of the durable part; an app has no function there while it is on. */
export const isDurablePath = (path: string): boolean =>
  below(path, WEBHOOK_PATH) !== undefined || below(path, RPC_PATH) !== undefined;

/** True for what functions of this host ask of the durable part. */
export const isRpcPath = (path: string): boolean => below(path, RPC_PATH) !== undefined;

const isLoopback = (host: string | undefined): boolean => /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host ?? "");

/** Who may: with the key of the extension or the master key, or without one from this machine itself, but no web page. */
function refusal(request: DurableRequest): HttpReply | undefined {
  if (below(request.path, WEBHOOK_PATH) === undefined) {
    return isLoopback(request.host) && request.origin === undefined ? undefined : emptyReply(403);
  }
  if (request.access === "granted") return undefined;
  return emptyReply(request.access === "none" ? 401 : 403);
}

/** Functions by name, as the extension finds them. */
function orchestratorCall(functions: readonly HostedFunction[], invoke: Invoker["invoke"]): TurnDeps["call"] {
  const orchestrators = functions.filter((hosted) => hosted.kind === "orchestration");
  const byName = new Map(orchestrators.map((hosted) => [hosted.name.toLowerCase(), hosted]));
  return async (record, history, firstNew) => {
    const hosted = byName.get(record.name.toLowerCase());
    if (!hosted) {
      return {
        broken: `The function '${record.name}' doesn't exist, is disabled, or is not an orchestrator function.`,
      };
    }
    const data = orchestratorTrigger(record, history, firstNew);
    return readOrchestratorAnswer(await invoke(hosted, data, `Durable turn of ${record.instanceId}`));
  };
}

/**
 * Connects to the task hub and reads what is open there.
 * @param deps.place address of the host, task hub and key; asked only after the server listens
 * @throws DurableSettingsError
 */
export async function openDurableHost(deps: {
  functions: readonly HostedFunction[];
  invoke: Invoker["invoke"];
  /** Value of AzureWebJobsStorage. */
  connection: string | undefined;
  hub: string;
  place: () => Place;
  log: Log;
}): Promise<DurableHost> {
  const { functions, invoke, log } = deps;
  const store = openTaskHubStore(await connectTable(deps.connection, deps.hub));
  const activities = functions.filter((hosted) => hosted.kind === "activity");
  const engine = createEngine({
    store,
    callOrchestrator: orchestratorCall(functions, invoke),
    runActivity: createActivityRunner({ functions: activities, invoke, log }),
    log,
    now: Date.now,
    wait: (ms) => wait(ms, undefined, { ref: false }),
  });
  await engine.load();
  let stopping = false;
  const isStopping = () => stopping;
  const endpoints = createEndpoints({ requests: engine, place: deps.place, now: Date.now, isStopping });
  return {
    clientPayload: () => clientPayload(deps.place()),
    start: engine.goOn,
    stop() {
      stopping = true;
      engine.stop();
    },
    idle: engine.idle,
    async handle(request) {
      const refused = refusal(request);
      if (refused) return refused;
      const rest = below(request.path, WEBHOOK_PATH) ?? below(request.path, RPC_PATH) ?? "";
      return endpoints({ ...request, segments: rest.split("/").filter((segment) => segment !== "") });
    },
  };
}
