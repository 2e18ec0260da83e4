/** What holds for decisions whatever the policy, over real ids and the real rules of the resource types. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type AuthorizeDeps, explain } from "../../../../shared/access/authorize.ts";
import type { Grant } from "../../../../shared/access/policy.ts";
import type { Ask } from "../../../../shared/access/ports.ts";
import { meansResource } from "../../../../shared/connectors/resource-types.ts";
import { credentialReaches } from "../../../../shared/credentials/reach.ts";
import { NOW, NOW_TEXT, now, SUBSCRIPTION, USER } from "../../../support/fakes.ts";
import { containerId, grant, membership, policyOf } from "../../../support/fakes-access.ts";

const OWN = `/subscriptions/${SUBSCRIPTION}`;
const ACCOUNT = containerId("data").split("/blobServices")[0] ?? "";
const SECRET = "https://examplevault.vault.azure.net/secrets/one";
const NAMESAKE = containerId("data").replace("accountone", "accounttwo");

const randomCase = (id: string) => fc.mixedCase(fc.constant(id), { untoggleAll: (text) => text.toLowerCase() });
const common = {
  project: fc.constantFrom("a", "b", "*"),
  domain: fc.constantFrom("d", "*"),
  expiresAt: fc.constantFrom(null, null, NOW_TEXT, "2026-11-21T11:00:00Z"),
};
const blobRights = fc.uniqueArray(fc.constantFrom<string>("read", "write", "list"), { minLength: 1 });
const allow = fc.oneof(
  fc.record({
    ...common,
    connector: fc.constantFrom("azure", "other"),
    resourceId: fc.constantFrom(containerId("data"), containerId("more"), NAMESAKE).chain(randomCase),
    access: blobRights,
  }),
  fc.record({
    ...common,
    connector: fc.constant("azure"),
    resourceId: randomCase(SECRET),
    access: fc.constant<string[]>(["read"]),
  }),
  fc.record({
    ...common,
    connector: fc.constant("azure"),
    resourceId: randomCase(OWN),
    access: fc.constant<string[]>(["use"]),
    scope: fc.constantFrom({ audience: "arm" }, { audience: "storage" }, { audience: "key-vault" }, {}),
  }),
);
const deny = fc.record({
  ...common,
  effect: fc.constant("deny" as const),
  connector: fc.constantFrom("azure", "other", "*"),
  resourceId: fc
    .constantFrom("*", OWN, `${OWN}/resourceGroups/group`, ACCOUNT, containerId("data"), SECRET, new URL(SECRET).origin)
    .chain(randomCase),
  access: fc.uniqueArray(fc.constantFrom<string>("read", "write", "list", "use"), { minLength: 1 }),
});
const allows = fc.array(allow.map(grant), { minLength: 1, maxLength: 6 });
const denies = fc.array(deny.map(grant), { maxLength: 2 });
const place = { project: fc.constantFrom(null, "a", "b"), domain: fc.constantFrom(null, "d") };
const base = { defaultForm: "", form: "", connector: "azure", scope: {}, isWhole: false, ttlSeconds: null };
const asks: fc.Arbitrary<Ask> = fc
  .oneof(
    fc.record({
      ...place,
      resourceType: fc.constant("blob-container"),
      resourceId: fc.oneof(fc.constantFrom("data", "az://more"), randomCase(containerId("data")), randomCase(NAMESAKE)),
      access: blobRights,
    }),
    fc.record({
      ...place,
      resourceType: fc.constant("key-vault-secret"),
      resourceId: randomCase(SECRET),
      access: fc.constant<string[]>(["read"]),
    }),
    fc.record({
      ...place,
      resourceType: fc.constant("azure-generic"),
      resourceId: fc.oneof(fc.constant("any name"), randomCase(OWN)),
      access: fc.constant<string[]>(["use"]),
      scope: fc.constantFrom("arm", "storage", "key-vault").map((audience) => ({ audience })),
    }),
  )
  .map((ask) => ({ ...base, ...ask }));
const memberships = fc.constantFrom(
  { m: membership({ project: "a", domain: "d" }) },
  { m: membership({ project: "a" }), n: membership({ project: "b", domain: "d" }) },
  { m: membership() },
);

const decided = (members: Parameters<typeof policyOf>[0], grants: readonly Grant[], ask: Ask) => {
  const named = Object.fromEntries(grants.map((each, index) => [`g${index}`, each]));
  const deps: AuthorizeDeps = {
    policy: async () => policyOf(members, named),
    means: meansResource,
    reaches: credentialReaches,
    deniedResources: [],
    ownResources: [],
    now,
  };
  return explain(deps, USER, ask);
};
const RUNS = { numRuns: 1500, seed: 7 };

test("another deny never allows what was refused, nor something else", async () => {
  let [allowed, stopped] = [0, 0];
  const property = fc.asyncProperty(
    memberships,
    allows,
    denies,
    deny,
    asks,
    async (members, given, taken, more, ask) => {
      const before = await decided(members, [...given, ...taken], ask);
      const after = await decided(members, [...given, ...taken, grant(more)], ask);
      if (after.allowed) expect(after).toEqual(before);
      allowed += Number(after.allowed);
      stopped += Number(before.allowed && !after.allowed);
    },
  );
  await fc.assert(property, RUNS);
  expect([allowed > 50, stopped > 20]).toEqual([true, true]);
});

test("one grant less never gives more: what is then allowed was allowed by its canonical id before", async () => {
  let allowed = 0;
  const property = fc.asyncProperty(
    memberships,
    allows,
    denies,
    asks,
    async (members, [gone, ...given], taken, ask) => {
      const after = await decided(members, [...given, ...taken], ask);
      if (!after.allowed || gone === undefined) return;
      allowed++;
      const { resourceId } = after;
      expect(await decided(members, [...given, ...taken, gone], { ...ask, resourceId })).toMatchObject({
        allowed: true,
      });
    },
  );
  await fc.assert(property, RUNS);
  expect(allowed).toBeGreaterThan(50);
});

test("what is allowed is covered by the one grant that is named, alone and current, and by no deny at the resource", async () => {
  let allowed = 0;
  const property = fc.asyncProperty(memberships, allows, denies, asks, async (members, given, taken, ask) => {
    const decision = await decided(members, [...given, ...taken], ask);
    if (!decision.allowed) return;
    allowed++;
    const named = given[Number(decision.rule.replace("grant:g", ""))];
    expect(named).toBeDefined();
    if (named === undefined) return;
    const alone = await decided(members, [named], ask);
    expect(alone.allowed && alone.resourceId.toLowerCase()).toBe(decision.resourceId.toLowerCase());
    expect(named).toMatchObject({ effect: "allow", connector: ask.connector });
    expect(named.expiresAt === null || Date.parse(named.expiresAt) > NOW.getTime()).toBe(true);
    if (ask.resourceType === "azure-generic") expect(named.scope.audience).toBe(ask.scope.audience);
    const isHere = ({ project, domain, expiresAt }: Grant) =>
      ["*", ask.project].includes(project) && ["*", ask.domain].includes(domain) && expiresAt !== NOW_TEXT;
    const standing = taken.filter((each) => isHere(each) && ["*", "azure"].includes(each.connector));
    for (const { resourceId, access } of standing) {
      const isAbove = resourceId === "*" || decision.resourceId.toLowerCase().startsWith(resourceId.toLowerCase());
      expect(isAbove && access.some((right) => ask.access.includes(right))).toBe(false);
    }
  });
  await fc.assert(property, RUNS);
  expect(allowed).toBeGreaterThan(50);
});

test("whatever is written as a name is means for itself alone: a granted container answers to no other text", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 80 }),
    fc
      .tuple(
        fc.nat(containerId("data").length),
        fc.constantFrom("%2F", "/", "..", "\u212a", "\u0000", " ", "*", "\\", "?", "#"),
      )
      .map(([at, bad]) => containerId("data").slice(0, at) + bad + containerId("data").slice(at)),
  );
  const answers = new Set(["data", "az://data", "abfs://data"]);
  fc.assert(
    fc.property(hostile, (text) => {
      const isMeant = meansResource("blob-container", text, containerId("data"));
      expect(isMeant).toBe(answers.has(text) || text.toLowerCase() === containerId("data").toLowerCase());
    }),
    { numRuns: 3000, seed: 7 },
  );
});
