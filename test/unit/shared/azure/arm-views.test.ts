import type { HttpClient } from "@azure/core-rest-pipeline";
import type { GetTokenOptions, TokenCredential } from "@azure/identity";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { createOpenAzure } from "../../../../shared/azure/arm-resources.ts";
import { type CloudName, cloudOf } from "../../../../shared/cloud.ts";
import type { AzureView } from "../../../../shared/connectors/ports.ts";
import { OBJECT, SUBSCRIPTION, signIn, TENANT } from "../../../support/fakes.ts";
import { fakeHttp, type HttpAnswer } from "../../../support/fakes-azure-http.ts";

/** Answers ARM by the whole address; each test sets what it needs. */
const arm = vi.hoisted(() => ({ answer: (_url: URL): HttpAnswer => ({ status: 500 }), client: null as unknown }));
/** The real clients, over a wire of our own. */
vi.mock("../../../../shared/azure/client-options.ts", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../../../shared/azure/client-options.ts")>();
  return {
    ...original,
    armOptions: (cloud: CloudName) => ({ ...original.armOptions(cloud), httpClient: arm.client as HttpClient }),
  };
});

const wire = fakeHttp((_index, { url }) => arm.answer(new URL(url)));
arm.client = wire.httpClient;
const asked: (string | string[])[] = [];
const credential: TokenCredential = {
  async getToken(scopes: string | string[], _options?: GetTokenOptions) {
    asked.push(scopes);
    return { token: "t", expiresOnTimestamp: Date.now() + 3_600_000 };
  },
};
const open = (cloud: CloudName = "public") => createOpenAzure(() => credential)(signIn({ cloud }));
const view = open();

const idOf = (type: string, name: string, group = "Group") =>
  `/subscriptions/${SUBSCRIPTION.toUpperCase()}/resourcegroups/${group}/providers/${type}/${name}`;
const REGISTRY = "Microsoft.ContainerRegistry/registries";
const CLUSTER = "Microsoft.ContainerService/managedClusters";
const VAULT = "Microsoft.KeyVault/vaults";
const IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities";
const item = (type: string, name: string, properties: object = {}) => ({
  id: idOf(type, name),
  name,
  type,
  location: "westeurope",
  sku: { name: "Standard", tier: "Standard" },
  properties: { sku: { family: "A", name: "standard" }, ...properties },
});
const page = (value: readonly object[], nextLink?: string): HttpAnswer => ({
  status: 200,
  body: { value, ...(nextLink === undefined ? {} : { nextLink }) },
});
const refusal = (status: number, code: string): HttpAnswer => ({ status, body: { error: { code, message: "x" } } });
const PLACE = { subscriptionId: SUBSCRIPTION, resourceGroup: "Group" };

/** Each list, with a resource that it knows. */
const LISTS: [string, string, (from: AzureView, group: string | null) => Promise<readonly object[]>][] = [
  ["registries", REGISTRY, (from, group) => from.registries(SUBSCRIPTION, group)],
  ["clusters", CLUSTER, (from, group) => from.clusters(SUBSCRIPTION, group)],
  ["vaults", VAULT, (from, group) => from.vaults(SUBSCRIPTION, group)],
  ["identities", IDENTITY, (from, group) => from.identities(SUBSCRIPTION, group)],
  ["storageAccounts", "Microsoft.Storage/storageAccounts", (from, group) => from.storageAccounts(SUBSCRIPTION, group)],
];
const permissions = (from: AzureView) => from.permissions(`/subscriptions/${SUBSCRIPTION}`);

beforeEach(() => {
  arm.answer = () => refusal(500, "InternalServerError");
  wire.requests.length = 0;
  asked.length = 0;
});

describe.each(LISTS)("%s", (_name, type, list) => {
  const next = `https://management.azure.com/subscriptions/${SUBSCRIPTION}/next?skip=1`;

  test("asks the subscription or one group, for every page", async () => {
    arm.answer = ({ search }) =>
      search.includes("skip") ? page([item(type, "two12")]) : page([item(type, "one12")], next);
    expect(await list(view, null)).toHaveLength(2);
    expect(await list(view, "other")).toHaveLength(2);
    const paths = wire.requests.map(({ url }) => new URL(url).pathname.toLowerCase());
    const [subscription, provider] = [`/subscriptions/${SUBSCRIPTION}`, `/providers/${type}`.toLowerCase()];
    expect(paths[0]).toBe(subscription + provider);
    expect(paths[2]).toBe(`${subscription}/resourcegroups/other${provider}`);
  });

  test("names the place as ARM does, the subscription in lower case", async () => {
    arm.answer = () => page([item(type, "Name12")]);
    expect(await list(view, null)).toMatchObject([PLACE]);
  });

  test("a resource group that is not there has none; any other 404, or one that goes meanwhile, is a refusal", async () => {
    arm.answer = () => refusal(404, "ResourceGroupNotFound");
    expect(await list(view, "nowhere")).toEqual([]);
    arm.answer = () => refusal(404, "SubscriptionNotFound");
    await expect(list(view, "nowhere")).rejects.toMatchObject({ code: "UPSTREAM_REFUSED", failure: { status: 404 } });
    arm.answer = ({ search }) =>
      search.includes("skip") ? refusal(404, "ResourceGroupNotFound") : page([item(type, "one12")], next);
    await expect(list(view, "group")).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });

  test.each([
    "https://evil.example/subscriptions/x/next",
    "https://management.azure.com.evil.example/next",
    "https://management.azure.com@evil.example/next",
    "https://somebody@management.azure.com/next",
    "/relative/next",
    "next",
    "https://management.azure.com:8443/next",
    "http://management.azure.com/next",
    "https://management.usgovcloudapi.net/next",
    "https://a.vault.azure.net/next",
    "https://a.blob.core.windows.net/next",
  ])("a next page at %s is not asked for, and the half is no list", async (link) => {
    // Once: a list that goes on for ever would end no test.
    arm.answer = () => page([item(type, "one12")], wire.requests.length === 0 ? link : undefined);
    await expect(list(view, null)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect([wire.requests.length, asked.length]).toEqual([1, 1]);
  });

  test("what has no readable id makes no list", async () => {
    arm.answer = () => page([item(type, "one12"), { ...item(type, "two12"), id: "/subscriptions/x" }]);
    await expect(list(view, null)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });

  test.each<CloudName>(["public", "us-government", "china"])(
    "in %s: its own ARM, and a token for that",
    async (cloud) => {
      const { resourceManager } = cloudOf(cloud);
      arm.answer = () => page([]);
      expect(await list(open(cloud), null)).toEqual([]);
      expect(wire.requests.map(({ url }) => new URL(url).origin)).toEqual([resourceManager]);
      expect(asked.flat()).toEqual([`${resourceManager}/.default`]);
    },
  );
});

describe("what is told", () => {
  const registry = async (properties: object) => {
    arm.answer = () => page([item(REGISTRY, "Reg12", properties)]);
    return (await view.registries(SUBSCRIPTION, null))[0];
  };

  test("of a registry: ARM's silence means the older mode, no administrator account, and ARM's tokens taken", async () => {
    expect(await registry({ loginServer: "Reg12.azurecr.io" })).toEqual({
      ...PLACE,
      registry: "Reg12",
      loginServer: "reg12.azurecr.io",
      tier: "Standard",
      mode: "legacy",
      adminUserEnabled: false,
      takesArmTokens: true,
    });
  });

  test("of a registry: mode, administrator account, and whether it takes ARM's tokens", async () => {
    const told = {
      loginServer: "reg12-h4sh.azurecr.io",
      roleAssignmentMode: "AbacRepositoryPermissions",
      adminUserEnabled: true,
      policies: { azureADAuthenticationAsArmPolicy: { status: "disabled" } },
    };
    expect(await registry(told)).toMatchObject({
      loginServer: told.loginServer,
      mode: "abac",
      adminUserEnabled: true,
      takesArmTokens: false,
    });
  });

  const cluster = async (properties: object) => {
    arm.answer = () => page([item(CLUSTER, "k8s", properties)]);
    return (await view.clusters(SUBSCRIPTION, null))[0];
  };

  test("of a cluster without Entra: local accounts alone", async () => {
    expect(await cluster({ aadProfile: null, powerState: { code: "Running" } })).toEqual({
      ...PLACE,
      cluster: "k8s",
      hasEntra: false,
      hasAzureRbac: false,
      hasLocalAccounts: true,
      isPrivate: false,
      isRunning: true,
      ...{ fqdn: null, privateFqdn: null, tenantId: null },
    });
  });

  test("of a cluster with all of it, stopped", async () => {
    const told = {
      fqdn: "Train-1a2b.hcp.westeurope.azmk8s.io",
      aadProfile: { enableAzureRBAC: true, tenantID: "A79FF333-8F45-4A74-A42E-68871C17B7FB" },
      disableLocalAccounts: true,
      apiServerAccessProfile: { enablePrivateCluster: true },
      powerState: { code: "Stopped" },
    };
    expect(await cluster(told)).toMatchObject({
      hasEntra: true,
      hasAzureRbac: true,
      hasLocalAccounts: false,
      isPrivate: true,
      isRunning: false,
      fqdn: "train-1a2b.hcp.westeurope.azmk8s.io",
      tenantId: "a79ff333-8f45-4a74-a42e-68871c17b7fb",
    });
  });

  test("of a vault: roles, or access policies when it says nothing", async () => {
    arm.answer = () => page([item(VAULT, "one", { enableRbacAuthorization: true }), item(VAULT, "two")]);
    expect(await view.vaults(SUBSCRIPTION, null)).toEqual([
      { ...PLACE, vault: "one", hasRbac: true },
      { ...PLACE, vault: "two", hasRbac: false },
    ]);
  });

  test("of an identity: its ids and where it is", async () => {
    const ids = { clientId: "c", principalId: "p", tenantId: "t" };
    arm.answer = () => page([item(IDENTITY, "userflyterole", ids)]);
    expect(await view.identities(SUBSCRIPTION, null)).toEqual([
      { ...PLACE, identity: "userflyterole", location: "westeurope", ...ids },
    ]);
  });
});

describe("permissions", () => {
  const scope = `${idOf(VAULT, "kv")}/secrets/one`;

  test("one GET at any scope, every page, one entry for each assignment; what is left out is empty", async () => {
    arm.answer = ({ search }) =>
      search.includes("skip")
        ? page([{ actions: [], notActions: null, dataActions: ["a/read"], notDataActions: ["b"] }])
        : page([{ actions: ["*"], notActions: ["x/write"] }], "https://management.azure.com/next?skip=1");
    expect(await view.permissions(scope)).toEqual([
      { actions: ["*"], notActions: ["x/write"], dataActions: [], notDataActions: [] },
      { actions: [], notActions: [], dataActions: ["a/read"], notDataActions: ["b"] },
    ]);
    expect(wire.requests[0]).toMatchObject({
      method: "GET",
      url: `https://management.azure.com${scope}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01`,
    });
  });

  test("a link to another host is not followed", async () => {
    arm.answer = () => page([{ actions: ["*"] }], "https://a.vault.azure.net/next");
    await expect(view.permissions(scope)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
    expect(wire.requests).toHaveLength(1);
  });

  test.each([
    ["a resource instead of a list", { id: scope, properties: {} }],
    ["an entry that is none", { value: [{ actions: "*" }] }],
    ["an entry that is a number", { value: [7] }],
    ["a link that is no text", { value: [], nextLink: 7 }],
  ])("%s is no answer", async (_what, body) => {
    arm.answer = () => ({ status: 200, body });
    await expect(view.permissions(scope)).rejects.toMatchObject({ code: "UPSTREAM_REFUSED" });
  });

  test("a refusal is told with its status and code, and a busy ARM with its seconds", async () => {
    arm.answer = () => refusal(403, "AuthorizationFailed");
    await expect(permissions(view)).rejects.toMatchObject({
      code: "UPSTREAM_REFUSED",
      retryable: false,
      failure: { status: 403, code: "AuthorizationFailed" },
    });
    arm.answer = () => ({ ...refusal(429, "TooManyRequests"), headers: { "retry-after": "60" } });
    await expect(permissions(view)).rejects.toMatchObject({ retryable: true, retryAfterSeconds: 60 });
  });

  test.each([
    "https://evil.example/",
    "//evil.example/subscriptions",
    "@evil.example",
    ".evil.example/",
    ":8443/x",
    "/subscriptions/../../x",
    "/subscriptions/x?y=",
    "/subscriptions/x#y",
    "/subscriptions/%2e%2e/x",
    "/subscriptions/a\\b",
    "/subscriptions/a b",
    "",
  ])("what is no ARM id (%j) is not asked for", async (armId) => {
    arm.answer = () => page([]);
    await expect(view.permissions(armId)).rejects.toThrow();
    expect(wire.requests).toEqual([]);
    expect(asked).toEqual([]);
  });
});

test("the sign-in asks for its cloud's ARM and says who it is", async () => {
  const claims = Buffer.from(JSON.stringify({ exp: 1, aud: "a", tid: TENANT, oid: OBJECT })).toString("base64url");
  const token = { token: `e30.${claims}.`, expiresOnTimestamp: Date.now() + 3_600_000 };
  const scopes: (string | string[])[] = [];
  const china = createOpenAzure(() => ({
    getToken: async (scope: string | string[]) => {
      scopes.push(scope);
      return token;
    },
  }))(signIn({ cloud: "china" }));
  expect(await china.signIn()).toMatchObject({ objectId: OBJECT });
  expect(scopes.flat()).toEqual(["https://management.chinacloudapi.cn/.default"]);
});
