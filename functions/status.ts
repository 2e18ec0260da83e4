/** HTTP routes about the service itself: health, status and the API description. */
import { z } from "zod";
import { LatchkeyError } from "../shared/errors.ts";
import { utc } from "../shared/time.ts";
import { nothing, type Route, route } from "./route.ts";

const statusSchema = z
  .object({
    version: z.string(),
    now: z.iso.datetime().describe("the clock of the machine that answered"),
    dependencies: z.array(
      z.object({
        name: z.string(),
        ok: z.boolean().describe("now; the key vault is asked once a minute, so what it says may be that old"),
        code: z.string().nullable().describe("what a request that needs it would be answered with"),
      }),
    ),
    irrevocableLeases: z
      .int()
      .nullable()
      .describe("leases whose leftovers in Azure could not be removed, at most 1000 counted; null: not known now"),
  })
  .meta({ id: "Status" });

/** What these routes need. */
export type StatusRoutesDeps = {
  /** Of the app. */
  readonly version: string;
  readonly now: () => Date;
  /** Asks each dependency for something small. @throws LatchkeyError with the code of what is wrong */
  readonly probes: Readonly<Record<string, () => Promise<unknown>>>;
  /** @throws UpstreamError STATE_UNAVAILABLE */
  readonly countIrrevocable: () => Promise<number>;
};

/** @param describe makes the OpenAPI document; called at the first request for it */
export function statusRoutes(deps: StatusRoutesDeps, describe: () => Promise<unknown>): Route[] {
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
      name: "status-get",
      method: "GET",
      path: "status",
      // Each call asks every dependency.
      isLimited: true,
      access: ["Latchkey.Admin", "Latchkey.Auditor", "Latchkey.Approver"],
      summary: "Whether what the service needs answers, its version and clock, and what an operator must look at",
      params: nothing,
      query: nothing,
      body: null,
      answer: { status: 200, description: "Also when something is down: it says what", schema: statusSchema },
      handle: async () => {
        const asked = Object.entries(deps.probes).map(async ([name, probe]) => {
          const code = await codeOf(probe());
          return { name, ok: code === null, code };
        });
        const [irrevocableLeases, dependencies] = await Promise.all([
          deps.countIrrevocable().catch(nullOf),
          Promise.all(asked),
        ]);
        return { status: 200, body: { version: deps.version, now: utc(deps.now()), dependencies, irrevocableLeases } };
      },
    }),
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

/** For what a dependency says; a defect stays one. */
function nullOf(error: unknown): null {
  if (error instanceof LatchkeyError) return null;
  throw error;
}

/** Null when it worked. */
async function codeOf(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof LatchkeyError) return error.code;
    throw error;
  }
}
