import { describe, expect, test } from "vitest";
import { type AccessRequest, decide } from "../../../../shared/access/decide.ts";
import type { Grant, Membership } from "../../../../shared/access/policy.ts";
import type { Principal } from "../../../../shared/principal.ts";
import { NOW, NOW_TEXT, USER } from "../../../support/fakes.ts";
import { containerId, grant, membership, policyOf } from "../../../support/fakes-access.ts";

const DATA = containerId("data");
const GROUP = "7e7e7e7e-1111-4222-8333-444455556666";
const OTHER = `user:${USER.tenantId}/99999999-1111-4222-8333-444455556666`;
const BASE: AccessRequest = {
  connector: "azure",
  means: (id) => id === DATA,
  reaches: () => false,
  access: ["read"],
  form: "sas",
  defaultForm: "sas",
  isWhole: false,
  scope: {},
  ttlSeconds: 600,
  project: null,
  domain: null,
};

type Setting = {
  memberships?: Record<string, Membership>;
  grants?: Record<string, Grant>;
  principal?: Partial<Principal>;
  request?: Partial<AccessRequest>;
  deniedResources?: readonly string[];
  ownResources?: readonly string[];
};
function decideIn({ memberships, grants, principal, request, deniedResources = [], ownResources = [] }: Setting) {
  const policy = policyOf(memberships ?? { users: membership() }, grants ?? { lend: grant() });
  return decide(policy, { ...USER, ...principal }, { ...BASE, ...request }, { deniedResources, ownResources }, NOW);
}
/** `true`, or the code of the refusal. */
function outcome(setting: Setting) {
  const decision = decideIn(setting);
  return decision.allowed ? true : decision.code;
}

describe("deny by default", () => {
  test.each<[string, Setting]>([
    ["no policy at all", { memberships: {}, grants: {} }],
    ["no membership", { memberships: {} }],
    ["a membership of somebody else", { memberships: { users: membership({ principals: [OTHER] }) } }],
    ["no grant", { grants: {} }],
    ["a grant of another connector", { grants: { lend: grant({ connector: "other" }) } }],
    ["a grant of another resource", { grants: { lend: grant({ resourceId: containerId("other") }) } }],
    [
      "a grant of another project",
      { memberships: { a: membership({ project: "a" }) }, grants: { b: grant({ project: "b" }) } },
    ],
    [
      "a grant of another domain",
      { memberships: { a: membership({ domain: "a" }) }, grants: { b: grant({ domain: "b" }) } },
    ],
    [
      "a project in which one is no member",
      { memberships: { a: membership({ project: "a" }) }, request: { project: "b" } },
    ],
    ["a grant that ends now", { grants: { lend: grant({ expiresAt: NOW_TEXT }) } }],
    ["a grant that ended", { grants: { lend: grant({ expiresAt: "2020-01-01T00:00:00Z" }) } }],
    ["an administrator without membership", { memberships: {}, principal: { roles: ["Latchkey.Admin"] } }],
    ["a group that one is not in", { memberships: { g: membership({ principals: [`group:${GROUP}`] }) } }],
  ])("%s", (_what, setting) => expect(outcome(setting)).toBe("DENIED"));

  test("membership and grant of one place together allow, and say so", () => {
    expect(
      decideIn({
        memberships: { a: membership({ project: "a", domain: "d" }) },
        grants: { lend: grant({ project: "a", domain: "d" }) },
      }),
    ).toEqual({
      allowed: true,
      rule: "grant:lend",
      checks: [
        { id: "membership", ok: true, detail: "membership:a" },
        { id: "resource", ok: true, detail: DATA },
        { id: "grant", ok: true, detail: "grant:lend" },
        { id: "access", ok: true, detail: expect.any(String) },
        { id: "form", ok: true, detail: expect.any(String) },
        { id: "scope", ok: true, detail: expect.any(String) },
        { id: "ttl", ok: true, detail: expect.any(String) },
      ],
      resourceId: DATA,
      scope: {},
      maxTtlSeconds: 3600,
      grantExpiresAt: null,
    });
  });

  test("project and domain of two memberships are not mixed to a place that neither has", () => {
    const memberships = { a: membership({ project: "a", domain: "x" }), b: membership({ project: "b", domain: "y" }) };
    expect(outcome({ memberships, grants: { lend: grant({ project: "a", domain: "y" }) } })).toBe("DENIED");
  });
});

describe("groups", () => {
  const memberships = { g: membership({ principals: [`group:${GROUP}`], project: "a" }) };
  test("a member of the group is a member", () => {
    expect(outcome({ memberships, principal: { groups: [GROUP] } })).toBe(true);
  });
  test("left out of the token, and one could have made the difference: said so", () => {
    expect(outcome({ memberships, principal: { groups: "overage" } })).toBe("GROUPS_OVERAGE");
  });
  test("left out of the token, but no group matters where it is asked for: simply denied", () => {
    expect(outcome({ memberships, principal: { groups: "overage" }, request: { project: "b" } })).toBe("DENIED");
    expect(outcome({ memberships: {}, principal: { groups: "overage" } })).toBe("DENIED");
  });
  test("left out of the token, but named by itself: allowed", () => {
    expect(outcome({ principal: { groups: "overage" } })).toBe(true);
  });
});

describe("deny above all", () => {
  const denied = (changes: Partial<Grant>): Setting => ({
    grants: { lend: grant(), stop: grant({ effect: "deny", ...changes }) },
  });
  test.each<[string, Setting]>([
    ["of the resource", denied({})],
    ["of the resource, in other case", denied({ resourceId: DATA.toUpperCase() })],
    ["of the account above it", denied({ resourceId: DATA.split("/blobServices")[0] ?? "" })],
    ["of everything, through every connector", denied({ resourceId: "*", connector: "*" })],
    [
      "of one of the rights that are asked for",
      { ...denied({ access: ["list"] }), request: { access: ["read", "list"] } },
    ],
    [
      "in one of the caller's places",
      {
        ...denied({ project: "b" }),
        memberships: { a: membership({ project: "a" }), b: membership({ project: "b" }) },
      },
    ],
  ])("%s", (_what, setting) => {
    expect(decideIn(setting)).toMatchObject({ allowed: false, code: "DENIED", rule: "grant:stop" });
  });

  test.each<[string, Setting]>([
    ["of rights that are not asked for", denied({ access: ["write"] })],
    ["that has ended", denied({ expiresAt: NOW_TEXT })],
    ["of another connector", denied({ connector: "other" })],
    ["of a place where the caller does not ask", { ...denied({ project: "b" }), request: { project: "a" } }],
    ["of a name that only begins alike", denied({ resourceId: DATA.slice(0, -1) })],
    ["below the resource", denied({ resourceId: `${DATA}/part` })],
  ])("one %s is none", (_what, setting) => expect(outcome(setting)).toBe(true));

  test.each([DATA, DATA.toUpperCase(), "/subscriptions", `${DATA}/`, `${DATA.split("/blobServices")[0]}/`])(
    "the operator's stands above every grant: %s",
    (denial) => {
      expect(decideIn({ deniedResources: [denial] })).toMatchObject({
        allowed: false,
        code: "DENIED",
        rule: "operator-deny",
      });
    },
  );
  describe("what a credential reaches beyond its resource", () => {
    const elsewhere = containerId("elsewhere");
    const reaching: Setting = { request: { reaches: (id, denied) => id === DATA && denied === elsewhere } };
    test("is denied by a deny there, of whichever rights", () => {
      const stop = grant({ effect: "deny", resourceId: elsewhere, access: ["delete"] });
      const decision = decideIn({ ...reaching, grants: { lend: grant(), stop } });
      expect(decision).toMatchObject({ allowed: false, code: "DENIED", rule: "grant:stop" });
      expect(decision.checks.at(-1)).toMatchObject({ id: "deny", ok: false });
    });
    test.each<[string, Partial<Grant>]>([
      ["has ended", { expiresAt: NOW_TEXT }],
      ["is of another connector", { connector: "other" }],
      ["is of another place", { project: "b" }],
      ["stands elsewhere", { resourceId: containerId("third") }],
      ["is none, but an allow", { effect: "allow" }],
    ])("is not denied by one that %s", (_what, changes) => {
      const stop = grant({ effect: "deny", resourceId: elsewhere, ...changes });
      const memberships = { a: membership({ project: "a" }) };
      expect(outcome({ ...reaching, memberships, grants: { lend: grant(), stop } })).toBe(true);
    });
    test("is denied by the operator, but not by what is the service's own and opens to no connector", () => {
      expect(decideIn({ ...reaching, deniedResources: [elsewhere] })).toMatchObject({ rule: "operator-deny" });
      expect(outcome({ ...reaching, ownResources: [elsewhere] })).toBe(true);
    });
  });
  test("what is the service's own is never lent", () => {
    expect(decideIn({ ownResources: [`${DATA.split("/blobServices")[0]}`] })).toMatchObject({ rule: "operator-deny" });
  });

  test.each([DATA.slice(0, -1), `${DATA}/part`])("the operator's of something else does not: %s", (denial) => {
    expect(outcome({ deniedResources: [denial] })).toBe(true);
  });
});

describe("never trimmed: what is beyond the grant is refused as a whole", () => {
  test.each<[string, Partial<Grant>, Partial<AccessRequest>, string]>([
    ["a right more", {}, { access: ["read", "write"] }, "access"],
    ["a second more", {}, { ttlSeconds: 3601 }, "ttl"],
    ["a second more than the grant lives", { expiresAt: "2026-11-21T10:09:59Z" }, {}, "ttl"],
    ["less than a second of life left", { expiresAt: "2026-11-21T10:00:00.500Z" }, { ttlSeconds: null }, "ttl"],
    ["a form that is not the default", {}, { form: "account-key" }, "form"],
    ["a form that is not listed", { forms: ["account-key"] }, {}, "form"],
    ["no audience where one is granted", { scope: { audience: "arm" } }, {}, "scope"],
    ["another audience", { scope: { audience: "arm" } }, { scope: { audience: "storage" } }, "scope"],
    ["an audience where none is granted", {}, { scope: { audience: "arm" } }, "scope"],
    ["the latest where a version is granted", { scope: { version: "1" } }, {}, "scope"],
  ])("%s", (_what, changes, request, check) => {
    const decision = decideIn({ grants: { lend: grant(changes) }, request });
    expect(decision).toMatchObject({ allowed: false, code: "SCOPE_TOO_WIDE", rule: null });
    expect(decision.checks.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual([check]);
  });

  test.each<[string, Partial<Grant>, Partial<AccessRequest>, number]>([
    ["all that is granted", {}, { access: ["list", "read"], ttlSeconds: 3600 }, 3600],
    ["no life asked for", {}, { ttlSeconds: null }, 3600],
    ["as long as the grant lives", { expiresAt: "2026-11-21T10:10:00Z" }, {}, 600],
    ["a narrower scope than granted", {}, { scope: { version: "1" } }, 3600],
    ["a listed form", { forms: ["other", "account-key"] }, { form: "account-key" }, 3600],
  ])("%s is allowed", (_what, changes, request, maxTtlSeconds) => {
    expect(decideIn({ grants: { lend: grant(changes) }, request })).toMatchObject({ allowed: true, maxTtlSeconds });
  });

  test("two grants that do it only together do not do it", () => {
    const grants = { read: grant({ access: ["read"] }), list: grant({ access: ["list"] }) };
    expect(outcome({ grants, request: { access: ["read", "list"] } })).toBe("SCOPE_TOO_WIDE");
  });

  test("of several grants one that suffices is enough, and is named", () => {
    const grants = { short: grant({ maxTtlSeconds: 60 }), long: grant() };
    expect(decideIn({ grants })).toMatchObject({ allowed: true, rule: "grant:long" });
  });
});

describe("a name that fits several granted resources", () => {
  const grants = { one: grant(), two: grant({ resourceId: containerId("data2") }) };
  test("is ambiguous, with both to choose from in order, and nothing is chosen", () => {
    const decision = decideIn({ grants, request: { means: () => true } });
    expect(decision).toMatchObject({
      allowed: false,
      code: "AMBIGUOUS_RESOURCE",
      candidates: [DATA, containerId("data2")],
    });
  });
  test("what is not granted here is no candidate", () => {
    const elsewhere = { one: grant(), two: grant({ resourceId: containerId("data2"), project: "b" }) };
    expect(outcome({ grants: elsewhere, request: { means: () => true, project: "a" } })).toBe(true);
  });
  test("one resource in two cases is one", () => {
    const same = { one: grant(), two: grant({ resourceId: DATA.toUpperCase() }) };
    expect(outcome({ grants: same, request: { means: () => true } })).toBe(true);
  });
});

describe("limits that the caller leaves to the grant", () => {
  const a = grant({ scope: { namespace: "a" } });
  const b = grant({ scope: { namespace: "b" } });

  test("of one grant, or of several that agree, are given", () => {
    for (const grants of [{ a }, { a, again: a }]) {
      expect(decideIn({ grants })).toMatchObject({ allowed: true, scope: { namespace: "a" } });
    }
  });
  test("that differ are for the caller to name: the next grant must not change what is given", () => {
    expect(outcome({ grants: { a, b } })).toBe("AMBIGUOUS_RESOURCE");
    expect(decideIn({ grants: { a, b }, request: { scope: { namespace: "b" } } })).toMatchObject({
      rule: "grant:b",
      scope: { namespace: "b" },
    });
  });
  test("of a grant that does not suffice do not count", () => {
    expect(decideIn({ grants: { a, short: grant({ ...b, maxTtlSeconds: 60 }) } })).toMatchObject({ rule: "grant:a" });
  });
});

test("of grants that lack as much, the one that fails last explains why", () => {
  const grants = { exec: grant({ forms: ["exec"] }), sas: grant({ scope: { namespace: "a" } }) };
  const { checks } = decideIn({ grants, request: { scope: { namespace: "b" } } });
  expect(checks.find(({ ok }) => !ok)).toMatchObject({ id: "scope", detail: expect.stringContaining("grant:sas") });
});
