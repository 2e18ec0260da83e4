/** Denies and tokens: a token cannot be narrowed, so a deny of anything that it could be used on refuses it. Plans look names up. */
import { beforeAll, describe, expect, it } from "vitest";
import { createApi, type Plan, type Problem } from "../support/api.ts";
import { ARTIFACTS, userPrincipal } from "../support/policy.ts";
import { sharedSystem } from "../support/shared-system.ts";

const NAME = "policy-tokens";
const VAULT = "https://examplevault.vault.azure.net";
const AUDIENCES = ["arm", "storage", "key-vault"] as const;
/** A project for each deny, of a caller that no other file asks as: who names no project meets the denies of all of its own. */
const DENIES = {
  free: null,
  container: { resourceId: ARTIFACTS, access: ["read"] },
  account: { resourceId: ARTIFACTS.split("/blobServices")[0], access: ["write"] },
  group: { resourceId: ARTIFACTS.split("/providers")[0], access: ["read"] },
  vault: { resourceId: VAULT, access: ["read"] },
  secret: { resourceId: `${VAULT}/secrets/example-secret`, access: ["read"] },
  everything: { resourceId: "*", access: ["delete"] },
  elsewhere: { resourceId: "/subscriptions/11111111-2222-4333-8444-555555555555", access: ["use"] },
};

const system = sharedSystem();
const api = createApi(system);
const CALLER = "veteran";
const subscription = `/subscriptions/${system.seed.subscriptions[0]?.id}`;

async function ask(deny: string, audience: string, resourceId = subscription) {
  const wanted = { resourceType: "azure-generic", resourceId, access: ["use"], scope: { audience } };
  const body = { ...wanted, project: `${NAME}-${deny}`, domain: "production" };
  const path = `connectors/${NAME}/credentials`;
  const token = await api.tokenOf(CALLER);
  const plan = await api.call<Plan>("POST", `${path}?plan=true`, { body, token });
  const explained = await api.call<Plan>("POST", "access/explain", { body: { ...body, connector: NAME }, token });
  expect([plan.status, explained.body]).toEqual([200, plan.body]);
  return { plan: plan.body, issued: await api.call<Problem>("POST", path, { body, token }) };
}

beforeAll(async () => {
  expect((await api.register(NAME, { resourceTypes: ["azure-generic"] })).status).toBe(201);
  const principals = [userPrincipal(system, CALLER)];
  for (const [deny, stop] of Object.entries(DENIES)) {
    const place = { project: `${NAME}-${deny}`, domain: "production" };
    const token = { connector: NAME, resourceId: subscription, access: ["use"], ...place };
    const records: [string, object][] = [
      [`memberships/${NAME}-${deny}`, { principals, ...place }],
      ...AUDIENCES.map((audience): [string, object] => [
        `grants/${NAME}-${deny}-${audience}`,
        { ...token, scope: { audience } },
      ]),
    ];
    if (stop !== null) records.push([`grants/${NAME}-${deny}`, { effect: "deny", connector: "*", ...stop, ...place }]);
    for (const [path, body] of records) {
      const put = await api.create(path, body);
      expect(put.status, put.text).toBe(200);
    }
  }
  // A process goes by the policy that it has read for up to 10 s; the last record written is the last that is read.
  for (let tries = 0; (await ask("elsewhere", "key-vault")).plan.rule !== `grant:${NAME}-elsewhere`; tries++) {
    expect(tries).toBeLessThan(60);
    await new Promise((done) => setTimeout(done, 500));
  }
});

describe("a token is refused when a deny stands on something that it could be used on", () => {
  it.each<[keyof typeof DENIES, readonly string[]]>([
    ["free", []],
    ["container", ["arm", "storage"]],
    ["account", ["arm", "storage"]],
    ["group", ["arm", "storage", "key-vault"]],
    ["vault", ["arm", "key-vault"]],
    ["secret", ["arm", "key-vault"]],
    ["everything", ["arm", "storage", "key-vault"]],
    // A token works in every subscription where the identity has a role.
    ["elsewhere", ["arm", "storage", "key-vault"]],
  ])("%s: %j", async (deny, refused) => {
    for (const audience of AUDIENCES) {
      const { plan, issued } = await ask(deny, audience);
      if (refused.includes(audience)) {
        expect(plan).toMatchObject({ allowed: false, rule: `grant:${NAME}-${deny}` });
        expect(plan.checks.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual(["deny"]);
        expect([issued.status, issued.body.code]).toEqual([403, "DENIED"]);
      } else {
        expect(plan).toMatchObject({ allowed: true, rule: `grant:${NAME}-${deny}-${audience}` });
        expect(issued.status, issued.body.code).toBe(201);
      }
    }
  });
});

describe("a plan looks the name of a subscription up, as issuing does", () => {
  it("the real name is allowed", async () => {
    const { plan, issued } = await ask("free", "key-vault", system.seed.subscriptions[0]?.name ?? "");
    expect([plan.allowed, issued.status]).toEqual([true, 201]);
  });

  it("an invented one is not", async () => {
    const { plan, issued } = await ask("free", "key-vault", "Invented Subscription");
    expect([plan.allowed, plan.rule]).toEqual([false, null]);
    expect(plan.checks.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual(["resource"]);
    expect([issued.status, issued.body.code]).toEqual([404, "RESOURCE_NOT_FOUND"]);
  });
});
