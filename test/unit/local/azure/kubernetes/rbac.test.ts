/** See the file of the same name under infra/local/azure/kubernetes. */
import { describe, expect, test } from "vitest";
import { judge } from "../../../../../infra/local/azure/kubernetes/authorize.ts";
import { clusterContents } from "../../../../../infra/local/azure/kubernetes/cluster-contents.ts";
import { requestInfo } from "../../../../../infra/local/azure/kubernetes/request-info.ts";
import { serviceAccountGroups, type UserInfo } from "../../../../../infra/local/azure/kubernetes/user-info.ts";
import { loadSeed } from "../../../../../infra/local/seed.ts";

const account = (namespace: string, name: string): UserInfo => ({
  username: `system:serviceaccount:${namespace}:${name}`,
  groups: serviceAccountGroups(namespace),
});
const now = () => new Date("2026-11-22T08:00:00Z");
let ids = 0;
const newId = () => `id-${ids++}`;
const empty = {
  serviceAccounts: [],
  pods: [],
  deployments: [],
  cronJobs: [],
  secrets: {},
  roles: {},
  roleBindings: [],
};
const state = clusterContents(
  loadSeed(),
  {
    vision: {
      ...empty,
      serviceAccounts: ["latchkey"],
      roles: { small: [{ groups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list"] }] },
      roleBindings: [
        { name: "small", role: "small", serviceAccounts: ["latchkey"], principals: [] },
        { name: "viewers", clusterRole: "view", serviceAccounts: ["viewer"], principals: ["data-scientists"] },
        { name: "dangling", role: "gone", serviceAccounts: ["nobody"], principals: [] },
      ],
    },
    speech: empty,
  },
  { now, newId },
);
const allows = (user: UserInfo, method: string, path: string) =>
  judge(user, requestInfo(method, path, new URLSearchParams()), {
    cluster: { id: "/clusters/one", usesAzureRoles: false, state },
    authorization: { allows: () => true },
  }).allowed;

describe("Kubernetes RBAC", () => {
  const latchkey = account("vision", "latchkey");

  test.each([
    ["GET", "/api/v1/namespaces/vision/pods", true],
    ["GET", "/api/v1/namespaces/vision/pods/a/log", true],
    ["GET", "/api/v1/namespaces/vision/pods/a/exec", false],
    ["DELETE", "/api/v1/namespaces/vision/pods/a", false],
    ["GET", "/api/v1/namespaces/vision/secrets", false],
    ["GET", "/apis/other/v1/namespaces/vision/pods", false],
    ["GET", "/api/v1/namespaces/speech/pods", false],
    ["GET", "/api/v1/pods", false],
    ["GET", "/version", true],
    ["GET", "/metrics", false],
    ["POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", true],
  ] as const)("a role in one namespace: %s %s is %s", (method, path, expected) => {
    expect(allows(latchkey, method, path)).toBe(expected);
  });

  test("an account of the same name in another namespace has nothing", () => {
    expect(allows(account("speech", "latchkey"), "GET", "/api/v1/namespaces/vision/pods")).toBe(false);
  });

  test("a cluster role that a namespace's binding gives holds there alone, for accounts and groups", () => {
    const group = loadSeed().groups.find(({ name }) => name === "data-scientists")?.id ?? "";
    for (const user of [account("vision", "viewer"), { username: "someone", groups: [group] }]) {
      expect(allows(user, "GET", "/api/v1/namespaces/vision/pods")).toBe(true);
      expect(allows(user, "GET", "/api/v1/namespaces/vision/secrets")).toBe(false);
      expect(allows(user, "GET", "/api/v1/namespaces/speech/pods")).toBe(false);
    }
  });

  test("a binding to a role that is gone gives nothing", () => {
    expect(allows(account("vision", "nobody"), "GET", "/api/v1/namespaces/vision/pods")).toBe(false);
  });

  test("masters may do everything, whoever else calls himself so by name may not", () => {
    expect(allows({ username: "x", groups: ["system:masters"] }, "DELETE", "/api/v1/namespaces/vision")).toBe(true);
    expect(allows({ username: "system:masters", groups: [] }, "DELETE", "/api/v1/namespaces/vision")).toBe(false);
  });
});
