/** Patches of JSON: merge (RFC 7396) and Kubernetes' strategic merge. Called by object-changes.ts. */
import { ApiError, badRequest, notEmulated } from "./api-status.ts";

/** Makes what an object becomes of what it is. */
export type Patch = (current: unknown) => unknown;

/** Media types of patches, and of those the two that are understood here. */
const MERGE = "application/merge-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const KNOWN = ["application/json-patch+json", MERGE, STRATEGIC, "application/apply-patch+yaml"];

/** By which member items of a list are the same. Source: `patchMergeKey` in k8s.io/api, core/v1 and meta/v1. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  conditions: "type",
  containers: "name",
  env: "name",
  ephemeralContainers: "name",
  hostAliases: "ip",
  imagePullSecrets: "name",
  initContainers: "name",
  ownerReferences: "uid",
  ports: "containerPort",
  volumeDevices: "devicePath",
  volumeMounts: "mountPath",
  volumes: "name",
};
/** Lists of plain values that are put together. */
const MERGED_LISTS = new Set(["finalizers"]);

/** @throws ApiError 400 when it is no JSON object, 415 for another media type, 501 for one that is not understood here */
export function readPatch(body: Buffer, contentType: string | undefined): Patch {
  const type = (contentType ?? "").replace(/;.*$/s, "").trim().toLowerCase();
  if (type !== MERGE && type !== STRATEGIC) {
    if (KNOWN.includes(type)) throw notEmulated(`with a patch of ${type}`);
    const message = `the body of the request was in an unknown format - accepted media types include: ${KNOWN.join(", ")}`;
    throw new ApiError(415, "UnsupportedMediaType", message);
  }
  const patch = parsed(body);
  return type === MERGE ? (current) => merge(current, patch) : (current) => strategicMerge(current, patch);
}

function parsed(body: Buffer): Members {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    throw badRequest("error decoding patch: invalid JSON");
  }
  if (!isMembers(value)) throw badRequest("error decoding patch: not an object");
  return value;
}

type Members = Readonly<Record<string, unknown>>;
const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const membersOf = (value: unknown): Members => (isMembers(value) ? value : {});

/** RFC 7396. */
export function merge(current: unknown, patch: unknown): unknown {
  return isMembers(patch) ? merged(membersOf(current), patch, (_, left, right) => merge(left, right)) : patch;
}

/** Of its directives those that kubectl sends; the wished order of lists is not kept. */
export function strategicMerge(current: unknown, patch: unknown): unknown {
  if (!isMembers(patch)) return patch;
  const { $patch: directive, $retainKeys: retained, ...members } = patch;
  if (directive === "replace") return members;
  if (directive === "delete") return {};
  const orders = Object.keys(members).filter((key) => key.startsWith("$setElementOrder/"));
  const dropped = Object.keys(members).filter((key) => key.startsWith("$deleteFromPrimitiveList/"));
  const kept = Object.fromEntries(
    Object.entries(membersOf(current))
      .filter(([key]) => !Array.isArray(retained) || retained.includes(key))
      .map(([key, value]) => {
        const gone = members[`$deleteFromPrimitiveList/${key}`];
        return [key, Array.isArray(gone) && Array.isArray(value) ? value.filter((one) => !gone.includes(one)) : value];
      }),
  );
  const wanted = Object.fromEntries(
    Object.entries(members).filter(([key]) => !orders.includes(key) && !dropped.includes(key)),
  );
  return merged(kept, wanted, (key, left, right) =>
    Array.isArray(right) ? mergedList(key, Array.isArray(left) ? left : [], right) : strategicMerge(left, right),
  );
}

function merged(current: Members, patch: Members, join: (key: string, left: unknown, right: unknown) => unknown) {
  const result = new Map(Object.entries(current));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, join(key, result.get(key), value));
  }
  return Object.fromEntries(result);
}

function mergedList(name: string, current: readonly unknown[], patch: readonly unknown[]): unknown[] {
  if (MERGED_LISTS.has(name)) return [...new Set([...current, ...patch])];
  const key = Object.hasOwn(MERGE_KEYS, name) ? MERGE_KEYS[name] : undefined;
  const isReplaced = patch.some((one) => isMembers(one) && one.$patch === "replace" && Object.keys(one).length === 1);
  const items = patch.filter((one) => !(isMembers(one) && one.$patch === "replace" && Object.keys(one).length === 1));
  if (key === undefined || isReplaced) return items;
  const result = [...current];
  for (const item of items) {
    const { [key]: id, $patch: directive } = membersOf(item);
    const index = result.findIndex((one) => membersOf(one)[key] === id);
    if (directive === "delete") {
      if (index !== -1) result.splice(index, 1);
    } else if (index === -1) result.push(strategicMerge({}, item));
    else result[index] = strategicMerge(result[index], item);
  }
  return result;
}
