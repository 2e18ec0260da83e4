/** The whole local system for e2e tests, which speak to it through HTTP alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type LocalSystem, startLocalSystem } from "../../infra/local/system.ts";

const APP_ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Where a running system is found, and its seed: everything that can be sent to another process. */
export type System = Pick<
  LocalSystem,
  "apiUrl" | "proxyUrl" | "controlUrl" | "ca" | "clientEnv" | "seed" | "stateDir" | "hostLog" | "azuriteLog"
>;

/** A system on free ports, with a temporary state folder that `remove` deletes. The bundle is built already. */
export async function startOwnSystem(): Promise<LocalSystem & { remove(): void }> {
  const stateDir = mkdtempSync(join(tmpdir(), "latchkey-e2e-"));
  const remove = () => rmSync(stateDir, { recursive: true, force: true });
  try {
    return { ...(await startLocalSystem({ stateDir, appRoot: APP_ROOT })), remove };
  } catch (error) {
    remove();
    throw error;
  }
}
