import { expect, test } from "vitest";
import { createArmRights } from "../../../../../infra/local/azure/arm/arm-rights.ts";
import { createAuthorization } from "../../../../../infra/local/azure/authorization.ts";
import { loadSeed, type Seed, storageAccountsOf } from "../../../../../infra/local/seed.ts";

const READ = "Microsoft.Storage/storageAccounts/read";
const seed = loadSeed();
const subscription = `/subscriptions/${seed.subscriptions[0]?.id}`;

/** The seed tenant with one role assignment: what `stranger` has. */
function withOnly(assignment: Seed["roleAssignments"][number]) {
  const changed: Seed = { ...seed, roleAssignments: [assignment] };
  return createArmRights(changed, createAuthorization(changed));
}
function callerOf(name: string) {
  const objectId =
    seed.applications.find((application) => application.name === name)?.objectId ??
    seed.users.find((user) => user.name === name)?.objectId ??
    "";
  return { objectId, tenantId: seed.tenant.id, client: name, principal: { objectId, groups: [] } };
}

test("trim: rights on one resource group show that group's members of the whole subscription", () => {
  const rights = withOnly({ principal: "stranger", role: "Reader", scope: "/demo-zenml-demos" });
  const accounts = rights.trim(callerOf("stranger"), READ, subscription, storageAccountsOf(seed));
  expect(accounts.map(({ account }) => account.name)).toEqual(["demozenmlartifacts", "demozenmlarchive"]);
});

test("trim: rights on one account show it in its group, and refuse every other group", () => {
  const rights = withOnly({ principal: "stranger", role: "Reader", scope: "/other-team/otherteamdata" });
  const listed = (group: string) =>
    rights.trim(callerOf("stranger"), READ, `${subscription}/resourceGroups/${group}`, storageAccountsOf(seed));
  expect(listed("other-team").map(({ account }) => account.name)).toEqual(["otherteamdata"]);
  expect(() => listed("latchkey")).toThrow(expect.objectContaining({ status: 403, code: "AuthorizationFailed" }));
});

test("touches: the groups of a user count as the directory has them", () => {
  const rights = withOnly({ principal: "data-scientists", role: "Reader", scope: "/other-team" });
  expect(rights.touches(callerOf("scientist@zenmldemo.onmicrosoft.com"), subscription)).toBe(true);
  expect(rights.touches(callerOf("admin@zenmldemo.onmicrosoft.com"), subscription)).toBe(false);
});

test("demand: a right on a sibling or below is none", () => {
  const rights = withOnly({ principal: "stranger", role: "Reader", scope: "/other-team" });
  const demand = (scope: string) => () => rights.demand(callerOf("stranger"), READ, scope);
  expect(demand(`${subscription}/resourceGroups/other-team`)).not.toThrow();
  expect(demand(`${subscription}/resourceGroups/latchkey`)).toThrow(expect.objectContaining({ status: 403 }));
  expect(demand(subscription)).toThrow(expect.objectContaining({ status: 403 }));
});
