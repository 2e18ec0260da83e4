/**
 * What connectors can reach, over HTTP. In a system of its own: other files' connectors would be listed as well, and
 * they would spend this process's share of the storage provider's lists.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { applicationOf, createApi, registration } from "../support/api.ts";
import { openStateAccount } from "../support/state-account.ts";
import { startOwnSystem, WIDE_LIMITS } from "../support/system.ts";

type Resources = {
  readonly items: readonly {
    readonly connector: string;
    readonly resourceType: string;
    readonly resourceId: string;
    readonly displayName: string;
  }[];
  readonly continuationToken: string | null;
  readonly takenAt: string | null;
  readonly ageSeconds: number | null;
  readonly resourceTypes: readonly {
    readonly resourceType: string;
    readonly error: { readonly code: string } | null;
  }[];
  readonly pending: readonly unknown[];
  readonly code: string;
};

const system = await startOwnSystem(WIDE_LIMITS);
const leave = enterLocalAzure(system);
afterAll(async () => {
  leave();
  await system.stop();
  system.remove();
});
const api = createApi(system);
const [SHARED, PRIVATE] = ["resources-shared", "resources-private"];
beforeAll(async () => {
  const shared = { resourceTypes: [], visibility: "shared", labels: { suite: "resources" } };
  expect((await api.register(SHARED, shared)).status).toBe(201);
  const { clientId, secret } = applicationOf(system, "research-connector");
  const answer = await api.register(PRIVATE, {
    configuration: { tenantId: system.seed.tenant.id, clientId, resourceGroup: "research-speech" },
    secrets: { clientSecret: secret },
  });
  expect(answer.status).toBe(201);
});
const resources = (path: string, token?: string) =>
  api.call<Resources>("GET", path, token === undefined ? {} : { token });

describe("GET /connectors/{c}/resources", () => {
  it("lists all types with canonical ids, its age, and nothing of the service's own", async () => {
    const { status, body, text } = await resources(`connectors/${SHARED}/resources`);
    expect(status).toBe(200);
    expect(body.items).toContainEqual({
      connector: SHARED,
      resourceType: "blob-container",
      resourceId: expect.stringMatching(
        /^\/subscriptions\/[0-9a-f-]{36}\/resourceGroups\/other-team\/providers\/Microsoft\.Storage\/storageAccounts\/otherteamdata\/blobServices\/default\/containers\/payroll$/,
      ),
      displayName: "az://payroll",
    });
    expect(new Set(body.items.map(({ resourceType }) => resourceType)).size).toBe(5);
    expect(body.pending).toEqual([]);
    expect(body.ageSeconds).toBeGreaterThanOrEqual(0);
    expect(text).not.toMatch(/latchkeystate|latchkeyhost|latchkey-vault/);
  });

  it("is kept: the age stays until refresh=true", async () => {
    const path = `connectors/${PRIVATE}/resources`;
    const first = await resources(path);
    expect((await resources(path)).body.takenAt).toBe(first.body.takenAt);
    const fresh = await resources(`${path}?refresh=true`);
    expect(Date.parse(fresh.body.takenAt ?? "")).toBeGreaterThan(Date.parse(first.body.takenAt ?? ""));
    expect(fresh.body.items).toEqual(first.body.items);
    expect(fresh.body.items.map(({ displayName }) => displayName)).toEqual(["az://datasets", "az://raw-audio"]);
  });

  it("pages join to the whole", async () => {
    const whole = await resources(`connectors/${SHARED}/resources?limit=500`);
    const joined: unknown[] = [];
    let token: string | null = "";
    while (token !== null) {
      const more: string = token === "" ? "" : `&continuationToken=${token}`;
      const { body } = await resources(`connectors/${SHARED}/resources?limit=2${more}`);
      joined.push(...body.items);
      token = body.continuationToken;
    }
    expect(joined).toEqual(whole.body.items);
  });

  it.each([
    ["resourceType=disk", 400, "INVALID_REQUEST"],
    ["refresh=yes", 400, "INVALID_REQUEST"],
    ["limit=0", 400, "INVALID_REQUEST"],
    ["continuationToken=e30", 400, "INVALID_REQUEST"],
    [`continuationToken=${"A".repeat(5_000)}`, 400, "INVALID_REQUEST"],
    [
      `continuationToken=${Buffer.from('["other","blob-container","~",""]').toString("base64url")}`,
      400,
      "INVALID_REQUEST",
    ],
    [
      `continuationToken=${Buffer.from(`["../x'","blob-container","~",""]`).toString("base64url")}`,
      400,
      "INVALID_REQUEST",
    ],
    ["resourceType=docker-registry", 403, "DENIED"],
  ])("?%s is refused", async (query, status, code) => {
    const answer = await resources(`connectors/${PRIVATE}/resources?${query}`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it("whoever does not see the connector does not learn that it is there", async () => {
    const scientist = await api.tokenOf("scientist");
    const hidden = await resources(`connectors/${PRIVATE}/resources`, scientist);
    const absent = await resources("connectors/resources-nobody/resources", scientist);
    expect([hidden.status, hidden.body.code]).toEqual([404, "NOT_FOUND"]);
    expect([absent.status, absent.body.code]).toEqual([404, "NOT_FOUND"]);
    expect((await resources(`connectors/${SHARED}/resources`, scientist)).status).toBe(200);
  });
});

describe("GET /resources", () => {
  const all = async (query: string, token?: string) => {
    const items: Resources["items"][number][] = [];
    let next: string | null = "";
    while (next !== null) {
      const { body, text } = await resources(
        `resources?${query}${next === "" ? "" : `&continuationToken=${next}`}`,
        token,
      );
      expect(body.items, text).toBeDefined();
      items.push(...body.items);
      next = body.continuationToken;
    }
    return items;
  };

  it("joins all connectors that the caller sees, by type", async () => {
    const items = await all("resourceType=blob-container&limit=3");
    const of = (name: string) =>
      items.filter(({ connector }) => connector === name).map(({ displayName }) => displayName);
    expect(of(PRIVATE)).toEqual(["az://datasets", "az://raw-audio"]);
    expect(of(SHARED)).toContain("az://payroll");
    expect(new Set(items.map(({ resourceType }) => resourceType))).toEqual(new Set(["blob-container"]));
  });

  it("and no others", async () => {
    const items = await all("resourceType=blob-container", await api.tokenOf("scientist"));
    const names = new Set(items.map(({ connector }) => connector));
    expect([names.has(SHARED), names.has(PRIVATE)]).toEqual([true, false]);
  });
});

it.each([
  ["ZenML Subscription", /^\/subscriptions\/[0-9a-f-]{36}$/],
  ["demozenmlcontainerregistry", /\/registries\/demozenmlcontainerregistry$/],
  ["demo-zenml-demos/demo-zenml-terraform-cluster", /\/managedClusters\/demo-zenml-terraform-cluster$/],
  ["az://demo-zenmlartifactstore", /\/containers\/demo-zenmlartifactstore$/],
])("a connector is limited to %s, with no type named, and lists that alone", async (resourceId, canonical) => {
  const name = `resources-only-${canonical.source.length}`;
  const { status, text } = await api.register(name, { resourceTypes: [], resourceId });
  expect(status, text).toBe(201);
  const { body } = await resources(`connectors/${name}/resources`);
  expect(body.items).toMatchObject([{ resourceId: expect.stringMatching(canonical) }]);
  expect(body.pending).toEqual([]);
});

it.each([
  ["resourceGroup", "docker-registry"],
  ["storageAccount", "blob-container"],
])("a %s that nothing shows is told", async (limit, resourceType) => {
  const { configuration } = registration(system, "");
  const name = `resources-nowhere-${limit.toLowerCase()}`;
  const limited = { configuration: { ...configuration, [limit]: "nosuchplace" }, resourceTypes: [resourceType] };
  expect((await api.register(name, limited)).status).toBe(201);
  const { body } = await resources(`connectors/${name}/resources`);
  expect(body.items).toEqual([]);
  expect(body.pending).toMatchObject([{ resourceType, code: "RESOURCE_NOT_FOUND" }]);
});

it("identities are found by the beginning of their names, with a connector named or none", async () => {
  type Identities = { readonly items: readonly { readonly name: string; readonly resourceId: string }[] };
  const found = async (query: string) => (await api.call<Identities>("GET", `identities?${query}`)).body.items;
  const all = await found("resourceGroup=demo-zenml-demos&prefix=UserFlyte");
  expect(all.map(({ name }) => name)).toEqual(["userflyterole"]);
  expect(await found(`connector=${SHARED}&resourceGroup=demo-zenml-demos&prefix=userflyte`)).toEqual(all);
  const every = (await found("")).map(({ resourceId }) => resourceId.toLowerCase());
  expect(every).toEqual([...new Set(every)]);
  expect(every.length).toBeGreaterThan(1);
});

it("goes with the connector", async () => {
  const name = "resources-gone";
  const { body } = await api.register(name);
  await resources(`connectors/${name}/resources`);
  const state = openStateAccount(system);
  const stored = () => state.blob("latchkey", `inventory/${body.id}/blob-container.json`);
  expect(await stored()).toContain("otherteamdata");
  const { headers } = await api.call("GET", `connectors/${name}`);
  const gone = await api.call("DELETE", `connectors/${name}`, { headers: { "if-match": headers.get("etag") ?? "" } });
  expect(gone.status, gone.text).toBe(204);
  await expect(stored()).rejects.toMatchObject({ statusCode: 404 });
});
