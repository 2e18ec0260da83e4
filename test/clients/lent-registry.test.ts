/** Container clients with lent tokens of a registry: the repositories that were lent, and no other. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applicationOf, type ClientSystem, startClientSystem } from "./client-system.ts";
import { containerTools } from "./container-tools.ts";
import { callApi, curl, PLACE, textAt, tokenFor } from "./lending.ts";

const CONNECTOR = "registries";
const REGISTRY = "demozenmlcontainerregistry.azurecr.io";

let system: ClientSystem;
let token: string;

beforeAll(async () => {
  system = await startClientSystem();
  token = textAt(await tokenFor(system, "platform-automation"), "access_token");
  const { clientId, secret } = applicationOf(system.seed, "zenml-connector");
  const registered = await callApi(system, token, "connectors", {
    name: CONNECTOR,
    authMethod: "service-principal",
    configuration: { tenantId: system.seed.tenant.id, clientId },
    secrets: { clientSecret: secret },
    resourceTypes: ["docker-registry"],
  });
  expect(registered.status, registered.text).toBe(201);
  const { objectId } = applicationOf(system.seed, "platform-automation");
  const resourceId = `/subscriptions/${system.seed.subscriptions[0]?.id}/resourceGroups/demo-zenml-demos/providers/Microsoft.ContainerRegistry/registries/demozenmlcontainerregistry`;
  const grant = { connector: CONNECTOR, resourceId, ...PLACE };
  await put("memberships/registry", { principals: [`app:${system.seed.tenant.id}/${objectId}`], ...PLACE });
  await put("grants/repositories", {
    ...grant,
    access: ["read", "write"],
    scope: { repositories: ["vision/*"] },
  });
  await put("grants/whole", {
    ...grant,
    access: ["read"],
    forms: ["registry-wide"],
    scope: { repositories: ["*"] },
    maxTtlSeconds: 10_800,
  });
});
afterAll(() => system?.stop());

async function put(path: string, body: object): Promise<void> {
  const headers = ["-H", `Authorization: Bearer ${token}`, "-H", "Content-Type: application/json"];
  const create = ["-X", "PUT", "-H", "If-None-Match: *", "-d", JSON.stringify(body)];
  const answer = await curl(system, `${system.apiUrl}/api/${path}`, [...headers, ...create]);
  expect(answer.status, answer.text).toBe(200);
}

const issue = (wanted: object) =>
  callApi(system, token, `connectors/${CONNECTOR}/credentials`, {
    resourceType: "docker-registry",
    resourceId: REGISTRY,
    ...PLACE,
    ...wanted,
  });

/** A home of container clients that holds the lent login. */
async function lend(wanted: object) {
  const answer = await issue(wanted);
  expect(answer.status, answer.text).toBe(201);
  const tools = containerTools(system);
  const home = tools.newHome();
  writeFileSync(join(home, "auth.json"), textAt(answer, "env", "DOCKER_AUTH_CONFIG"));
  const skopeo = (...args: readonly string[]) => tools.run("skopeo", args, { home });
  return { answer, home, skopeo };
}

describe("an access token to read", () => {
  test("pulls and lists the tags of what the grant names, and pushes nothing", async () => {
    const { answer, home, skopeo } = await lend({ access: ["read"] });
    expect(answer.json).toMatchObject({
      form: "access-token",
      scope: { repositories: expect.arrayContaining(["vision/serve", "vision/train"]) },
      credential: { kind: "acr-access-token", loginServer: REGISTRY },
    });
    expect(await skopeo("copy", `docker://${REGISTRY}/vision/train:v1`, `dir:${join(home, "image")}`)).toMatchObject({
      code: 0,
    });
    const listed = await skopeo("list-tags", `docker://${REGISTRY}/vision/serve`);
    expect(JSON.parse(listed.stdout)).toMatchObject({ Tags: ["v1"] });
    const pushed = await skopeo("copy", `dir:${join(home, "image")}`, `docker://${REGISTRY}/vision/train:pushed`);
    expect(pushed.code).toBe(1);
  });

  test("opens no other repository, and no list of them", async () => {
    const { answer, home, skopeo } = await lend({ access: ["read"], scope: { repositories: ["vision/train"] } });
    for (const image of ["vision/serve:v1", "zenml:latest"]) {
      expect((await skopeo("copy", `docker://${REGISTRY}/${image}`, `dir:${join(home, "image")}`)).code).toBe(1);
    }
    const bearer = ["-H", `Authorization: Bearer ${textAt(answer, "credential", "token")}`];
    expect((await curl(system, `https://${REGISTRY}/v2/vision/train/tags/list`, bearer)).status).toBe(200);
    expect((await curl(system, `https://${REGISTRY}/v2/_catalog`, bearer)).status).toBe(401);
    expect((await curl(system, `https://${REGISTRY}/v2/zenml/tags/list`, bearer)).status).toBe(401);
  });
});

test("an access token to write pushes an image into a repository that was not there", async () => {
  const { home, skopeo } = await lend({
    access: ["read", "write"],
    scope: { repositories: ["vision/new", "vision/train"] },
  });
  const folder = `dir:${join(home, "image")}`;
  expect(await skopeo("copy", `docker://${REGISTRY}/vision/train:v1`, folder)).toMatchObject({ code: 0 });
  expect(await skopeo("copy", folder, `docker://${REGISTRY}/vision/new:v1`)).toMatchObject({ code: 0 });
  expect((await skopeo("copy", folder, `docker://${REGISTRY}/vision/other:v1`)).code).toBe(1);
});

test("what the grant does not name, or the identity may not do, is not lent", async () => {
  expect(await issue({ access: ["read"], scope: { repositories: ["zenml"] } })).toMatchObject({
    status: 403,
    json: { code: "SCOPE_TOO_WIDE" },
  });
  expect(await issue({ access: ["delete"] })).toMatchObject({ status: 403 });
});

test("a login for the whole registry opens all of it, and says so", async () => {
  const { answer, home, skopeo } = await lend({ access: ["read"], form: "registry-wide" });
  expect(answer.json).toMatchObject({
    scope: {},
    warnings: [expect.any(String)],
    credential: { kind: "docker-login" },
  });
  for (const image of ["zenml:latest", "vision/serve:v1"]) {
    expect(await skopeo("copy", `docker://${REGISTRY}/${image}`, `dir:${join(home, "image")}`)).toMatchObject({
      code: 0,
    });
  }
});

test("a renewed access token is for the same repositories, under the same lease", async () => {
  const { answer } = await lend({ access: ["read"] });
  const renewed = await callApi(system, token, `leases/${textAt(answer, "leaseId")}/renew`, {});
  expect(renewed.status, renewed.text).toBe(200);
  const same = ["leaseId", "scope", "resourceId", "form"] as const;
  const of = (json: unknown) => same.map((member) => Object(json)[member]);
  expect(of(renewed.json)).toEqual(of(answer.json));
  expect(textAt(renewed, "credential", "token") === textAt(answer, "credential", "token")).toBe(false);
});
