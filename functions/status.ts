/** HTTP routes about the service itself: health and the API description. */
import { z } from "zod";
import { nothing, type Route, route } from "./route.ts";

/** @param describe makes the OpenAPI document; called at the first request for it */
export function statusRoutes(describe: () => Promise<unknown>): Route[] {
  return [
    {
      name: "status-health",
      method: "GET",
      path: "health",
      access: "anonymous",
      summary: "Whether the app runs; asks nothing of its dependencies",
      params: nothing,
      query: nothing,
      body: null,
      answer: {
        status: 200,
        description: "It runs",
        schema: z.object({ status: z.literal("ok") }).meta({ id: "Health" }),
      },
      handle: async () => ({ status: 200, body: { status: "ok" } }),
    },
    route({
      name: "status-openapi",
      method: "GET",
      path: "openapi.json",
      access: ["Latchkey.Admin"],
      summary: "This description",
      params: nothing,
      query: nothing,
      body: null,
      answer: { status: 200, description: "An OpenAPI 3.1 document", schema: z.looseObject({ openapi: z.string() }) },
      handle: async () => ({ status: 200, body: await describe() }),
    }),
  ];
}
