/** RBAC of the local Azure: names of the seed, scopes, wildcards, and a naive model as judge. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  covers,
  createAuthorization,
  roleAllows,
  roleAssignmentsOf,
} from "../../../../infra/local/azure/authorization.ts";
import { BUILT_IN_ROLES } from "../../../../infra/local/azure/built-in-roles.ts";
import { CUSTOM_ROLES } from "../../../../infra/local/azure/custom-roles.ts";
import type { RoleDefinition } from "../../../../infra/local/azure/role-definition.ts";
import { loadSeed, type Seed } from "../../../../infra/local/seed.ts";

const ROLES = [...BUILT_IN_ROLES, ...CUSTOM_ROLES];
const seed = loadSeed();
const SUBSCRIPTION = `/subscriptions/${seed.subscriptions[0]?.id}`;
const ACCOUNT = `${SUBSCRIPTION}/resourceGroups/demo-zenml-demos/providers/Microsoft.Storage/storageAccounts/demozenmlartifacts`;
const BLOB = "Microsoft.Storage/storageAccounts/blobServices";
const BLOB_READ = `${BLOB}/containers/blobs/read`;

function withAssignment(principal: string, role: string, scope: string, change: Partial<Seed> = {}): Seed {
  return { ...seed, ...change, roleAssignments: [{ principal, role, scope }] };
}

function objectIdOf(name: string): string {
  const found = [...seed.applications, ...seed.users].find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no ${name}`);
  return found.objectId;
}

const stranger = { objectId: objectIdOf("stranger"), groups: [] };

describe("load", () => {
  test.each([
    ["a principal", "nobody", "Reader", "/"],
    ["a role", "stranger", "King", "/"],
    ["a resource group", "stranger", "Reader", "/nowhere"],
    ["a resource", "stranger", "Reader", "/latchkey/nothing"],
    ["a resource of another group", "stranger", "Reader", "/latchkey/otherteamdata"],
    ["a container", "stranger", "Reader", "/demo-zenml-demos/demozenmlartifacts/none"],
    ["a container of a vault", "stranger", "Reader", "/latchkey/latchkey-vault/x"],
    ["a scope with a slash at its end", "stranger", "Reader", "/latchkey/"],
    ["a scope that is too deep", "stranger", "Reader", "/demo-zenml-demos/demozenmlartifacts/datasets/x"],
    ["a scope without a root", "stranger", "Reader", "latchkey"],
  ])("refuses an unknown name: %s", (_what, principal, role, scope) => {
    expect(() => createAuthorization(withAssignment(principal, role, scope))).toThrow(/^seed: /);
  });

  test("refuses a name that fits several principals", () => {
    const groups = [{ id: "6a7b8c9d-1e2f-4a3b-8c4d-5e6f7a8b9c99", name: "stranger" }, ...seed.groups];
    expect(() => createAuthorization(withAssignment("stranger", "Reader", "/", { groups }))).toThrow(/ambiguous/);
  });

  test.each([
    ["/", SUBSCRIPTION],
    ["/demo-zenml-demos", `${SUBSCRIPTION}/resourceGroups/demo-zenml-demos`],
    ["/demo-zenml-demos/demozenmlartifacts", ACCOUNT],
    ["/Demo-Zenml-Demos/DemoZenmlArtifacts", ACCOUNT],
    ["/demo-zenml-demos/demozenmlartifacts/datasets", `${ACCOUNT}/blobServices/default/containers/datasets`],
    [
      "/latchkey/latchkey-vault",
      `${SUBSCRIPTION}/resourceGroups/latchkey/providers/Microsoft.KeyVault/vaults/latchkey-vault`,
    ],
  ])("resolves scope %s", (scope, id) => {
    expect(roleAssignmentsOf(withAssignment("stranger", "Reader", scope))).toMatchObject([{ scope: id }]);
  });

  test.each([
    ["ZenML Research:/", ""],
    ["ZenML Research:/research-speech", "/resourceGroups/research-speech"],
    [
      "ZenML Research:/research-speech/training",
      "/resourceGroups/research-speech/providers/Microsoft.ContainerService/managedClusters/training",
    ],
    [
      "ZenML Research:/research-vision/researchabacregistry",
      "/resourceGroups/research-vision/providers/Microsoft.ContainerRegistry/registries/researchabacregistry",
    ],
  ])("resolves scope %s in the subscription that it names", (scope, rest) => {
    const research = seed.subscriptions.find(({ name }) => name === "ZenML Research");
    expect(roleAssignmentsOf(withAssignment("stranger", "Reader", scope))).toMatchObject([
      { scope: `/subscriptions/${research?.id}${rest}` },
    ]);
  });

  test("takes / for the first subscription alone", () => {
    const subscriptions = [
      { id: "11111111-1111-4111-8111-111111111111", name: "one", resourceGroups: [] },
      { id: "22222222-2222-4222-8222-222222222222", name: "two", resourceGroups: [] },
    ];
    const assignments = roleAssignmentsOf(withAssignment("stranger", "Reader", "/", { subscriptions }));
    expect(assignments).toMatchObject([{ scope: "/subscriptions/11111111-1111-4111-8111-111111111111" }]);
  });
});

describe("allows", () => {
  test.each([
    { scope: `${ACCOUNT}/blobServices/default/containers/datasets`, allowed: true },
    { scope: `${ACCOUNT}/blobServices/default/containers/DATASETS`, allowed: true },
    { scope: `${ACCOUNT}/blobServices/default/containers/datasets2`, allowed: false },
    { scope: `${ACCOUNT}/blobServices/default/containers/cold-models`, allowed: false },
    { scope: ACCOUNT, allowed: false },
  ])("an assignment at a container counts at $scope: $allowed", ({ scope, allowed }) => {
    const authorization = createAuthorization(
      withAssignment("stranger", "Storage Blob Data Reader", "/demo-zenml-demos/demozenmlartifacts/datasets"),
    );
    expect(authorization.allows(stranger, "dataActions", BLOB_READ, scope)).toBe(allowed);
  });

  test("a delegation key needs its right at the account or above", () => {
    const right = `${BLOB}/generateUserDelegationKey/action`;
    const at = (scope: string) =>
      createAuthorization(withAssignment("stranger", "Storage Blob Delegator", scope)).allows(
        stranger,
        "actions",
        right,
        ACCOUNT,
      );
    expect(at("/demo-zenml-demos/demozenmlartifacts/datasets")).toBe(false);
    expect(at("/demo-zenml-demos/demozenmlartifacts")).toBe(true);
    expect(at("/demo-zenml-demos")).toBe(true);
    expect(at("/")).toBe(true);
    expect(at("/other-team")).toBe(false);
  });

  test("a right of the control plane is none of the data plane", () => {
    const authorization = createAuthorization(withAssignment("stranger", "Owner", "/"));
    expect(authorization.allows(stranger, "actions", `${BLOB}/containers/read`, ACCOUNT)).toBe(true);
    expect(authorization.allows(stranger, "dataActions", BLOB_READ, ACCOUNT)).toBe(false);
  });

  test("a group's assignment counts for its members, from the directory and from the token", () => {
    const authorization = createAuthorization(withAssignment("platform-engineers", "Reader", "/"));
    const operation = "Microsoft.Storage/storageAccounts/read";
    const groupId = seed.groups.find(({ name }) => name === "platform-engineers")?.id ?? "";
    const member = { objectId: objectIdOf("admin@zenmldemo.onmicrosoft.com"), groups: [] };
    const other = { objectId: objectIdOf("scientist@zenmldemo.onmicrosoft.com"), groups: [] };
    expect(authorization.allows(member, "actions", operation, SUBSCRIPTION)).toBe(true);
    expect(authorization.allows(other, "actions", operation, SUBSCRIPTION)).toBe(false);
    expect(
      authorization.allows({ ...other, groups: [groupId.toUpperCase()] }, "actions", operation, SUBSCRIPTION),
    ).toBe(true);
  });

  test("Contributor may not assign roles, Owner may", () => {
    const operation = "microsoft.authorization/roleAssignments/WRITE";
    const may = (role: string) =>
      createAuthorization(withAssignment("stranger", role, "/")).allows(stranger, "actions", operation, ACCOUNT);
    expect(may("Contributor")).toBe(false);
    expect(may("Owner")).toBe(true);
  });
});

const segment = fc.constantFrom("a", "B", "ab", "*", "a.b", "(");
const operationName = fc.array(fc.constantFrom("a", "b", "ab", "A", "a.b", "axb", "("), { minLength: 1, maxLength: 4 });
const pattern = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));

/** Tries every way to spend a `*`: slow and plainly right. */
function naiveMatch(wanted: string, text: string): boolean {
  if (wanted === "") return text === "";
  if (wanted[0] === "*") {
    for (let taken = 0; taken <= text.length; taken += 1) {
      if (naiveMatch(wanted.slice(1), text.slice(taken))) return true;
    }
    return false;
  }
  return text !== "" && wanted[0] === text[0] && naiveMatch(wanted.slice(1), text.slice(1));
}

describe("against a naive model", () => {
  test("a role allows what one of its patterns names and no excluding pattern names", () => {
    fc.assert(
      fc.property(fc.array(pattern), fc.array(pattern), operationName, (actions, notActions, parts) => {
        const role: RoleDefinition = { id: "x", name: "x", actions, notActions, dataActions: [], notDataActions: [] };
        const operation = parts.join("/");
        const names = (list: readonly string[]) =>
          list.some((one) => naiveMatch(one.toLowerCase(), operation.toLowerCase()));
        expect(roleAllows(role, "actions", operation)).toBe(names(actions) && !names(notActions));
        expect(roleAllows(role, "dataActions", operation)).toBe(false);
      }),
    );
  });

  test("a scope covers exactly those that begin with its segments", () => {
    const path = fc.array(fc.constantFrom("a", "A", "ab", "b"), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(path, path, fc.boolean(), (assigned, asked, slash) => {
        const starts = assigned.every((part, index) => part.toLowerCase() === asked[index]?.toLowerCase());
        expect(covers(`/${assigned.join("/")}${slash ? "/" : ""}`, `/${asked.join("/")}`)).toBe(starts);
      }),
    );
  });
});

test("roles: every id is used once and every name of the seed is there", () => {
  expect(new Set(ROLES.map(({ id }) => id)).size).toBe(ROLES.length);
  const names = ROLES.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(seed.roleAssignments.map(({ role }) => role)));
});
