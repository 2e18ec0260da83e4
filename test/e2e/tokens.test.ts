/** Access tokens through the whole system: issued for one audience, used, renewed, refused, recorded. */
import { createHmac } from "node:crypto";
import { decodeJwt } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { applicationOf, createApi, type Problem } from "../support/api.ts";
import { rawRequest } from "../support/raw-request.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount } from "../support/state-account.ts";

const NAME = "ZenML Subscription";
const PLACE = { project: "tokens-e2e", domain: "production" };

type Body = Problem & {
  readonly leaseId: string;
  readonly expiresAt: string;
  readonly resourceId: string;
  readonly warnings: readonly string[];
  readonly credential: { readonly token: string };
};

const system = sharedSystem();
const api = createApi(system);
const subscription = system.seed.subscriptions[0]?.id ?? "";
const resourceId = `/subscriptions/${subscription}`;
const create = async (path: string, body: object) => {
  const answer = await api.call("PUT", path, { body, headers: { "if-none-match": "*" } });
  expect(answer.status, answer.text).toBe(200);
};
const issue = (changes: object = {}, connector = "tokens-one") =>
  api.call<Body>("POST", `connectors/${connector}/credentials`, {
    body: {
      ...{ resourceType: "azure-generic", resourceId, access: ["use"], scope: { audience: "arm" } },
      ...PLACE,
      ...changes,
    },
  });

beforeAll(async () => {
  const { clientId } = applicationOf(system, "zenml-connector");
  const configuration = { tenantId: system.seed.tenant.id, clientId };
  expect((await api.register("tokens-one", { resourceTypes: ["azure-generic"] })).status).toBe(201);
  const limited = { ...configuration, storageAccount: "demozenmlartifacts" };
  // No type is named: under these limits azure-generic is not served, and naming it would be refused.
  expect((await api.register("tokens-limited", { resourceTypes: [], configuration: limited })).status).toBe(201);
  await api.register("tokens-blobs", { resourceTypes: ["blob-container"] });
  const app = applicationOf(system, "platform-automation").objectId;
  await create("memberships/tokens-e2e", { principals: [`app:${system.seed.tenant.id}/${app}`], ...PLACE });
  for (const connector of ["tokens-one", "tokens-limited", "tokens-blobs"]) {
    for (const audience of ["arm", "storage", "key-vault"]) {
      const scope = { audience };
      await create(`grants/${connector}-${audience}`, { connector, resourceId, access: ["use"], scope, ...PLACE });
    }
  }
  for (let tries = 0; (await issue()).status !== 201; tries++) {
    expect(tries).toBeLessThan(60);
    await new Promise((done) => setTimeout(done, 500));
  }
});

describe("a token", () => {
  it("is for one audience, ends when it says itself, and works there", async () => {
    const { status, body } = await issue();
    expect(status).toBe(201);
    const claims = decodeJwt(body.credential.token);
    expect(claims.aud).toBe("https://management.azure.com");
    expect(Date.parse(body.expiresAt)).toBe((claims.exp ?? 0) * 1000);
    expect(body).toMatchObject({
      resourceId,
      displayName: NAME,
      form: "access-token",
      exposedUntil: body.expiresAt,
      revocation: "expiry-only",
      credential: { kind: "access-token", audience: "https://management.azure.com", tenantId: system.seed.tenant.id },
    });
    expect(body.warnings).toHaveLength(1);
    const answer = await rawRequest(system, {
      method: "GET",
      url: "https://management.azure.com/subscriptions?api-version=2022-12-01",
      headers: { authorization: `Bearer ${body.credential.token}` },
    });
    expect([answer.status, answer.body.includes(NAME)]).toEqual([200, true]);
  });

  it.each([resourceId.toUpperCase(), subscription, NAME, NAME.toLowerCase()])(
    "is issued by the name %s",
    async (text) => {
      const { status, body } = await issue({ resourceId: text });
      expect([status, body.resourceId]).toEqual([201, resourceId]);
    },
  );

  it.each(["storage", "key-vault"])("is issued for %s", async (audience) => {
    expect((await issue({ scope: { audience } })).status).toBe(201);
  });

  it("is another one after a renewal, under the same lease", async () => {
    const { body } = await issue();
    const renewed = await api.call<Body>("POST", `leases/${body.leaseId}/renew`, { body: {} });
    expect([renewed.status, renewed.body.leaseId]).toEqual([200, body.leaseId]);
    expect(renewed.body.credential.token === body.credential.token).toBe(false);
  });

  it.each<[string, object, string, number, string]>([
    [
      "for an audience that no grant names",
      { scope: { audience: "https://graph.microsoft.com" } },
      "tokens-one",
      403,
      "SCOPE_TOO_WIDE",
    ],
    ["for no audience", { scope: {} }, "tokens-one", 400, "INVALID_REQUEST"],
    ["with a life", { ttlSeconds: 600 }, "tokens-one", 400, "INVALID_REQUEST"],
    ["by another name", { resourceId: "Other Subscription" }, "tokens-one", 404, "RESOURCE_NOT_FOUND"],
    ["for a resource group", { resourceId: `${resourceId}/resourceGroups/latchkey` }, "tokens-one", 403, "DENIED"],
    ["through a connector with limits", {}, "tokens-limited", 403, "DENIED"],
    ["through a connector for blobs", {}, "tokens-blobs", 403, "DENIED"],
    ["for another project", { project: "other" }, "tokens-one", 403, "DENIED"],
  ])("%s is refused", async (_what, changes, connector, status, code) => {
    const answer = await issue(changes, connector);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.text).not.toContain("eyJ");
  });

  it("is on record by its MAC alone, with its audience", async () => {
    const { body } = await issue();
    const state = openStateAccount(system);
    const audit = (await state.rows("Audit")).find(({ leaseId }) => leaseId === body.leaseId);
    const key = Buffer.from((await state.secretOf("audit-credential-mac")) ?? "", "base64");
    const mac = createHmac("sha256", key).update(body.credential.token).digest("hex");
    expect(String(audit?.credentialMac).endsWith(`:${mac}`)).toBe(true);
    expect(JSON.parse(String(audit?.detailJson))).toMatchObject({ audience: "arm" });
    const lease = (await state.rows("Leases")).find(({ rowKey }) => rowKey === body.leaseId);
    expect(JSON.stringify([audit, lease])).not.toContain("eyJ");
  });
});
