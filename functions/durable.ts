/**
 * Durable functions without their library at every cold start: it takes longer to load than all else of the app, and most
 * starts never need it. Registered as the library itself does it, with the handler behind an import().
 */
import { type FunctionInput, type app as functionsApp, type InvocationContext, input, trigger } from "@azure/functions";
import type { DurableClient, OrchestrationHandler } from "durable-functions";
import { lazy } from "../shared/lazy.ts";

/** Where functions are registered. */
export type DurableApp = Pick<typeof functionsApp, "generic">;

/** Registers an orchestration. @param load of its handler, called at its first turn */
export function registerOrchestration(app: DurableApp, name: string, load: () => Promise<OrchestrationHandler>): void {
  const orchestrator = lazy(async () => {
    // What the library's own registration wraps handlers with; it is not exported besides.
    const { createOrchestrator } = await import("durable-functions/lib/src/util/testingUtils.js");
    return createOrchestrator(await load());
  });
  app.generic(name, {
    trigger: trigger.generic({ type: "orchestrationTrigger" }),
    handler: async (turn: unknown, context: InvocationContext) => (await orchestrator())(turn, context),
  });
}

/** Registers an activity. */
export function registerActivity(
  app: DurableApp,
  name: string,
  handler: (input: unknown, context: InvocationContext) => Promise<unknown>,
): void {
  app.generic(name, { trigger: trigger.generic({ type: "activityTrigger" }), handler });
}

/** The binding through which a function reaches its durable client. */
export function durableClientInput(): FunctionInput {
  return input.generic({ type: "durableClient" });
}

/** The client of an invocation. @param context of a function with `durableClientInput` */
export async function durableClientOf(context: InvocationContext): Promise<DurableClient> {
  const { getClient } = await import("durable-functions");
  return getClient(context);
}
