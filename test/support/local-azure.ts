/** The local Azure for contract tests: `fetch` and unmodified SDK clients made after `startLocalAzure` just work. */
import { mkdtempSync, rmSync } from "node:fs";
import { setGlobalProxyFromEnv } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmulatedAzure, startEmulatedAzure } from "../../infra/local/emulated-azure.ts";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";

/** A local Azure without the Functions host, on free ports. */
export type LocalAzure = EmulatedAzure;
/**
 * One a test file: it sets the proxy, the managed identity endpoint and the trusted certificates of this process.
 * @param options.settleMs milliseconds until a deletion or recovery shows in a key vault
 * @param options.revocationDelayMs milliseconds until revoked user delegation keys stop working; 0 if left out
 * @param options.stateDir kept after `stop`; without it, a temporary folder that `stop` removes
 */
export async function startLocalAzure(
  options: Pick<
    Parameters<typeof startEmulatedAzure>[0],
    "settleMs" | "revocationDelayMs" | "tokenSettleMs" | "tokenRevocationDelayMs"
  > & { readonly stateDir?: string } = {},
): Promise<LocalAzure> {
  const stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), "latchkey-azure-"));
  const system = await startEmulatedAzure({ ...options, stateDir });
  const leave = enterLocalAzure(system);
  // For Node's own fetch, by which the product asks for keys of issuers.
  const proxyOff = setGlobalProxyFromEnv(process.env);
  return {
    ...system,
    async stop() {
      proxyOff();
      await system.stop();
      leave();
      if (options.stateDir === undefined) rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
