/** What can be done to one instance over HTTP, but for its status. Called by endpoints.ts. */
import { emptyReply, type HttpReply } from "../http-messages.ts";
import { instanceLinks, type Place } from "./client-payload.ts";
import {
  accepted,
  badRequest,
  type EndpointRequest,
  flag,
  isJson,
  jsonReply,
  jsonText,
  notImplemented,
} from "./endpoint-request.ts";
import { type InstanceRecord, isEnded } from "./instance.ts";
import type { InstanceRequests } from "./instance-requests.ts";
import { isTooLong } from "./value-limit.ts";

type Deps = { readonly requests: InstanceRequests; readonly place: () => Place };

/** Seconds that a client is told to wait after a start. */
const START_RETRY_SECONDS = "10";

/** 202 with all that can be done to the new instance. */
export function startedReply(place: Place, instanceId: string): HttpReply {
  const links = instanceLinks(place, instanceId);
  return jsonReply(202, links, [
    ["location", links.statusQueryGetUri ?? ""],
    ["retry-after", START_RETRY_SECONDS],
  ]);
}

const gone = (): HttpReply => emptyReply(410);

async function raise({ requests }: Deps, request: EndpointRequest, record: InstanceRecord): Promise<HttpReply> {
  const name = request.segments[3] ?? "";
  if (isEnded(record)) return gone();
  if (!isJson(request.contentType)) return badRequest("Only application/json request content is supported.");
  const input = jsonText(request.body);
  if (input === undefined || input === null) return badRequest("The data of the event is no JSON.");
  if (isTooLong(input)) return jsonReply(413, { Message: "The data of the event is too large." });
  return (await requests.raise(record.instanceId, name, input)) ? accepted() : gone();
}

async function control(
  { requests }: Deps,
  kind: "terminate" | "suspend" | "resume",
  reason: string,
  record: InstanceRecord,
): Promise<HttpReply> {
  if (isEnded(record)) return gone();
  const isWrong = (kind === "suspend" && record.suspended) || (kind === "resume" && !record.suspended);
  if (isWrong) return jsonReply(500, { Message: `The instance is ${record.suspended ? "already" : "not"} suspended.` });
  return (await requests.control(record.instanceId, kind, reason)) ? accepted() : gone();
}

async function rewind({ requests }: Deps, reason: string, record: InstanceRecord): Promise<HttpReply> {
  switch (await requests.rewind(record.instanceId, reason)) {
    case "done":
      return accepted();
    case "not-failed":
      return jsonReply(412, { Message: "Only instances that failed can be rewound." });
    case "not-supported":
      return notImplemented("rewind of failed sub-orchestrations");
  }
}

async function restart({ requests, place }: Deps, request: EndpointRequest, old: InstanceRecord): Promise<HttpReply> {
  const isNew = flag(request.query, "restartWithNewInstanceId", true);
  const instanceId = isNew ? requests.newInstanceId() : old.instanceId;
  const { name, version, input } = old;
  if (!(await requests.start({ name, version, instanceId, input }))) {
    return jsonReply(409, { Message: `The instance ${instanceId} has not ended.` });
  }
  return startedReply(place(), instanceId);
}

/** @param record of the instance that the request names */
export async function instanceOperation(
  deps: Deps,
  request: EndpointRequest,
  record: InstanceRecord | undefined,
): Promise<HttpReply> {
  const { method, segments, query } = request;
  const operation = segments[2]?.toLowerCase();
  if (operation === undefined && method === "DELETE") {
    if (!record) return emptyReply(404);
    if (!(await deps.requests.purge(record.instanceId))) {
      return jsonReply(412, { Message: "An instance that has not ended cannot be purged." });
    }
    return jsonReply(200, { instancesDeleted: 1 });
  }
  if (method !== "POST" || segments.length > (operation === "raiseevent" ? 4 : 3)) return emptyReply(404);
  const reason = query.get("reason") ?? "";
  if (!record) return operation === "restart" ? badRequest("There is no such instance.") : emptyReply(404);
  switch (operation) {
    case "raiseevent":
      return segments[3] ? raise(deps, request, record) : emptyReply(404);
    case "terminate":
    case "suspend":
    case "resume":
      return control(deps, operation, reason, record);
    case "rewind":
      return rewind(deps, reason, record);
    case "restart":
      return restart(deps, request, record);
    default:
      return emptyReply(404);
  }
}
