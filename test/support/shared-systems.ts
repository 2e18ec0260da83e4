/** The local systems that most e2e files share, one for each worker of Vitest. Started by e2e-setup.ts, asked by shared-system.ts. */
import type { AddressInfo } from "node:net";
import fastify from "fastify";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { createApi } from "./api.ts";
import { grantContainers } from "./containers.ts";
import { GRANTED } from "./granted.ts";
import { grantToAutomation } from "./policy.ts";
import { type System, startOwnSystem, WIDE_LIMITS } from "./system.ts";

/** Ends every system that was started. */
export type SharedSystems = {
  /** `GET <url>/<worker>` answers with that worker's `System`, which the first such request starts. */
  readonly url: string;
  stop(): Promise<void>;
};

/** Files that run at the same time have different workers, so no file sees another's faults or records come and go. */
export async function serveSharedSystems(): Promise<SharedSystems> {
  const systems = new Map<string, ReturnType<typeof startOwnSystem>>();
  let granting = Promise.resolve();
  const start = async () => {
    const running = await startOwnSystem(WIDE_LIMITS);
    // One after the other: what this process trusts is set while it speaks to a system.
    const granted = granting.then(() => grant(running));
    granting = granted.catch(() => {});
    try {
      await granted;
    } catch (error) {
      await running.stop();
      running.remove();
      throw error;
    }
    return running;
  };
  const app = fastify({ forceCloseConnections: true });
  app.get<{ Params: { worker: string } }>("/:worker", async ({ params: { worker } }): Promise<System> => {
    const started = systems.get(worker) ?? start();
    systems.set(worker, started);
    const { apiUrl, proxyUrl, controlUrl, ca, clientEnv, appEnv, seed, stateDir, hostLog, azuriteLog } = await started;
    return { apiUrl, proxyUrl, controlUrl, ca, clientEnv, appEnv, seed, stateDir, hostLog, azuriteLog };
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      await app.close();
      const ends = [...systems.values()].map(async (started) => {
        const running = await started.catch(() => undefined);
        await running?.stop();
        running?.remove();
      });
      await Promise.all(ends);
    },
  };
}

async function grant(running: System): Promise<void> {
  const leave = enterLocalAzure(running);
  try {
    const api = createApi(running);
    await grantToAutomation(running, api, GRANTED);
    await grantContainers(api);
  } finally {
    leave();
  }
}
