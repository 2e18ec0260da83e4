/** Requests in another's name (`kubectl --as`). Called by kubernetes.ts once it is known who calls. */
import type { IncomingHttpHeaders } from "node:http";
import { ApiError } from "./api-status.ts";
import { demand } from "./authorize.ts";
import { AUTHENTICATED_GROUP, SERVICE_ACCOUNT_PREFIX, serviceAccountGroups, type UserInfo } from "./user-info.ts";

const PREFIX = "impersonate-";

/**
 * The user in whose name the request is made: the caller himself when it names nobody.
 * @throws ApiError 403 when the caller may not stand for that user or group, 501 for what is not looked at here
 */
export function impersonated(
  caller: UserInfo,
  headers: IncomingHttpHeaders,
  deps: Parameters<typeof demand>[2],
): UserInfo {
  const asked = Object.keys(headers).filter((name) => name.startsWith(PREFIX));
  if (asked.length === 0) return caller;
  if (asked.some((name) => name !== "impersonate-user" && name !== "impersonate-group")) {
    throw new ApiError(501, "NotImplemented", "The local API server stands for users and groups alone.");
  }
  const username = String(headers["impersonate-user"] ?? "");
  if (username === "") {
    const message = "requested [{Group}] without impersonating a user";
    throw new ApiError(500, "InternalError", `Internal error occurred: ${message}`);
  }
  // Node joins repeated headers of this kind by a comma.
  const groups = String(headers["impersonate-group"] ?? "")
    .split(/,\s*/)
    .filter(Boolean);
  const [namespace, account] = username.startsWith(SERVICE_ACCOUNT_PREFIX)
    ? username.slice(SERVICE_ACCOUNT_PREFIX.length).split(":")
    : [];
  const mayStandFor = (resource: string, name: string, place: string) => {
    const request = {
      verb: "impersonate",
      group: "",
      version: "v1",
      namespace: place,
      resource,
      subresource: "",
      name,
    };
    demand(caller, { isResource: true, ...request, isTooLong: false }, deps);
  };
  if (namespace !== undefined && account !== undefined) mayStandFor("serviceaccounts", account, namespace);
  else mayStandFor("users", username, "");
  for (const group of groups) mayStandFor("groups", group, "");
  const implied = namespace === undefined ? [AUTHENTICATED_GROUP] : serviceAccountGroups(namespace);
  return { username, groups: [...new Set([...groups, ...implied])] };
}
