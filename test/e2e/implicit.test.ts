/** Connectors that sign in as the service itself, where the operator allows it. */
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { applicationOf, createApi, type Problem } from "../support/api.ts";
import { startOwnSystem, WIDE_LIMITS } from "../support/system.ts";

const NAME = "implicit-one";
const PLACE = { project: "implicit-e2e", domain: "production" };
/** Time that a change of policy takes at most, as tries of half a second. */
const MAX_TRIES = 60;

type Body = Problem & { readonly warnings: readonly string[]; readonly credential: { readonly token: string } };

const system = await startOwnSystem({ ...WIDE_LIMITS, LATCHKEY_ENABLE_IMPLICIT_AUTH: "true" });
const leave = enterLocalAzure(system);
afterAll(async () => {
  leave();
  await system.stop();
  system.remove();
});
const api = createApi(system);
const resourceId = `/subscriptions/${system.seed.subscriptions[0]?.id ?? ""}`;
const register = (body: object) => api.call<Body>("POST", "connectors", { body });
const issue = (audience: string, connector = NAME) =>
  api.call<Body>("POST", `connectors/${connector}/credentials`, {
    body: { resourceType: "azure-generic", resourceId, access: ["use"], scope: { audience }, ...PLACE },
  });

let registered: Awaited<ReturnType<typeof register>>;
beforeAll(async () => {
  registered = await register({ name: NAME, authMethod: "implicit", resourceTypes: ["azure-generic"] });
  const app = applicationOf(system, "platform-automation").objectId;
  const principals = [`app:${system.seed.tenant.id}/${app}`];
  expect((await api.create("memberships/implicit-e2e", { principals, ...PLACE })).status).toBe(200);
  for (const audience of ["storage", "key-vault", "arm"]) {
    const grant = { connector: NAME, resourceId, access: ["use"], scope: { audience }, ...PLACE };
    expect((await api.create(`grants/implicit-${audience}`, grant)).status).toBe(200);
  }
});

it("is registered with a warning that everything of the service is lent", () => {
  expect(registered.status, registered.text).toBe(201);
  expect(registered.body.warnings).toContainEqual(expect.stringContaining("service's own identity"));
});

it("has no secret, and none is shown", async () => {
  const { status, body } = await api.call<object>("GET", `connectors/${NAME}`);
  expect(status).toBe(200);
  expect(body).toMatchObject({ authMethod: "implicit", secrets: {}, secretId: null });
});

it("gives tokens for ARM, and none for the stores that hold the service's own state and secrets", async () => {
  let answer = await issue("arm");
  for (let tries = 0; answer.body.code === "DENIED" && tries < MAX_TRIES; tries++) {
    await new Promise((done) => setTimeout(done, 500));
    answer = await issue("arm");
  }
  expect(answer.status, answer.text).toBe(201);
  expect(decodeJwt(answer.body.credential.token).aud).toMatch(/^https:\/\/management\.(azure|core\.windows)/);
  // These grants were made before the one that now counts.
  for (const audience of ["storage", "key-vault"]) {
    const refused = await issue(audience);
    expect([refused.status, refused.body.code], refused.text).toEqual([403, "DENIED"]);
  }
});
