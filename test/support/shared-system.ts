/** The shared system of this worker, for the files that neither kill nor search it. */
import { afterAll, beforeAll, inject } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import type { System } from "./system.ts";

declare module "vitest" {
  // An interface, since Vitest's own is extended.
  interface ProvidedContext {
    /** See shared-systems.ts. */
    sharedSystems: string;
  }
}

// Asked for when the module is loaded, so that only the files that import it wait for a start.
const system = await systemOf(process.env.VITEST_POOL_ID ?? "");

/** SDK clients that the test file makes in its hooks and tests reach the local Azure under its real host names. */
export function sharedSystem(): System {
  let leave = () => {};
  beforeAll(() => {
    leave = enterLocalAzure(system);
  });
  afterAll(() => leave());
  return system;
}

/** @param worker number from 1 on that no other file has while this one runs */
async function systemOf(worker: string): Promise<System> {
  const answer = await fetch(`${inject("sharedSystems")}/${worker}`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the shared system does not start: ${text}`);
  return JSON.parse(text);
}
