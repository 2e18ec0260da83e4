/** A local Azure in a process of its own, so that the time and the memory of bench:purge are the product's. Forked by purge-child.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmulatedAzure } from "../../infra/local/emulated-azure.ts";

const stateDir = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
const azure = await startEmulatedAzure({ stateDir });
const { controlUrl, ca, clientEnv, appEnv, seed } = azure;
process.send?.({ controlUrl, ca, clientEnv, appEnv, tenantId: seed.tenant.id, applications: seed.applications });
process.once("disconnect", async () => {
  await azure.stop();
  rmSync(stateDir, { recursive: true, force: true });
});
