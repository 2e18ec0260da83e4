/** The management endpoints of the durable extension: which request is what. Called by durable-host.ts. */
import { setTimeout as wait } from "node:timers/promises";
import { emptyReply, type HttpReply } from "../http-messages.ts";
import { instanceLinks, type Place } from "./client-payload.ts";
import { badRequest, type EndpointRequest, flag, jsonReply, jsonText, notImplemented } from "./endpoint-request.ts";
import { type InstanceRecord, isEnded } from "./instance.ts";
import { instanceOperation, startedReply } from "./instance-endpoints.ts";
import type { InstanceRequests } from "./instance-requests.ts";
import { listInstances, purgeInstances } from "./query-endpoints.ts";
import { historyBody, statusBody } from "./status-body.ts";
import { isTooLong } from "./value-limit.ts";

/** Characters of an instance id. */
const MAX_INSTANCE_ID = 100;
/** Seconds that a client is told to wait while an instance runs. */
const STATUS_RETRY_SECONDS = "5";
/** Seconds of `timeout` and `pollingInterval` of a start that waits, when only one is given. */
const DEFAULT_TIMEOUT_SECONDS = 10;
const DEFAULT_POLLING_SECONDS = 1;
/** Milliseconds between two looks at an instance: no client makes this host busy, or a timer longer than there are. */
const SHORTEST_POLLING_MS = 20;
const LONGEST_POLLING_MS = 60_000;

export type Endpoints = (request: EndpointRequest) => Promise<HttpReply>;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
const BAD_INSTANCE_ID = /^@|[/\\#?\u0000-\u001f\u007f-\u009f]/;

/** @param deps.isStopping ends waits */
export function createEndpoints(deps: {
  requests: InstanceRequests;
  place: () => Place;
  now: () => number;
  isStopping: () => boolean;
}): Endpoints {
  const { requests, place } = deps;

  async function status(record: InstanceRecord, { query }: EndpointRequest): Promise<HttpReply> {
    const showInput = flag(query, "showInput", true);
    const body = statusBody(record, { showInput });
    if (flag(query, "showHistory", false)) {
      const showOutput = flag(query, "showHistoryOutput", false);
      const history = await requests.history(record.instanceId);
      body.historyEvents = historyBody(history, { showInput, showOutput });
    }
    if (isEnded(record)) {
      const asError = record.status === "Failed" && flag(query, "returnInternalServerErrorOnFailure", false);
      return jsonReply(asError ? 500 : 200, body);
    }
    const location = instanceLinks(place(), record.instanceId).statusQueryGetUri ?? "";
    return jsonReply(202, body, [
      ["location", location],
      ["retry-after", STATUS_RETRY_SECONDS],
    ]);
  }

  /** Waits for the end, up to `timeout`; then 202 as without waiting. */
  async function waited(instanceId: string, request: EndpointRequest): Promise<HttpReply> {
    const seconds = (name: string, absent: number) => Number(request.query.get(name) ?? absent);
    const until = deps.now() + seconds("timeout", DEFAULT_TIMEOUT_SECONDS) * 1_000;
    const asked = seconds("pollingInterval", DEFAULT_POLLING_SECONDS) * 1_000;
    const pause = Math.min(Math.max(asked, SHORTEST_POLLING_MS), LONGEST_POLLING_MS);
    for (;;) {
      const record = await requests.record(instanceId);
      if (record?.status === "Completed") return jsonReply(200, JSON.parse(record.output ?? "null"));
      if (record && isEnded(record)) return status(record, request);
      const left = until - deps.now();
      if (left <= 0 || deps.isStopping()) return startedReply(place(), instanceId);
      await wait(Math.min(left, pause));
    }
  }

  async function start(request: EndpointRequest): Promise<HttpReply> {
    const [, name = "", id] = request.segments;
    const { query } = request;
    const isBadTime = (text: string | null) => text !== null && !(Number(text) > 0);
    if (isBadTime(query.get("timeout")) || isBadTime(query.get("pollingInterval"))) {
      return badRequest("'timeout' and 'pollingInterval' must be numbers over 0.");
    }
    const instanceId = id ?? requests.newInstanceId();
    if (instanceId.length > MAX_INSTANCE_ID || BAD_INSTANCE_ID.test(instanceId)) {
      return badRequest(
        "Instance IDs must not start with '@', hold '/', '\\', '#', '?' or control characters, or be longer than 100.",
      );
    }
    const input = jsonText(request.body);
    if (input === undefined) return badRequest("The input is no JSON.");
    if (isTooLong(input)) return jsonReply(413, { Message: "The input is too large." });
    const version = query.get("version") ?? "";
    const begun = await requests.start({ name, version, instanceId, input });
    if (!begun) {
      return jsonReply(409, { Message: `An Orchestration instance with the ID ${instanceId} already exists.` });
    }
    if (query.has("timeout") || query.has("pollingInterval")) return waited(instanceId, request);
    return startedReply(place(), instanceId);
  }

  return async (request) => {
    const { method, segments } = request;
    const [collection, instanceId, ...rest] = segments;
    const what = `${method} ${collection ?? ""}`.trim();
    if (collection === "orchestrators" && method === "POST" && (rest.length === 0 || rest.length === 1) && instanceId) {
      return start(request);
    }
    if (collection !== "instances") return collection === "entities" ? notImplemented(what) : emptyReply(404);
    if (instanceId === undefined) {
      if (method === "GET") return listInstances(requests, request);
      return method === "DELETE" ? purgeInstances(requests, request) : emptyReply(404);
    }
    const record = await requests.record(instanceId);
    if (rest.length === 0 && method === "GET") return record ? status(record, request) : emptyReply(404);
    return instanceOperation({ requests, place }, request, record);
  };
}
