import { describe, expect, test } from "vitest";
import { z } from "zod";
import { describeApi } from "../../../functions/openapi.ts";
import type { Route } from "../../../functions/route.ts";
import { productRoutes } from "../../support/fakes-routes.ts";

const { routes } = productRoutes();
const operationSchema = z.looseObject({
  operationId: z.string(),
  summary: z.string().min(1),
  description: z.string().optional(),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  parameters: z
    .array(z.looseObject({ name: z.string(), in: z.enum(["path", "query"]), required: z.boolean().optional() }))
    .default([]),
  requestBody: z.looseObject({ required: z.boolean() }).optional(),
  responses: z.record(z.string(), z.looseObject({ description: z.string() })),
});
const documentSchema = z.looseObject({
  openapi: z.literal("3.1.0"),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  paths: z.record(
    z.string().startsWith("/api/"),
    z.partialRecord(z.enum(["get", "post", "put", "patch", "delete"]), operationSchema),
  ),
  components: z.looseObject({ securitySchemes: z.looseObject({ entra: z.looseObject({ type: z.literal("http") }) }) }),
});
const json: unknown = JSON.parse(JSON.stringify(await describeApi(routes, "1.2.3")));
const document = documentSchema.parse(json);

describe("describeApi", () => {
  test("is an OpenAPI 3.1 document of this version", () => {
    expect(document.info.version).toBe("1.2.3");
  });

  test("holds every route and no other", () => {
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => `${method} ${path} ${operation?.operationId}`),
    );
    const declared = routes.map(({ method, path, name }) => `${method.toLowerCase()} /api/${path} ${name}`);
    expect(described.toSorted()).toEqual(declared.toSorted());
  });

  test.each(routes.map((route) => [route.name, route] as const))(
    "%s: role, parameters, body and answers",
    (_name, route) => {
      const operation = operationSchema.parse(Object(document.paths[`/api/${route.path}`])[route.method.toLowerCase()]);
      if (route.access === "anonymous") expect(operation.security).toEqual([]);
      else {
        expect(operation.security).toEqual([{ entra: [] }]);
        for (const role of route.access) expect(operation.description).toContain(role);
        expect(operation.responses).toHaveProperty("default.content.application/problem+json");
      }
      const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const described = operation.parameters.filter((parameter) => parameter.in === "path");
      expect(described.map(({ name }) => name)).toEqual(inPath);
      expect(described.every(({ required }) => required === true)).toBe(true);
      const inQuery = operation.parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name);
      expect(inQuery.toSorted()).toEqual(Object.keys(route.query.shape).toSorted());
      expect(operation.requestBody?.required).toBe(route.body === null ? undefined : route.isBodyOptional !== true);
      expect(Object.keys(operation.responses)).toContain(String(route.answer.status));
    },
  );

  test("every reference leads somewhere, and what was written is 3.1, not 3.0", () => {
    const text = JSON.stringify(json);
    const references = [...text.matchAll(/"\$ref":"#([^"]+)"/g)].map(([, pointer]) => pointer ?? "");
    expect(references.length).toBeGreaterThan(0);
    for (const pointer of references) {
      const steps = pointer.split("/").slice(1);
      const target = steps.reduce<unknown>((value, step) => Object(value)[step], json);
      expect(target, pointer).toBeTypeOf("object");
    }
    expect(text).not.toContain('"nullable"');
  });

  test("nothing that a caller sends is described as sent by the service alone", () => {
    expect(JSON.stringify(document)).not.toContain('"readOnly"');
  });

  test("unknown fields are refused in the description as in the code", () => {
    const request = Object(document.components).schemas.CredentialRequest;
    expect(request.oneOf).toHaveLength(5);
    for (const form of request.oneOf) expect(form).toMatchObject({ type: "object", additionalProperties: false });
    const [life] = request.oneOf[0].properties.ttlSeconds.anyOf;
    expect(life).toMatchObject({ type: "integer", minimum: 60, maximum: 86_400 });
    expect(request.oneOf[0].properties.ttlSeconds.default).toBeNull();
  });
});

/** Pairs in which the first, asked first by the host, takes what is meant for the second. */
function shadowed(all: readonly Pick<Route, "name" | "method" | "path">[]): string[] {
  const takes = (template: string, path: string) => {
    const [steps, others] = [template.split("/"), path.split("/")];
    return (
      steps.length === others.length && steps.every((step, index) => step.startsWith("{") || step === others[index])
    );
  };
  return all.flatMap((first) =>
    all
      .filter((second) => first !== second && first.method === second.method)
      .filter((second) => first.name < second.name && takes(first.path, second.path))
      .map((second) => `${first.name} before ${second.name}`),
  );
}

describe("routes", () => {
  test("have names of the form file-verb, each once", () => {
    const files = [
      "access",
      "audit",
      "break-glass",
      "connector-types",
      "connector-verify",
      "connectors",
      "credentials",
      "identities",
      "leases",
      "purge-policies",
      "purge-runs",
      "resources",
      "secrets",
      "status",
    ];
    for (const { name } of routes) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)+$/);
      expect(files.filter((file) => name.startsWith(`${file}-`))).toHaveLength(1);
    }
    expect(new Set(routes.map(({ name }) => name)).size).toBe(routes.length);
  });

  test("none takes another's calls", () => {
    expect(shadowed(routes)).toEqual([]);
  });

  test("the check above sees one that would", () => {
    const get = (name: string, path: string) => ({ name, path, method: "GET" as const });
    const literal = get("connectors-verify", "connectors/verify");
    expect(shadowed([literal, get("connectors-get", "connectors/{nameOrId}")])).toEqual([
      "connectors-get before connectors-verify",
    ]);
    expect(shadowed([literal, get("connectors-view", "connectors/{nameOrId}")])).toEqual([]);
    expect(shadowed([literal, { ...get("connectors-get", "connectors/{nameOrId}"), method: "POST" }])).toEqual([]);
  });
});
