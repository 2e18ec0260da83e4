/** See the file of the same name under infra/local/azure/kubernetes. */
import { describe, expect, test } from "vitest";
import { azureAllows, dataActionsOf } from "../../../../../infra/local/azure/kubernetes/azure-rights.ts";
import { requestInfo } from "../../../../../infra/local/azure/kubernetes/request-info.ts";

const AKS = "Microsoft.ContainerService/managedClusters";
const read = (method: string, path: string) => requestInfo(method, path, new URLSearchParams());

describe("data actions of requests", () => {
  test.each([
    ["GET", "/api/v1/namespaces/v/pods", "pods/read"],
    ["POST", "/api/v1/namespaces/v/secrets", "secrets/write"],
    ["PATCH", "/api/v1/namespaces/v/secrets/a", "secrets/write"],
    ["DELETE", "/api/v1/namespaces/v/secrets", "secrets/delete"],
    ["POST", "/api/v1/namespaces/v/serviceaccounts/a/token", "serviceaccounts/write"],
    ["POST", "/api/v1/namespaces/v/pods/a/exec", "pods/exec/action"],
    ["GET", "/apis/batch/v1/namespaces/v/jobs", "batch/jobs/read"],
    ["GET", "/metrics", "metrics/read"],
  ])("%s %s needs %s", (method, path, action) => {
    expect(dataActionsOf(read(method, path))).toEqual([`${AKS}/${action}`]);
  });

  test("are asked for at the namespace, and for whoever Entra does not know not at all", () => {
    const scopes: string[] = [];
    const authorization = {
      allows(_principal: unknown, _plane: unknown, _operation: string, scope: string) {
        scopes.push(scope);
        return true;
      },
    };
    const pods = read("GET", "/api/v1/namespaces/vision/pods");
    const user = { username: "u", groups: [], objectId: "oid" };
    expect(azureAllows(authorization, user, pods, "/c").allowed).toBe(true);
    expect(azureAllows(authorization, user, read("GET", "/api/v1/pods"), "/c").allowed).toBe(true);
    expect(azureAllows(authorization, { username: "u", groups: [] }, pods, "/c").allowed).toBe(false);
    expect(scopes).toEqual(["/c/namespaces/vision", "/c"]);
  });
});
