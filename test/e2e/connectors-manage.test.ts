/** Changing, deleting and seeing connectors, and what becomes of their secrets. */
import { beforeAll, describe, expect, it } from "vitest";
import { applicationOf, createApi, type Problem } from "../support/api.ts";
import { sharedSystem } from "../support/shared-system.ts";
import { openStateAccount, type StateAccount } from "../support/state-account.ts";

type Stored = Problem & {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly labels: Record<string, string>;
  readonly expiresIn: string | null;
  readonly secrets: Record<string, string>;
};
const system = sharedSystem();
const api = createApi(system);
let state: StateAccount;
beforeAll(() => {
  state = openStateAccount(system);
});

const get = (name: string, token?: string) =>
  api.call<Stored>("GET", `connectors/${name}`, token === undefined ? {} : { token });
async function patch(name: string, body: unknown, etag?: string | null, query = "") {
  const seen = etag === undefined ? (await get(name)).headers.get("etag") : etag;
  return api.call<Stored>("PATCH", `connectors/${name}${query}`, {
    body,
    headers: seen === null ? {} : { "if-match": seen },
  });
}
async function remove(name: string, query = "", etag?: string | null) {
  const seen = etag === undefined ? (await get(name)).headers.get("etag") : etag;
  return api.call("DELETE", `connectors/${name}${query}`, { headers: seen === null ? {} : { "if-match": seen } });
}
const secret = () => applicationOf(system, "zenml-connector").secret ?? "";

describe("PATCH /connectors/{c}", () => {
  it("changes labels and users, and needs the ETag that was seen", async () => {
    expect((await api.register("manage-labels")).status).toBe(201);
    expect((await patch("manage-labels", { labels: {} }, null)).body.code).toBe("IF_MATCH_REQUIRED");
    expect((await patch("manage-labels", { labels: {} }, 'W/"old"')).body.code).toBe("ETAG_MISMATCH");
    const changed = await patch("manage-labels", { labels: { team: "vision" }, expiresAt: "2099-01-01T00:00:00Z" });
    expect([changed.status, changed.body.labels]).toEqual([200, { team: "vision" }]);
    expect(changed.body.expiresIn).toMatch(/^\d+d/);
    expect((await get("manage-labels")).headers.get("etag")).toBe(changed.headers.get("etag"));
  });

  it("verifies a new secret before it replaces the old one", async () => {
    const { body } = await api.register("manage-secret");
    const before = await state.secretOf(`connector-${body.id}`);
    const refused = await patch("manage-secret", { secrets: { clientSecret: "wrong" } });
    expect([refused.status, refused.body.code]).toEqual([422, "SIGN_IN_FAILED"]);
    expect(await state.secretOf(`connector-${body.id}`)).toBe(before);
    expect((await patch("manage-secret", { secrets: { clientSecret: secret() } })).status).toBe(200);
    const resources = await api.call("POST", "connectors/manage-secret/credentials?plan=true", {
      body: { resourceType: "blob-container", resourceId: "az://datasets", access: ["read"] },
    });
    expect(resources.status).toBe(200);
  });

  it.each<[string, object, string]>([
    ["a name", { name: "other" }, "/name"],
    ["another method", { authMethod: "implicit" }, "/authMethod"],
    ["a tenant that is none", { configuration: { tenantId: "common" } }, "/configuration/tenantId"],
    ["a member that the method has not", { configuration: { token: "x" } }, "/configuration/token"],
    ["two secrets", { secrets: { clientSecret: "a", certificate: "b" } }, "/secrets"],
    ["a state", { state: "healthy" }, "/state"],
    ["enabled that is no truth value", { enabled: "yes" }, "/enabled"],
    ["a type that there is not", { resourceTypes: ["vm"] }, "/resourceTypes/0"],
    ["a user without a tenant", { users: ["user:x"] }, "/users/0"],
  ])("refuses %s and changes nothing", async (_what, body, path) => {
    const name = "manage-bad-input";
    if ((await get(name)).status === 404) await api.register(name);
    const before = await get(name);
    const answer = await patch(name, body);
    expect([answer.status, answer.body.code], answer.text).toEqual([400, "INVALID_REQUEST"]);
    expect(answer.body.problems?.map((problem) => problem.path)).toContain(path);
    expect((await get(name)).headers.get("etag")).toBe(before.headers.get("etag"));
  });

  it("disabled, it lends nothing; enabled, it is verified and lends again", async () => {
    await api.register("manage-disabled");
    expect((await patch("manage-disabled", { enabled: false })).body.state).toBe("disabled");
    const plan = () =>
      api.call<{ allowed: boolean }>("POST", "connectors/manage-disabled/credentials?plan=true", {
        body: { resourceType: "blob-container", resourceId: "az://datasets", access: ["read"] },
      });
    expect((await plan()).body.allowed).toBe(false);
    expect((await patch("manage-disabled", { enabled: true })).body.state).not.toBe("disabled");
  });
});

describe("another identity under the same name", () => {
  it("is used from the moment of the change: what the one before could see is gone", async () => {
    const name = "manage-identity";
    const clientOf = (application: string) =>
      system.seed.applications.find(({ name: own }) => own === application)?.clientId;
    const configuration = { tenantId: system.seed.tenant.id, clientId: clientOf("zenml-federated") };
    const body = { name, authMethod: "workload-identity", configuration, resourceTypes: ["azure-generic"] };
    expect((await api.call("POST", "connectors", { body })).status).toBe(201);
    const seen = async () => {
      const { body: page } = await api.call<{ items: { displayName: string }[] }>(
        "GET",
        `connectors/${name}/resources?refresh=true`,
      );
      return page.items.map(({ displayName }) => displayName);
    };
    expect(await seen()).toEqual(["ZenML Subscription"]);
    const [partner] = system.seed.otherTenants;
    const other = { tenantId: partner?.id, clientId: clientOf("zenml-multitenant") };
    expect((await patch(name, { configuration: other })).status).toBe(200);
    expect(await seen()).toEqual(["ZenML Partner Subscription"]);
  });
});

describe("DELETE /connectors/{c}", () => {
  it("deletes the connector with its secret, and frees its name", async () => {
    const { body } = await api.register("manage-delete");
    expect((await remove("manage-delete", "", null)).body.code).toBe("IF_MATCH_REQUIRED");
    expect((await remove("manage-delete")).status).toBe(204);
    for (const nameOrId of ["manage-delete", body.id]) expect((await get(nameOrId)).status).toBe(404);
    expect((await state.read()).secretNames).not.toContain(`connector-${body.id}`);
    const again = await api.register("manage-delete");
    expect([again.status, again.body.id === body.id]).toEqual([201, false]);
  });
});

describe("who sees a connector", () => {
  beforeAll(async () => {
    const group = system.seed.groups.find(({ name }) => name === "data-scientists")?.id;
    await api.register("see-private");
    await api.register("see-shared", { visibility: "shared", labels: { see: "yes" } });
    await api.register("see-group", { users: [`group:${group}`], labels: { see: "yes" } });
  });

  it("a user sees what is shared and what names its group, and learns nothing of the rest", async () => {
    const token = await api.tokenOf("scientist");
    const { body } = await api.call<{ items: Stored[] }>("GET", "connectors?limit=500", { token });
    const names = body.items.map(({ name }) => name).filter((name) => name.startsWith("see-"));
    expect(names).toEqual(["see-group", "see-shared"]);
    const hidden = await get("see-private", token);
    const missing = await get("see-nothing", token);
    expect([hidden.status, hidden.body.code]).toEqual([404, "NOT_FOUND"]);
    expect(hidden.body.detail).toBe(missing.body.detail);
    expect((await get("see-group", token)).body.secrets).toEqual({ clientSecret: "[HIDDEN]" });
  });

  it("filters by label, name and owner", async () => {
    const names = async (query: string) =>
      (await api.call<{ items: Stored[] }>("GET", `connectors?${query}`)).body.items.map(({ name }) => name);
    expect(await names("label=see=yes")).toEqual(["see-group", "see-shared"]);
    expect(await names("name=see-shared")).toEqual(["see-shared"]);
    expect(await names("owner=user:nobody/nobody")).toEqual([]);
    expect((await api.call("GET", "connectors?resourceType=vm")).body.code).toBe("INVALID_REQUEST");
  });
});
