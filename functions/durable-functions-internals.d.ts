/** The one function of the library that it does not export; see durable.ts. */
declare module "durable-functions/lib/src/util/testingUtils.js" {
  import type { InvocationContext } from "@azure/functions";
  import type { OrchestrationHandler } from "durable-functions";

  /** What answers one turn of an orchestration. */
  export function createOrchestrator(
    handler: OrchestrationHandler,
  ): (turn: unknown, context: InvocationContext) => Promise<unknown>;
}
