/** The system that e2e-setup.ts started, for the files that neither kill nor search it. */
import { afterAll, beforeAll, inject } from "vitest";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import type { System } from "./system.ts";

declare module "vitest" {
  // An interface, since Vitest's own is extended.
  interface ProvidedContext {
    system: System;
  }
}

/** SDK clients that the test file makes in its hooks and tests reach the local Azure under its real host names. */
export function sharedSystem(): System {
  const system = inject("system");
  let leave = () => {};
  beforeAll(() => {
    leave = enterLocalAzure(system);
  });
  afterAll(() => leave());
  return system;
}
