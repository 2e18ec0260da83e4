/** decide() against a model of sets: every place is written out, and a grant is what it covers. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type AccessRequest, decide } from "../../../../shared/access/decide.ts";
import type { Grant, Membership } from "../../../../shared/access/policy.ts";
import type { Principal } from "../../../../shared/principal.ts";
import { NOW, NOW_TEXT, USER } from "../../../support/fakes.ts";

const GROUP = "7e7e7e7e-1111-4222-8333-444455556666";
const OTHER = `user:${USER.tenantId}/99999999-1111-4222-8333-444455556666`;
const BASE = { connector: "azure", defaultForm: "sas", isWhole: false };

// Every place there is: `*` covers all of them, z is one that nobody names.
const NAMES = ["a", "b", "z"];
const cover = (pattern: string) => (pattern === "*" ? NAMES : [pattern]);
const placesOf = (at: { project: string; domain: string }) =>
  cover(at.project).flatMap((project) => cover(at.domain).map((domain) => `${project}/${domain}`));
const isBelow = (id: string, top: string) =>
  top.split("/").every((step, index) => step.toLowerCase() === id.split("/")[index]?.toLowerCase());

function model(
  memberships: Membership[],
  grants: [string, Grant][],
  who: Principal,
  asked: AccessRequest,
  means: string[],
  operator: string[],
) {
  const names = [who.id, ...(who.groups === "overage" ? [] : who.groups.map((id) => `group:${id}`))];
  const wanted = placesOf({ project: asked.project ?? "*", domain: asked.domain ?? "*" });
  const meets = (at: Membership) => placesOf(at).filter((place) => wanted.includes(place));
  const mine = new Set(
    memberships.filter(({ principals }) => principals.some((name) => names.includes(name))).flatMap(meets),
  );
  if (mine.size === 0) {
    const byGroup = memberships.some(
      (at) => meets(at).length > 0 && at.principals.some((name) => name.startsWith("group:")),
    );
    return who.groups === "overage" && byGroup ? "GROUPS_OVERAGE" : "DENIED";
  }
  const lives = ({ expiresAt }: Grant) =>
    expiresAt === null ? Infinity : (Date.parse(expiresAt) - NOW.getTime()) / 1000;
  const here = grants.filter(
    ([, at]) =>
      placesOf(at).some((place) => mine.has(place)) && lives(at) > 0 && ["*", asked.connector].includes(at.connector),
  );
  const allows = here.filter(([, { effect, resourceId }]) => effect === "allow" && means.includes(resourceId));
  const resources = [...new Set(allows.map(([, { resourceId }]) => resourceId))];
  const [id] = resources;
  if (id === undefined) return "DENIED";
  if (resources.length > 1) return "AMBIGUOUS_RESOURCE";
  if (operator.some((top) => isBelow(id, top))) return "DENIED";
  const overlaps = ({ access }: Grant) => access.some((right) => asked.access.includes(right));
  const stops = ([, at]: [string, Grant]) =>
    at.effect === "deny" && overlaps(at) && (at.resourceId === "*" || isBelow(id, at.resourceId));
  if (here.some(stops)) return "DENIED";
  const suffices = ([, at]: [string, Grant]) =>
    asked.access.every((right) => at.access.includes(right)) &&
    (at.forms.length === 0 ? asked.form === asked.defaultForm : at.forms.includes(asked.form)) &&
    (at.scope.version === undefined || at.scope.version === asked.scope.version) &&
    (asked.ttlSeconds ?? 1) <= Math.min(at.maxTtlSeconds, lives(at));
  const found = allows.filter(suffices).map(([name]) => `grant:${name}`);
  return found.length === 0 ? "SCOPE_TOO_WIDE" : found;
}

const place = fc.constantFrom("a", "b", "*");
const rights = fc.uniqueArray(fc.constantFrom<string>("read", "write", "list"), { minLength: 1 });
const scope = fc.constantFrom<Grant["scope"]>({}, { version: "1" }, { version: "2" });
const memberships = fc.array(
  fc.record({
    principals: fc.uniqueArray(fc.constantFrom(USER.id, OTHER, `group:${GROUP}`), { minLength: 1 }),
    project: place,
    domain: place,
  }),
  { maxLength: 3 },
);
const shared = {
  scope,
  access: rights,
  forms: fc.constantFrom<string[]>([], ["sas"], ["key"]),
  project: place,
  domain: place,
  maxTtlSeconds: fc.constantFrom(60, 600),
  expiresAt: fc.constantFrom(null, NOW_TEXT, "2026-11-21T10:01:00Z", "2026-11-22T10:00:00Z"),
};
const allow = fc.record({
  ...shared,
  effect: fc.constant("allow" as const),
  connector: fc.constantFrom("azure", "other"),
  resourceId: fc.constantFrom("/s/x/1", "/s/x/2", "/t/y"),
});
const deny = fc.record({
  ...shared,
  effect: fc.constant("deny" as const),
  connector: fc.constantFrom("azure", "other", "*"),
  resourceId: fc.constantFrom("/s/x/1", "/s", "/S/X", "/s/x/1/deep", "*"),
});
const grants = fc.array(fc.oneof({ weight: 4, arbitrary: allow }, { weight: 1, arbitrary: deny }), { maxLength: 5 });
const groups = fc.constantFrom<Principal["groups"]>([], [GROUP], "overage");
const requests = fc.record({
  access: rights,
  form: fc.constantFrom("sas", "sas", "key"),
  scope,
  ttlSeconds: fc.constantFrom(null, 60, 61, 600, 601),
  project: fc.constantFrom(null, "a", "b"),
  domain: fc.constantFrom(null, "a", "b"),
});
const meant = fc.constantFrom<string[]>(["/s/x/1"], ["/t/y"], ["/s/x/1", "/s/x/2"]);
const operators = fc.constantFrom<string[]>([], [], ["/t"], ["/s/x/2"]);

test("decide says the same as the model in every arrangement, and names a rule that suffices alone", () => {
  const seen = new Set<unknown>();
  fc.assert(
    fc.property(
      memberships,
      grants,
      groups,
      requests,
      meant,
      operators,
      (members, granted, inGroups, asked, means, operator) => {
        const named = granted.map((each, index): [string, Grant] => [`g${index}`, each]);
        const request: AccessRequest = { ...BASE, ...asked, means: (id) => means.includes(id), reaches: () => false };
        const who = { ...USER, groups: inGroups };
        const policy = {
          memberships: new Map(members.map((each, index) => [`m${index}`, each])),
          grants: new Map(named),
        };
        const decision = decide(policy, who, request, { deniedResources: operator, ownResources: [] }, NOW);
        const expected = model(members, named, who, request, means, operator);
        seen.add(typeof expected === "string" ? expected : true);
        if (decision.allowed) {
          expect(expected).toContain(decision.rule);
          expect(means).toContain(decision.resourceId);
          expect(decision.scope).toEqual(asked.scope);
          expect(decision.checks.every(({ ok }) => ok)).toBe(true);
        } else {
          expect(decision.code).toBe(expected);
          expect(decision.checks.some(({ ok }) => !ok)).toBe(true);
        }
      },
    ),
    { numRuns: 4000, seed: 4 },
  );
  expect([...seen].map(String).sort()).toEqual([
    "AMBIGUOUS_RESOURCE",
    "DENIED",
    "GROUPS_OVERAGE",
    "SCOPE_TOO_WIDE",
    "true",
  ]);
});
