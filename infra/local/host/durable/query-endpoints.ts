/** Lists of instances and their deletion by filter. Called by endpoints.ts. */
import { emptyReply, type HttpReply } from "../http-messages.ts";
import { badRequest, type EndpointRequest, flag, jsonReply, time } from "./endpoint-request.ts";
import { type InstanceRecord, isEnded, visibleStatus } from "./instance.ts";
import type { InstanceRequests } from "./instance-requests.ts";
import { statusBody } from "./status-body.ts";

/** Instances of one page unless `top` says so. */
const PAGE_SIZE = 100;
const TOKEN_HEADER = "x-ms-continuation-token";

type Requests = Pick<InstanceRequests, "list" | "purge">;

/** Status names of the query, in lower case; an unknown one fits nothing. */
const statuses = (query: URLSearchParams): string[] =>
  query
    .getAll("runtimeStatus")
    .flatMap((text) => text.split(","))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");

/** @returns undefined when a time of the query is none */
function filter(query: URLSearchParams): ((record: InstanceRecord) => boolean) | undefined {
  const from = time(query, "createdTimeFrom");
  const to = time(query, "createdTimeTo");
  if (from === null || to === null) return undefined;
  const names = statuses(query);
  const prefix = query.get("instanceIdPrefix") ?? "";
  return (record) =>
    record.createdTime >= (from ?? Number.NEGATIVE_INFINITY) &&
    record.createdTime <= (to ?? Number.POSITIVE_INFINITY) &&
    (names.length === 0 || names.includes(visibleStatus(record).toLowerCase())) &&
    record.instanceId.startsWith(prefix);
}

export async function listInstances(requests: Requests, request: EndpointRequest): Promise<HttpReply> {
  const { query } = request;
  const fits = filter(query);
  const top = Number(query.get("top") ?? PAGE_SIZE);
  if (!fits || !Number.isInteger(top) || top < 0) return badRequest("The query is not valid.");
  const after = Buffer.from(request.continuationToken ?? "", "base64url").toString("utf8");
  const records = (await requests.list())
    .filter((record) => fits(record) && record.instanceId > after)
    .sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1));
  const page = records.slice(0, top === 0 ? PAGE_SIZE : top);
  const last = page.at(-1);
  const more = last && records.length > page.length;
  const token = more ? Buffer.from(last.instanceId).toString("base64url") : "";
  const showInput = flag(query, "showInput", true);
  const bodies = page.map((record) => statusBody(record, { showInput }));
  return jsonReply(200, bodies, more ? [[TOKEN_HEADER, token]] : []);
}

/** Instances that have not ended stay, whatever the filter says. */
export async function purgeInstances(requests: Requests, { query }: EndpointRequest): Promise<HttpReply> {
  const fits = filter(query);
  if (!fits || time(query, "createdTimeFrom") === undefined) {
    return badRequest("Please provide value for 'createdTimeFrom' parameter.");
  }
  let instancesDeleted = 0;
  for (const record of await requests.list()) {
    if (isEnded(record) && fits(record) && (await requests.purge(record.instanceId))) instancesDeleted++;
  }
  return instancesDeleted === 0 ? emptyReply(404) : jsonReply(200, { instancesDeleted });
}
