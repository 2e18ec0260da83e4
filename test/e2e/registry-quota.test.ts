/** A registry that is nearly full of tokens: Latchkey stops before Azure does, and the forms that make none go on. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { createApi, type Plan } from "../support/api.ts";
import { BASIC_ID, borrowRegistry, lent, registerContainers } from "../support/containers.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount } from "../support/state-account.ts";
import { askArm, leftInRegistry } from "../support/use-lent.ts";

/** Of tier Basic. Source: Azure subscription limits, Container Registry. */
const LIMIT = 100;
/** What the rest is left for: other people's builds. */
const LATCHKEYS = 80;
const RESEARCH = "research-connector";

const system = sharedSystem();
const api = createApi(system);
const names = Array.from({ length: LATCHKEYS }, (_, index) => `others-${String(index).padStart(3, "0")}`);
const change = (method: string, name: string, body?: object) =>
  askArm(system, api, RESEARCH, method, `${BASIC_ID}/tokens/${name}`, body);
const body = { properties: { scopeMapId: `${BASIC_ID}/scopeMaps/_repositories_pull`, status: "enabled" } };
const borrow = (changes: object = {}) =>
  borrowRegistry(api, "logins-basic", { resourceId: BASIC_ID, scope: { repositories: ["app"] }, ...changes });

beforeAll(async () => {
  await registerContainers(system, api, "logins-basic", RESEARCH);
  // One short of where Latchkey stops.
  for (const name of names.slice(1)) expect((await change("PUT", name, body)).status).toBeLessThan(300);
});
afterAll(async () => {
  for (const name of names) await change("DELETE", name);
});

it("the last login is lent; then REGISTRY_TOKEN_QUOTA comes, long before Azure's limit, and nothing is made", async () => {
  const last = lent(await borrow({ form: "docker-login" }));
  const made = await leftInRegistry(system, api, BASIC_ID, RESEARCH);
  expect(made.filter((name) => name.startsWith("tokens/"))).toHaveLength(1);
  // Its second password makes no token.
  const second = lent(await borrow({ form: "docker-login" }));
  expect(second.credential.username).toBe(last.credential.username);

  const before = await openStateAccount(system).rows("Leases");
  const refused = await borrow({ form: "docker-login" });
  expect([refused.status, refused.body.code], refused.text).toEqual([429, "REGISTRY_TOKEN_QUOTA"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await leftInRegistry(system, api, BASIC_ID, RESEARCH)).toEqual(made);
  const state = openStateAccount(system);
  expect((await state.rows("Leases")).map(({ rowKey }) => rowKey)).toEqual(before.map(({ rowKey }) => rowKey));
  expect((await state.rows("LeaseDue")).map(({ rowKey }) => rowKey).sort()).toEqual(
    [last.leaseId, second.leaseId].sort(),
  );
  // Azure itself would have taken more.
  expect(LIMIT).toBeGreaterThan(names.length);
  expect((await change("PUT", "others-more", body)).status).toBeLessThan(300);
  await change("DELETE", "others-more");

  expect(lent(await borrow()).credential.kind).toBe("acr-access-token");
  const plan = await api.call<Plan>("POST", "access/explain", {
    body: {
      ...{ connector: "logins-basic", resourceType: "docker-registry", resourceId: BASIC_ID },
      ...{ access: ["read"], scope: { repositories: ["app"] } },
    },
  });
  expect(plan.body.allowed).toBe(true);

  for (const { leaseId } of [last, second]) {
    expect((await api.call("DELETE", `leases/${leaseId}`)).status).toBe(200);
  }
  expect(await leftInRegistry(system, api, BASIC_ID, RESEARCH)).toEqual([]);
  const again = lent(await borrow({ form: "docker-login" }));
  expect((await api.call("DELETE", `leases/${again.leaseId}`)).status).toBe(200);
});
