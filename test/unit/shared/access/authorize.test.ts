import { describe, expect, test } from "vitest";
import { type AuthorizeDeps, authorize, explain } from "../../../../shared/access/authorize.ts";
import type { Policy } from "../../../../shared/access/policy.ts";
import type { Ask } from "../../../../shared/access/ports.ts";
import { meansResource } from "../../../../shared/connectors/resource-types.ts";
import { credentialReaches } from "../../../../shared/credentials/reach.ts";
import { ConflictError, DeniedError } from "../../../../shared/errors.ts";
import { ADMIN, now, USER, unavailable } from "../../../support/fakes.ts";
import { containerId, grant, membership, policyOf } from "../../../support/fakes-access.ts";

const ASK: Ask = {
  connector: "azure",
  resourceType: "blob-container",
  resourceId: "az://data",
  access: ["read"],
  scope: {},
  form: "sas",
  defaultForm: "sas",
  isWhole: false,
  ttlSeconds: 600,
  project: null,
  domain: null,
};
function depsOf(policy: Policy, deniedResources: readonly string[] = []): AuthorizeDeps {
  return {
    policy: async () => policy,
    means: meansResource,
    reaches: credentialReaches,
    deniedResources,
    ownResources: [],
    now,
  };
}
const lending = policyOf({ users: membership() }, { lend: grant() });

describe("authorize", () => {
  test.each(["az://data", "data", containerId("data"), containerId("data").toUpperCase()])(
    "%s means the granted resource, in the case of the grant",
    async (resourceId) => {
      const decision = await authorize(depsOf(lending), USER, { ...ASK, resourceId });
      expect(decision).toMatchObject({ rule: "grant:lend", resourceId: containerId("data"), maxTtlSeconds: 3600 });
    },
  );

  test.each<[string, Policy, Partial<Ask>, string]>([
    ["no grant", policyOf({ users: membership() }, {}), {}, "DENIED"],
    ["a name of another type", lending, { resourceType: "key-vault-secret" }, "DENIED"],
    ["a type that is none", lending, { resourceType: "constructor" }, "DENIED"],
    ["more than granted", lending, { access: ["write"] }, "SCOPE_TOO_WIDE"],
  ])("%s is refused", async (_what, policy, changes, code) => {
    const refusal = await authorize(depsOf(policy), USER, { ...ASK, ...changes }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DeniedError);
    expect(refusal).toMatchObject({ code });
  });

  test("groups that were left out of the token", async () => {
    const group = "group:7e7e7e7e-1111-4222-8333-444455556666";
    const policy = policyOf({ users: membership({ principals: [group] }) }, { lend: grant() });
    const refusal = authorize(depsOf(policy), { ...USER, groups: "overage" }, ASK);
    await expect(refusal).rejects.toMatchObject({ code: "GROUPS_OVERAGE" });
  });

  test("what the operator never lends", async () => {
    const refusal = authorize(depsOf(lending, [containerId("data")]), USER, ASK);
    await expect(refusal).rejects.toMatchObject({ code: "DENIED" });
  });

  test("several granted resources of one name: a conflict with all of them", async () => {
    const other = containerId("data").replace("accountone", "accounttwo");
    const policy = policyOf({ users: membership() }, { one: grant(), two: grant({ resourceId: other }) });
    const refusal = await authorize(depsOf(policy), USER, ASK).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConflictError);
    expect(refusal).toMatchObject({ code: "AMBIGUOUS_RESOURCE", candidates: [containerId("data"), other] });
  });

  test("a name that two connectors have means in each what is granted through it", async () => {
    const other = containerId("data").replace("accountone", "accounttwo");
    const policy = policyOf(
      { users: membership() },
      { one: grant(), two: grant({ connector: "other", resourceId: other }), wrong: grant({ connector: "third" }) },
    );
    const of = async (connector: string) => (await authorize(depsOf(policy), USER, { ...ASK, connector })).resourceId;
    expect([await of("azure"), await of("other")]).toEqual([containerId("data"), other]);
    const byId = authorize(depsOf(policy), USER, { ...ASK, connector: "other", resourceId: containerId("data") });
    await expect(byId).rejects.toMatchObject({ code: "DENIED" });
  });

  test("without policy nothing is allowed", async () => {
    const deps = { ...depsOf(lending), policy: () => Promise.reject(unavailable("STATE_UNAVAILABLE")) };
    await expect(authorize(deps, USER, ASK)).rejects.toMatchObject({ code: "STATE_UNAVAILABLE" });
  });
});

test("explain: what authorize refuses is answered with its checks", async () => {
  const decision = await explain(depsOf(lending), USER, { ...ASK, access: ["write"] });
  expect(decision).toMatchObject({ allowed: false, code: "SCOPE_TOO_WIDE", rule: null });
  expect(decision.checks).toContainEqual(expect.objectContaining({ id: "access", ok: false }));
});

test("before any policy exists nobody gets anything, an administrator neither", async () => {
  await expect(authorize(depsOf(policyOf({}, {})), ADMIN, ASK)).rejects.toMatchObject({ code: "DENIED" });
});
