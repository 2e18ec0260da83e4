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
  "apiUrl" | "proxyUrl" | "controlUrl" | "ca" | "clientEnv" | "appEnv" | "seed" | "stateDir" | "hostLog" | "azuriteLog"
>;

/** Settings for files that ask as one caller for what a hundred would ask for. */
export const WIDE_LIMITS = { LATCHKEY_MAX_ISSUES_PER_SECOND: "10000", LATCHKEY_MAX_ACTIVE_LEASES: "10000" };

/**
 * A system on free ports, with a temporary state folder that `remove` deletes. The bundle is built already.
 * @param env settings of the app that differ from those of local.settings.sample.json
 */
export async function startOwnSystem(
  env: Readonly<Record<string, string>> = {},
): Promise<LocalSystem & { remove(): void }> {
  const stateDir = mkdtempSync(join(tmpdir(), "latchkey-e2e-"));
  const remove = () => rmSync(stateDir, { recursive: true, force: true });
  try {
    const running = await startLocalSystem({ stateDir, appRoot: APP_ROOT, env });
    await widenStorageLimit(running.controlUrl);
    return { ...running, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The tests of a file, or of files in a row, ask one subscription for more lists in five minutes than the storage provider gives. */
async function widenStorageLimit(controlUrl: string): Promise<void> {
  const body = JSON.stringify({ storageListsPerFiveMinutes: 100_000 });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${controlUrl}/arm`, { method: "PATCH", headers, body });
  if (!response.ok) throw new Error(`the control endpoint refused: ${await response.text()}`);
}
