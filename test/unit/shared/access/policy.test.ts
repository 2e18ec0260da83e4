import { describe, expect, test } from "vitest";
import { grantSchema, membershipSchema } from "../../../../shared/access/policy.ts";
import { TENANT } from "../../../support/fakes.ts";

const OID = "5e5e5e5e-1111-4222-8333-444455556666";
const isMember = (principal: string) =>
  membershipSchema.safeParse({ principals: [principal], project: "vision", domain: "dev" }).success;
const good = { connector: "azure", resourceId: "/subscriptions/s", access: ["read"], project: "vision", domain: "dev" };
const isGrant = (changes: object) => grantSchema.safeParse({ ...good, ...changes }).success;

describe("a principal of a membership", () => {
  test.each([
    `group:${OID}`,
    `user:${TENANT}/${OID}`,
    `app:${TENANT}/${OID}`,
    "github:74",
    "workload:train-cluster/system:serviceaccount:vision:trainer",
  ])("is %s", (principal) => expect(isMember(principal)).toBe(true));

  test.each([
    "*",
    "",
    OID,
    "group:*",
    `group:${OID.toUpperCase()}`,
    `user:${OID}`,
    `user:${TENANT}/`,
    `user:${TENANT}/*`,
    `user:${TENANT}/${OID}/x`,
    `user:${TENANT}/${OID}\n`,
    ` user:${TENANT}/${OID}`,
    "user:ana@example.com",
    "github:zenml-demo/vision",
    "github:-1",
    "github:1\ngithub:2",
    "workload:Cluster/sub",
    "workload:cluster/",
    "workload:cluster/a b",
  ])("is not %j", (principal) => expect(isMember(principal)).toBe(false));
});

describe("membershipSchema", () => {
  const membership = { principals: [`group:${OID}`], project: "*", domain: "*" };
  test("takes every place", () => expect(membershipSchema.parse(membership)).toEqual(membership));
  test.each([
    { principals: [] },
    { principals: Array.from({ length: 101 }, (_, index) => `github:${index}`) },
    { project: undefined },
    { domain: "a*" },
    { project: "" },
    { role: "admin" },
  ])("refuses %j", (changes) => {
    expect(membershipSchema.safeParse({ ...membership, ...changes }).success).toBe(false);
  });
});

describe("grantSchema", () => {
  test("fills in what may be left out: an allow of the default form for an hour", () => {
    expect(grantSchema.parse(good)).toEqual({
      ...good,
      effect: "allow",
      scope: {},
      forms: [],
      maxTtlSeconds: 3600,
      expiresAt: null,
    });
  });

  test.each([
    { effect: "deny", connector: "*", resourceId: "*" },
    { project: "*", domain: "*" },
    { maxTtlSeconds: 1 },
    { maxTtlSeconds: 86_400, expiresAt: "2026-11-21T10:00:00Z" },
  ])("takes %j", (changes) => expect(isGrant(changes)).toBe(true));

  test.each([
    { connector: "*" },
    { resourceId: "*" },
    { effect: "allow", connector: "*", resourceId: "*" },
    { effect: "maybe" },
    { access: [] },
    { project: "a/b" },
    { maxTtlSeconds: 0 },
    { maxTtlSeconds: 86_401 },
    { maxTtlSeconds: 1.5 },
    { expiresAt: "tomorrow" },
    { expiresAt: "2026-11-21T10:00:00" },
    { scope: { prefix: "a/" } },
    { principals: [] },
  ])("refuses %j", (changes) => expect(isGrant(changes)).toBe(false));
});
