import { describe, expect, test } from "vitest";
import type { Allowed } from "../../../../shared/access/ports.ts";
import type { Registry } from "../../../../shared/connectors/ports.ts";
import { type FindObstacleDeps, findObstacle } from "../../../../shared/credentials/find-obstacle.ts";
import { ConflictError, DeniedError, InputError, NotFoundError, UpstreamError } from "../../../../shared/errors.ts";
import { MAX_REPOSITORIES } from "../../../../shared/scope.ts";
import { now, SUBSCRIPTION, signIn } from "../../../support/fakes.ts";
import { containerId } from "../../../support/fakes-access.ts";
import { cluster } from "../../../support/fakes-cluster.ts";

const CONTAINER: Allowed = {
  connector: "azure",
  resourceType: "blob-container",
  resourceId: containerId("data"),
  asked: "az://data",
  form: "sas",
  scope: {},
  ttlSeconds: 600,
  maxTtlSeconds: 3_600,
  grantExpiresAt: null,
};
const TOKEN: Allowed = {
  ...CONTAINER,
  resourceType: "azure-generic",
  resourceId: `/subscriptions/${SUBSCRIPTION}`,
  asked: "ZenML Subscription",
  scope: { audience: "arm" },
  ttlSeconds: null,
};
const SECRET: Allowed = {
  ...CONTAINER,
  resourceType: "key-vault-secret",
  resourceId: "https://examplevault.vault.azure.net/secrets/one",
  ttlSeconds: null,
};

const REGISTRY: Registry = {
  subscriptionId: SUBSCRIPTION,
  resourceGroup: "group",
  registry: "images1",
  tier: "Standard",
  loginServer: "images1.azurecr.io",
  mode: "legacy",
  adminUserEnabled: false,
  takesArmTokens: true,
};
const CLUSTER = cluster({ resourceGroup: "group", cluster: "train", hasLocalAccounts: false, tenantId: null });

function parts(expiresAt: string | null = null, failure: Error | null = null, listed: readonly string[] = []) {
  const opened: unknown[] = [];
  const unread = () => Promise.reject(new Error("nothing is made"));
  const unused = signIn({ secret: { kind: "clientSecret", read: unread } });
  const open = async <T>(what: T, ...asked: readonly string[]) => {
    opened.push(asked);
    if (failure !== null) throw failure;
    return {
      connector: { id: "id-1", name: "azure", expiresAt },
      resourceId: "",
      displayName: "",
      signIn: unused,
      ...what,
    };
  };
  const place = { subscriptionId: SUBSCRIPTION, resourceGroup: "group", account: "accountone", container: "data" };
  const deps: FindObstacleDeps = {
    openContainer: (...asked) => open({ container: place }, ...asked),
    openVaultSecret: (...asked) => open({ secret: { cloud: "public", vault: "v", name: "one" } }, ...asked),
    openSubscription: (...asked) =>
      open({ subscription: { subscriptionId: SUBSCRIPTION, displayName: "ZenML Subscription" } }, ...asked),
    openRegistry: (...asked) => open({ registry: REGISTRY }, ...asked),
    openCluster: (...asked) => open({ cluster: CLUSTER }, ...asked),
    async listRepositories(_opened, limit) {
      opened.push("list");
      return listed.slice(0, limit);
    },
    audienceUri(name) {
      if (name === "arm") return "https://management.azure.com";
      throw new InputError("INVALID_REQUEST", "not served");
    },
    refuseClusterToken: () => {
      throw new DeniedError("DENIED", "the app itself");
    },
    now,
  };
  return { deps, opened };
}

test.each<[Allowed, readonly string[]]>([
  [CONTAINER, ["azure", CONTAINER.resourceId]],
  [SECRET, ["azure", SECRET.resourceId]],
  [TOKEN, ["azure", TOKEN.resourceId, "ZenML Subscription"]],
])("none: $resourceType is opened as issuing opens it, by what policy made of the name", async (allowed, asked) => {
  const { deps, opened } = parts();
  expect([await findObstacle(deps, allowed), opened]).toEqual([null, [asked]]);
});

test.each([
  new NotFoundError("RESOURCE_NOT_FOUND", "gone"),
  new NotFoundError("NOT_FOUND", "no connector"),
  new DeniedError("DENIED", "outside the limits"),
  new ConflictError("CONNECTOR_EXPIRED", "expired"),
  new InputError("SIGN_IN_FAILED", "no sign-in"),
])("what issuing would refuse with $code is one", async (failure) => {
  const obstacle = await findObstacle(parts(null, failure).deps, CONTAINER);
  expect(obstacle).toMatchObject({ check: "resource", detail: expect.stringContaining(failure.code) });
});

test.each([new UpstreamError("UPSTREAM_TIMEOUT", "late", { retryable: true }), new TypeError("a defect")])(
  "what says nothing about the resource is thrown on: %s",
  async (failure) => {
    await expect(findObstacle(parts(null, failure).deps, CONTAINER)).rejects.toBe(failure);
  },
);

test("an audience that is not served is one", async () => {
  const scope = { audience: "https://graph.microsoft.com" };
  expect(await findObstacle(parts().deps, { ...TOKEN, scope })).toMatchObject({ check: "scope" });
});

test.each([
  ["2026-11-21T10:09:59Z", 600, "ttl"],
  ["2026-11-21T10:10:00Z", 600, undefined],
  ["2026-11-21T10:01:00Z", null, undefined],
])("a connector until %s and a life of %s: %s", async (expiresAt, ttlSeconds, check) => {
  const obstacle = await findObstacle(parts(expiresAt).deps, { ...CONTAINER, ttlSeconds });
  expect(obstacle?.check).toBe(check);
});

test.each(["constructor", "__proto__", "other"])("a type that is not served is one: %s", async (resourceType) => {
  expect(await findObstacle(parts().deps, { ...CONTAINER, resourceType })).toMatchObject({ check: "resource" });
});

test("a sign-in whose tokens for clusters are not lent is one for that form alone", async () => {
  const obstacleOf = (form: string) =>
    findObstacle(parts().deps, { ...CONTAINER, resourceType: "kubernetes-cluster", form });
  expect(await obstacleOf("entra-token")).toMatchObject({ detail: expect.stringContaining("DENIED") });
  expect(await obstacleOf("service-account")).toBeNull();
});

describe("of a registry", () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `team/r${index}`);
  const look = (
    changes: Partial<Allowed>,
    { listed = [], connectorEnd = null }: { listed?: readonly string[]; connectorEnd?: string | null } = {},
  ) => {
    const { deps, opened } = parts(connectorEnd, null, listed);
    const scope = { repositories: ["team/*"] };
    const asked = { ...CONTAINER, resourceType: "docker-registry", form: "access-token", ttlSeconds: null, scope };
    return { obstacle: findObstacle(deps, { ...asked, ...changes }), opened };
  };

  test.each(["access-token", "docker-login"])("%s: patterns are resolved as issuing does", async (form) => {
    const none = await look({ form }, { listed: ["other/a"] }).obstacle;
    expect(none).toMatchObject({ check: "scope", detail: expect.stringContaining("RESOURCE_NOT_FOUND") });
    const tooMany = await look({ form }, { listed: many(MAX_REPOSITORIES + 1) }).obstacle;
    expect(tooMany).toMatchObject({ check: "scope", detail: expect.stringContaining("SCOPE_TOO_WIDE") });
    expect(await look({ form }, { listed: many(MAX_REPOSITORIES) }).obstacle).toBeNull();
  });

  test.each<Partial<Allowed>>([{ scope: { repositories: ["team/new"] } }, { form: "registry-wide", scope: {} }])(
    "nothing is listed where nothing is a pattern: %j",
    async (changes) => {
      const { obstacle, opened } = look(changes);
      expect(await obstacle).toBeNull();
      expect(opened).not.toContain("list");
    },
  );

  // 75 minutes and three hours, of which a grant must give all but the overshoot.
  test.each<[string, Partial<Allowed>, string | null, string | undefined]>([
    ["access-token", { maxTtlSeconds: 2_700 }, null, undefined],
    ["access-token", { maxTtlSeconds: 2_699 }, null, "ttl"],
    ["access-token", { grantExpiresAt: "2026-11-21T11:14:59Z" }, null, "ttl"],
    ["access-token", { grantExpiresAt: "2026-11-21T11:15:00Z" }, null, undefined],
    ["access-token", {}, "2026-11-21T11:14:59Z", "ttl"],
    ["registry-wide", { maxTtlSeconds: 1_800 }, null, undefined],
    ["registry-wide", { maxTtlSeconds: 1_799 }, null, "ttl"],
    ["docker-login", { maxTtlSeconds: 300 }, null, undefined],
  ])("%s within %j and a connector until %s: %s", async (form, changes, connectorEnd, check) => {
    const obstacle = await look({ form, ...changes }, { listed: ["team/a"], connectorEnd }).obstacle;
    expect(obstacle?.check).toBe(check);
  });
});
