/** Global setup of the project `e2e`: builds the bundle once and starts the system that most files share. */
import type { TestProject } from "vitest/node";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { buildBundle } from "../../scripts/build.ts";
import { createApi } from "./api.ts";
import { GRANTED } from "./granted.ts";
import { grantToAutomation } from "./policy.ts";
import { startOwnSystem, WIDE_LIMITS } from "./system.ts";

/** Called by Vitest; what it returns is called at the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await buildBundle();
  const running = await startOwnSystem(WIDE_LIMITS);
  const { apiUrl, proxyUrl, controlUrl, ca, clientEnv, seed, stateDir, hostLog, azuriteLog } = running;
  project.provide("system", { apiUrl, proxyUrl, controlUrl, ca, clientEnv, seed, stateDir, hostLog, azuriteLog });
  const leave = enterLocalAzure(running);
  try {
    await grantToAutomation(running, createApi(running), GRANTED);
  } catch (error) {
    await running.stop();
    running.remove();
    throw error;
  } finally {
    leave();
  }
  return async () => {
    await running.stop();
    running.remove();
  };
}
