import { describe, expect, test } from "vitest";
import type { AzureView } from "../../../../shared/connectors/ports.ts";
import { verifyConnector, verifyResource } from "../../../../shared/connectors/verify.ts";
import { MAX_LISTED_ACCOUNTS, MAX_PROBED } from "../../../../shared/connectors/verify-sample.ts";
import { InputError, UpstreamError } from "../../../../shared/errors.ts";
import { azureView, NOW_TEXT, now, OPEN_STORES, SUBSCRIPTION } from "../../../support/fakes.ts";
import { permission, refusal, verifyAsk } from "../../../support/fakes-verify.ts";

const refused = new UpstreamError("UPSTREAM_REFUSED", "Grant Reader.", { retryable: false });
const outage = (code: "UPSTREAM_TIMEOUT" | "UPSTREAM_REFUSED") => new UpstreamError(code, "down", { retryable: true });
const STORE = `/subscriptions/${SUBSCRIPTION}/resourceGroups/demos/providers/Microsoft.Storage/storageAccounts/artifacts/blobServices/default/containers/store`;

const verify = (view: AzureView, changes: Parameters<typeof verifyAsk>[0] = {}) =>
  verifyConnector(verifyAsk({ view, ...changes }), now);

describe("verifyConnector", () => {
  test("healthy: names what it sees, namesakes once, and looks at each", async () => {
    const view = azureView({ "demos/artifacts": ["store", "datasets"], "demos/archive": ["datasets"] });
    const found = await verify(view);
    expect(found).toMatchObject({
      checkedAt: NOW_TEXT,
      state: "healthy",
      resourceTypes: [
        {
          resourceType: "blob-container",
          state: "ok",
          resources: ["az://datasets", "az://store"],
          error: null,
          unprobed: 0,
        },
      ],
    });
    expect(found.resourceTypes[0]?.checks.map(({ state }) => state)).toEqual(["ok", "ok", "ok"]);
  });

  test.each([
    ["nothing is visible", azureView({}), [], "failed", "RESOURCE_NOT_FOUND"],
    [
      "one account cannot be read",
      azureView({ "demos/artifacts": ["store"], "demos/archive": refused }),
      ["az://store"],
      "degraded",
      "UPSTREAM_REFUSED",
    ],
    [
      "the listing fails",
      { ...azureView({}), storageAccounts: () => Promise.reject(refused) },
      [],
      "failed",
      "UPSTREAM_REFUSED",
    ],
  ])("%s: with code and remedy", async (_what, view, resources, state, code) => {
    const verification = await verify(view);
    expect(verification).toMatchObject({
      state,
      resourceTypes: [{ resources, error: { code, message: expect.any(String) } }],
    });
    expect(verification.resourceTypes[0]?.error?.remedy).toMatch(/Reader/);
  });

  test("limited to one resource: looks at that alone", async () => {
    const journal: string[] = [];
    const view = azureView({ "demos/artifacts": ["store", "datasets"] }, journal);
    expect(await verify(view, { resourceId: STORE })).toMatchObject({
      state: "healthy",
      resourceTypes: [{ resources: ["az://store"], checks: [{ resourceId: STORE }] }],
    });
    expect(journal).not.toContain("containers artifacts");
    expect(await verify(azureView({ "demos/artifacts": ["datasets"] }), { resourceId: STORE })).toMatchObject({
      state: "failed",
      resourceTypes: [{ error: { code: "RESOURCE_NOT_FOUND" } }],
    });
  });

  test.each([
    new InputError("SIGN_IN_FAILED", "no"),
    new TypeError("defect"),
    outage("UPSTREAM_TIMEOUT"),
    outage("UPSTREAM_REFUSED"),
  ])("$name $code is no verdict: it stops it", async (error) => {
    const view = { ...azureView({}), storageAccounts: () => Promise.reject(error) };
    await expect(verify(view)).rejects.toBe(error);
    const single = { ...azureView({}), container: () => Promise.reject(error) };
    await expect(verify(single, { resourceId: STORE })).rejects.toBe(error);
    const seen = azureView({ "demos/artifacts": ["store"] });
    const listBlobs = () => Promise.reject(error);
    await expect(verify(seen, { probes: { listBlobs } })).rejects.toBe(error);
  });

  test("an outage of every account is no verdict; one account's stands in the verdict with what was found", async () => {
    const down = outage("UPSTREAM_TIMEOUT");
    await expect(verify(azureView({ "demos/artifacts": down, "demos/archive": down }))).rejects.toBe(down);
    expect(await verify(azureView({ "demos/artifacts": ["store"], "demos/archive": down }))).toMatchObject({
      state: "degraded",
      resourceTypes: [{ resources: ["az://store"], error: { code: "UPSTREAM_TIMEOUT" } }],
    });
  });

  test("a store that does not answer is asked once, and is unknown beside others that do", async () => {
    const asked: string[] = [];
    const view = azureView({ "demos/artifacts": ["store"], "demos/archive": ["cold", "old"] });
    const delegationKey = async ({ account }: { account: string }) => {
      asked.push(account);
      if (account === "archive") throw outage("UPSTREAM_TIMEOUT");
      return { ok: true } as const;
    };
    const found = await verify(view, { probes: { delegationKey } });
    expect(asked.toSorted()).toEqual(["archive", "artifacts"]);
    expect(found.state).toBe("healthy");
    expect(found.resourceTypes[0]?.checks).toMatchObject([
      { displayName: "az://cold", state: "unknown", access: [{ ok: null, code: "UPSTREAM_TIMEOUT" }] },
      { displayName: "az://old", state: "unknown" },
      { displayName: "az://store", state: "ok" },
    ]);
  });

  test("a container that may not be used makes it degraded, all of them failed", async () => {
    const view = azureView({ "demos/artifacts": ["store"], "demos/archive": ["cold"] });
    const one = async ({ account }: { account: string }) =>
      account === "archive" ? refusal("role")() : ({ ok: true } as const);
    const probes = { listBlobs: one, delegationKey: one };
    expect(await verify(view, { probes })).toMatchObject({
      state: "degraded",
      resourceTypes: [{ state: "degraded", error: { code: "ROLE_MISSING" } }],
    });
    const none = { listBlobs: refusal("role"), delegationKey: refusal("role") };
    expect(await verify(view, { probes: none })).toMatchObject({
      state: "failed",
      resourceTypes: [{ state: "error", resources: ["az://cold", "az://store"] }],
    });
  });

  test("of many it looks at some, from each account, and counts the rest", async () => {
    const many = Array.from({ length: 100 }, (_, index) => `c${String(index).padStart(3, "0")}`);
    const found = await verify(azureView({ "demos/aaaa": many, "demos/zzzz": ["last"] }));
    const [type] = found.resourceTypes;
    expect(type?.checks).toHaveLength(MAX_PROBED);
    expect(type?.unprobed).toBe(101 - MAX_PROBED);
    expect(type?.checks.map(({ displayName }) => displayName)).toContain("az://last");
  });

  test("begins no look after its time is up, and counts what is left", async () => {
    let at = Date.parse(NOW_TEXT);
    const listBlobs = async () => {
      at += 60_000;
      return { ok: true } as const;
    };
    const many = Array.from({ length: 20 }, (_, index) => `c${String(index).padStart(3, "0")}`);
    const ask = verifyAsk({ view: azureView({ "demos/aaaa": many }), probes: { listBlobs } });
    const found = await verifyConnector(ask, () => new Date(at));
    const [type] = found.resourceTypes;
    expect((type?.checks.length ?? 0) + (type?.unprobed ?? 0)).toBe(20);
    expect(type?.unprobed).toBeGreaterThan(0);
  });

  test("lists the containers of some accounts alone, and says how many it left out", async () => {
    const journal: string[] = [];
    const names = Array.from({ length: 50 }, (_, index) => `demos/account${String(index).padStart(2, "0")}`);
    const accounts = Object.fromEntries(names.map((name) => [name, ["one"]]));
    const found = await verify(azureView(accounts, journal));
    expect(journal.filter((call) => call.startsWith("containers "))).toHaveLength(MAX_LISTED_ACCOUNTS);
    const [type] = found.resourceTypes;
    expect(type).toMatchObject({ state: "ok", error: null, unprobed: 50 - MAX_LISTED_ACCOUNTS });
    expect(type?.checks).toHaveLength(MAX_LISTED_ACCOUNTS);
    const bare = await verify(azureView(Object.fromEntries(names.map((name) => [name, []]))));
    expect(bare).toMatchObject({
      state: "degraded",
      resourceTypes: [{ state: "degraded", error: { code: "NOT_PROVED" }, unprobed: 50 - MAX_LISTED_ACCOUNTS }],
    });
  });

  test("looks at the first of each type however long the list took", async () => {
    let at = Date.parse(NOW_TEXT);
    const azure = azureView({ "demos/aaaa": ["one", "two"] });
    const view = {
      ...azure,
      async storageAccounts(...place: Parameters<typeof azure.storageAccounts>) {
        at += 60_000;
        return azure.storageAccounts(...place);
      },
    };
    const refused = verifyAsk({ view, probes: { listBlobs: refusal("role"), delegationKey: refusal("role") } });
    expect(await verifyConnector(refused, () => new Date(at))).toMatchObject({
      state: "failed",
      resourceTypes: [{ checks: [{ state: "failed" }, { state: "failed" }], unprobed: 0 }],
    });
  });

  test.each(["UPSTREAM_TIMEOUT", "UPSTREAM_REFUSED"] as const)(
    "%s for one type is the error of that type alone, and never a failure of the connector",
    async (code) => {
      const types = ["blob-container", "docker-registry"] as const;
      const registries = () => Promise.reject(outage(code));
      const row = { resourceType: "docker-registry", state: "error", error: { code } };
      const seen = await verify({ ...azureView({ "demos/artifacts": ["store"] }), registries }, { types });
      expect(seen).toMatchObject({ state: "degraded", resourceTypes: [{ state: "ok" }, row] });
      const nothing = await verify({ ...azureView({}), registries }, { types });
      expect(nothing).toMatchObject({ state: "degraded", resourceTypes: [{ state: "error" }, row] });
      const storageAccounts = registries;
      await expect(verify({ ...azureView({}), registries, storageAccounts }, { types })).rejects.toMatchObject({
        code,
      });
    },
  );

  test("types that the method does not serve do not hide that nobody answered", async () => {
    const view = { ...azureView({}), subscriptions: () => Promise.reject(outage("UPSTREAM_TIMEOUT")) };
    const types = ["azure-generic", "blob-container"] as const;
    await expect(verify(view, { types, authMethod: "access-token" })).rejects.toMatchObject({
      code: "UPSTREAM_TIMEOUT",
    });
  });

  test("a sign-in that fails for one type stops it", async () => {
    const registries = () => Promise.reject(new InputError("SIGN_IN_FAILED", "no"));
    const view = { ...azureView({ "demos/artifacts": ["store"] }), registries };
    await expect(verify(view, { types: ["blob-container", "docker-registry"] })).rejects.toMatchObject({
      code: "SIGN_IN_FAILED",
    });
  });

  test("an access token: stores are refused in the field's own words, the rest is looked at", async () => {
    const types = ["azure-generic", "blob-container", "key-vault-secret"] as const;
    const view = azureView({ "demos/artifacts": ["store"] });
    const found = await verify(view, { authMethod: "access-token", types });
    expect(found.state).toBe("degraded");
    expect(found.resourceTypes).toMatchObject([
      { state: "ok", resources: ["ZenML Subscription"], checks: [{ access: [{ access: "use", proof: "proved" }] }] },
      {
        state: "error",
        resources: [],
        error: {
          code: "UNSUPPORTED_BY_METHOD",
          message:
            "connector authorization failure: the 'access-token' authentication method is not supported for blob storage resources",
        },
      },
      { state: "error", error: { code: "UNSUPPORTED_BY_METHOD" } },
    ]);
  });
});

test("a type of which nothing is seen is a lack only when somebody asked for it", async () => {
  const view = azureView({ "demos/artifacts": ["store"] });
  const types = ["blob-container", "docker-registry"] as const;
  const rows = [{ state: "ok" }, { state: "error", error: { code: "RESOURCE_NOT_FOUND" } }];
  expect(await verify(view, { types })).toMatchObject({ state: "degraded", resourceTypes: rows });
  expect(await verify(view, { types, areTypesNamed: false })).toMatchObject({ state: "healthy", resourceTypes: rows });
  expect(await verify(azureView({}), { types, areTypesNamed: false })).toMatchObject({ state: "failed" });
});

describe("verifyResource", () => {
  test("looks at the one that is named, and at no other", async () => {
    const asked: string[] = [];
    const listBlobs = async ({ container }: { container: string }) => {
      asked.push(container);
      return { ok: true } as const;
    };
    const ask = verifyAsk({
      view: azureView({ "demos/artifacts": ["store", "datasets"] }),
      probes: { ...OPEN_STORES, listBlobs },
    });
    expect(await verifyResource(ask, "blob-container", "az://store")).toMatchObject({
      state: "ok",
      checks: [{ resourceId: STORE }],
    });
    expect(asked).toEqual(["store"]);
    await expect(verifyResource(ask, "blob-container", "az://none")).rejects.toMatchObject({
      code: "RESOURCE_NOT_FOUND",
    });
  });
});

test("what the identity may do is asked at the resource itself", async () => {
  const asked: string[] = [];
  const view = {
    ...azureView({ "demos/artifacts": ["store"] }),
    permissions: async (armId: string) => {
      asked.push(armId);
      return [permission({ dataActions: ["*"] })];
    },
  };
  const found = await verify(view);
  expect(asked).toEqual([STORE]);
  expect(found.resourceTypes[0]?.checks[0]?.access.map(({ access, ok, proof }) => [access, ok, proof])).toEqual([
    ["read", true, "proved"],
    ["list", true, "proved"],
    ["write", true, "assigned"],
    ["delete", true, "assigned"],
    ["sign", true, "proved"],
  ]);
});
