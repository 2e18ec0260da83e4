import { describe, expect, test } from "vitest";
import { connectorRequestSchema } from "../../../shared/connectors/connector.ts";
import { connectorTypeSchema } from "../../../shared/connectors/connector-types.ts";
import { ROLES } from "../../../shared/principal.ts";
import { SECRET, TENANT, USER } from "../../support/fakes.ts";
import { runtimeOf } from "../../support/fakes-http.ts";
import { productRoutes } from "../../support/fakes-routes.ts";

const { routes, signIns } = productRoutes();
const get = (type: string, caller = USER) =>
  runtimeOf(routes, { verifyCaller: async () => caller }).call(
    type === "" ? "connector-types-list" : "connector-types-get",
    {
      url: `https://latchkey.example/api/connector-types/${type}`,
      ...(type === "" ? {} : { params: { type } }),
    },
  );

describe("GET /connector-types", () => {
  test.each(ROLES)("%s reads all of it, and Azure is not asked", async (role) => {
    const { status, json } = await get("", { ...USER, roles: [role] });
    expect(status).toBe(200);
    expect(json).toMatchObject({ items: [{ type: "azure" }], continuationToken: null });
    expect(signIns).toEqual([]);
  });

  test("one without a role reads nothing", async () => {
    expect((await get("", { ...USER, roles: [] })).json.code).toBe("ROLE_REQUIRED");
  });

  test("azure: every type and method, usable here and on clients", async () => {
    const { json } = await get("azure");
    const { resourceTypes, authMethods, ...rest } = connectorTypeSchema.parse(json);
    expect(rest).toMatchObject({ name: "Azure Service Connector", type: "azure", local: true, remote: true });
    expect(resourceTypes.map(({ resourceType }) => resourceType)).toEqual([
      "azure-generic",
      "blob-container",
      "kubernetes-cluster",
      "docker-registry",
      "key-vault-secret",
    ]);
    const all = resourceTypes.map(({ resourceType }) => resourceType);
    expect(Object.fromEntries(authMethods.map((method) => [method.authMethod, method.resourceTypes]))).toEqual({
      implicit: all,
      "service-principal": all,
      "access-token": ["azure-generic", "kubernetes-cluster", "docker-registry"],
      "managed-identity": all,
      "workload-identity": all,
    });
  });

  test("the schemas are those of requests: what they demand makes a request that is taken", async () => {
    const { authMethods } = connectorTypeSchema.parse((await get("azure")).json);
    const values: Readonly<Record<string, string>> = {
      tenantId: TENANT,
      clientId: TENANT,
      clientSecret: SECRET,
      token: "token",
    };
    const filled = (schema: Readonly<Record<string, unknown>>) => {
      const required = (schema.required ?? []) as string[];
      // One of several, and the first will do: a schema cannot say so to every reader, its description does.
      const [first] = Object.keys(schema.properties ?? {});
      const isChoice = required.length === 0 && schema.description !== undefined && first !== undefined;
      return Object.fromEntries((isChoice ? [first] : required).map((name) => [name, values[name]]));
    };
    for (const { authMethod, configuration, secrets } of authMethods) {
      const request = { name: "c", authMethod, configuration: filled(configuration), secrets: filled(secrets) };
      expect([authMethod, connectorRequestSchema.safeParse(request).success]).toEqual([authMethod, true]);
    }
    expect(authMethods.map(({ secrets }) => Object.keys(secrets.properties ?? {}))).toEqual([
      [],
      ["clientSecret", "certificate"],
      ["token"],
      [],
      [],
    ]);
  });

  test.each([
    ["aws", "NOT_FOUND"],
    ["__proto__", "INVALID_REQUEST"],
  ])("%s is none", async (type, code) => {
    expect((await get(type)).json.code).toBe(code);
  });
});
