/** What a request to an API server is about: verb, resource, namespace, name. Called by kubernetes.ts for every request. */

/** What is asked for, in the words in which it is authorized. */
export type RequestInfo =
  | {
      readonly isResource: true;
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      /** Empty when the request is about the whole cluster. Of a namespace itself, its own name. */
      readonly namespace: string;
      readonly resource: string;
      /** Empty when there is none, as with `name`. */
      readonly subresource: string;
      readonly name: string;
      /** More segments than any operation has. */
      readonly isTooLong: boolean;
    }
  | { readonly isResource: false; readonly verb: string; readonly path: string };

/** The part of it that is about a resource. */
export type ResourceRequest = Extract<RequestInfo, { isResource: true }>;

const VERBS: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};
/** Parts of a namespace itself; any other word there is a resource in it. Source: apiserver, endpoints/request. */
const NAMESPACE_PARTS = new Set(["status", "finalize"]);

/**
 * Source of the rules: k8s.io/apiserver, pkg/endpoints/request/requestinfo.go.
 * @param path without query
 * @param query decoded
 */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const segments = path
    .replace(/^\/+|\/+$/g, "")
    .split("/")
    .map(decoded);
  const isCore = segments[0] === "api";
  const [group, rest] = isCore ? ["", segments.slice(1)] : [segments[1] ?? "", segments.slice(2)];
  const [version, ...parts] = rest;
  if ((!isCore && segments[0] !== "apis") || version === undefined || parts.length === 0) {
    return { isResource: false, verb: method.toLowerCase(), path };
  }
  let verb = VERBS[method] ?? "";
  if (parts[0] === "watch" && parts.length > 1) {
    verb = "watch";
    parts.shift();
  }
  let namespace = "";
  if (parts[0] === "namespaces" && parts[1] !== undefined) {
    namespace = parts[1];
    if (parts[2] !== undefined && !NAMESPACE_PARTS.has(parts[2])) parts.splice(0, 2);
  }
  const [resource = "", name = "", subresource = "", ...more] = parts;
  if (name === "" && verb === "get") verb = isTrue(query.get("watch")) ? "watch" : "list";
  if (name === "" && verb === "delete") verb = "deletecollection";
  return { isResource: true, verb, group, version, namespace, resource, subresource, name, isTooLong: more.length > 0 };
}

function isTrue(value: string | null): boolean {
  return value !== null && /^(1|t|true)$/i.test(value);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
