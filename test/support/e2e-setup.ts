/** Global setup of the project `e2e`: builds the bundle once and starts the system that most files share. */
import type { TestProject } from "vitest/node";
import { buildBundle } from "../../scripts/build.ts";
import { startOwnSystem } from "./system.ts";

/** Called by Vitest; what it returns is called at the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await buildBundle();
  const running = await startOwnSystem();
  const { apiUrl, proxyUrl, controlUrl, ca, clientEnv, seed, stateDir, hostLog, azuriteLog } = running;
  project.provide("system", { apiUrl, proxyUrl, controlUrl, ca, clientEnv, seed, stateDir, hostLog, azuriteLog });
  return async () => {
    await running.stop();
    running.remove();
  };
}
