/** The API description, OpenAPI 3.1, from the schemas that validate. Used by status.ts and `npm run openapi`. */
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from "zod-openapi";
import { problemSchema } from "./problem.ts";
import type { Route } from "./route.ts";

/** Describes the routes; the generator is loaded here, since most processes are never asked. */
export async function describeApi(routes: readonly Route[], version: string) {
  const { createDocument } = await import("zod-openapi");
  const paths: ZodOpenApiPathsObject = {};
  for (const declared of routes) {
    const path = `/api/${declared.path}`;
    paths[path] = { ...paths[path], [declared.method.toLowerCase()]: operation(declared) };
  }
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "Latchkey",
      version,
      description: "Scoped, short-lived, recorded credentials for machine-learning platforms on Azure.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      securitySchemes: {
        entra: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "Access token of Microsoft Entra for this service",
        },
      },
    },
  });
}

function operation(declared: Route): ZodOpenApiOperationObject {
  const { status, description, schema, textType } = declared.answer;
  const problem = {
    description: "An error; `code` says which",
    content: { "application/problem+json": { schema: problemSchema } },
  };
  return {
    operationId: declared.name,
    summary: declared.summary,
    ...(declared.access === "anonymous"
      ? { security: [] }
      : { security: [{ entra: [] }], description: `Needs the app role ${declared.access.join(" or ")}.` }),
    requestParams: { path: declared.params, query: declared.query },
    ...(declared.body === null
      ? {}
      : {
          requestBody: {
            required: declared.isBodyOptional !== true,
            content: { "application/json": { schema: declared.body } },
          },
        }),
    responses: {
      [`${status}` as "200"]: {
        description,
        ...(schema === undefined
          ? {}
          : {
              content: {
                "application/json": { schema },
                ...(textType === undefined ? {} : { [textType]: { schema: { type: "string" } } }),
              },
            }),
      },
      ...(declared.access === "anonymous" ? {} : { default: problem }),
    },
  };
}
