/** See the file of the same name under infra/local/azure/kubernetes. */
import { describe, expect, test } from "vitest";
import { clusterContents } from "../../../../../infra/local/azure/kubernetes/cluster-contents.ts";
import { impersonated } from "../../../../../infra/local/azure/kubernetes/impersonation.ts";
import { loadSeed } from "../../../../../infra/local/seed.ts";

const state = clusterContents(loadSeed(), {}, { now: () => new Date(0), newId: () => "id" });
const deps = {
  cluster: { id: "/c", usesAzureRoles: false, state },
  authorization: { allows: () => false },
};
const master = { username: "masterclient", groups: ["system:masters"] };
const nobody = { username: "nobody", groups: ["system:authenticated"] };

describe("impersonation", () => {
  test("without its headers the caller is himself", () => {
    expect(impersonated(nobody, {}, deps)).toBe(nobody);
  });

  test("a master stands for a ServiceAccount and is no master then", () => {
    const headers = { "impersonate-user": "system:serviceaccount:vision:latchkey" };
    expect(impersonated(master, headers, deps)).toEqual({
      username: "system:serviceaccount:vision:latchkey",
      groups: ["system:serviceaccounts", "system:serviceaccounts:vision", "system:authenticated"],
    });
  });

  test.each([
    [{ "impersonate-user": "masterclient" }, 403],
    [{ "impersonate-user": "nobody", "impersonate-group": "system:masters" }, 403],
    [{ "impersonate-group": "system:masters" }, 500],
    [{ "impersonate-user": "x", "impersonate-extra-scopes": "all" }, 501],
  ])("nobody else may: %j", (headers, status) => {
    expect(() => impersonated(nobody, headers, deps)).toThrow(expect.objectContaining({ status }));
  });
});
