/** See the file of the same name under infra/local/azure/kubernetes. */
import { describe, expect, test } from "vitest";
import { requestInfo } from "../../../../../infra/local/azure/kubernetes/request-info.ts";

const read = (method: string, target: string) => {
  const [path = "", query = ""] = target.split("?");
  return requestInfo(method, path, new URLSearchParams(query));
};

describe("requestInfo", () => {
  test.each([
    ["GET", "/api/v1/namespaces/vision/pods", { verb: "list", group: "", namespace: "vision", resource: "pods" }],
    ["GET", "/api/v1/namespaces/vision/pods?watch=true", { verb: "watch" }],
    ["GET", "/api/v1/watch/namespaces/vision/pods", { verb: "watch", namespace: "vision", resource: "pods" }],
    ["GET", "/api/v1/namespaces/vision/pods/a", { verb: "get", name: "a" }],
    ["DELETE", "/api/v1/namespaces/vision/secrets", { verb: "deletecollection" }],
    ["DELETE", "/api/v1/namespaces/vision/secrets/a", { verb: "delete", name: "a" }],
    ["GET", "/api/v1/pods", { verb: "list", namespace: "" }],
    ["GET", "/api/v1/namespaces", { verb: "list", namespace: "", resource: "namespaces", name: "" }],
    ["GET", "/api/v1/namespaces/vision", { verb: "get", namespace: "vision", resource: "namespaces", name: "vision" }],
    ["PUT", "/api/v1/namespaces/vision/status", { resource: "namespaces", name: "vision", subresource: "status" }],
    ["POST", "/api/v1/namespaces/v/serviceaccounts/a/token", { verb: "create", name: "a", subresource: "token" }],
    ["GET", "/apis/batch/v1/namespaces/v/jobs", { group: "batch", version: "v1", resource: "jobs" }],
  ])("%s %s", (method, target, expected) => {
    expect(read(method, target)).toMatchObject({ isResource: true, isTooLong: false, ...expected });
  });

  test.each(["/version", "/api", "/api/v1", "/apis", "/apis/batch", "/apis/batch/v1", "/healthz"])(
    "%s is no resource",
    (path) => {
      expect(read("GET", path)).toEqual({ isResource: false, verb: "get", path });
    },
  );

  test("an encoded slash stays within its name", () => {
    expect(read("GET", "/api/v1/namespaces/vision%2F..%2Fspeech/pods")).toMatchObject({
      namespace: "vision/../speech",
    });
  });
});
