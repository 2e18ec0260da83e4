/** `npm run demo`: the main job on a fresh local system, step by step; exits non-zero at the first surprise. */
import { mkdtempSync, rmSync } from "node:fs";
import { setGlobalProxyFromEnv } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import pc from "picocolors";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { startLocalSystem } from "../../infra/local/system.ts";
import { buildBundle } from "../build.ts";
import { proveTrail } from "./audit-trail.ts";
import { connect } from "./connect.ts";
import { lendBlob } from "./lend-blob.ts";
import { lendCluster } from "./lend-cluster.ts";
import { lendImages } from "./lend-images.ts";
import { lendSecret } from "./lend-secret.ts";
import { purge } from "./purge.ts";
import { createStage } from "./stage.ts";

const stage = createStage(
  (line) => console.log(line),
  () => performance.now(),
);
const stateDir = mkdtempSync(join(tmpdir(), "latchkey-demo-"));
const ends: (() => Promise<void> | void)[] = [() => rmSync(stateDir, { recursive: true, force: true })];
const startedAt = performance.now();

try {
  console.log(`${pc.bold("Latchkey")}  scoped, short-lived, recorded credentials for ML platforms on Azure`);
  stage.chapter("A whole local Azure, and the app on it");
  await stage.step("Build the bundle", async (show) => {
    show.fact("bundle", `dist/main.mjs, ${Math.round((await buildBundle()) / 1024)} KiB`);
  });
  const system = await stage.step(
    "Start Entra, ARM, Key Vault, Storage, registries, clusters and the Functions host",
    async (show) => {
      const started = await startLocalSystem({ stateDir, appRoot: fileURLToPath(new URL("../..", import.meta.url)) });
      ends.push(() => started.stop());
      show.fact("api", `${started.apiUrl}/api`);
      show.fact("azure", `its real host names, through the proxy ${started.proxyUrl}`);
      return started;
    },
  );
  ends.push(enterLocalAzure(system));
  // The SDKs look at the proxy by themselves, Node's own fetch does not.
  ends.push(setGlobalProxyFromEnv(process.env));

  await lendBlob(stage, system);
  await lendSecret(stage, system);
  await lendImages(stage, system);
  await lendCluster(stage, system);
  await purge(stage, system);
  await connect(stage, system);
  await proveTrail(stage, system);

  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`\n${pc.green(pc.bold("All as it should be."))} ${stage.steps} steps in ${seconds} s.`);
  console.log(`Next: ${pc.cyan("npm start")} keeps the system running and prints a first call to paste.`);
} catch (error) {
  console.error(`\n${pc.red("The demo stopped:")} ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  for (const end of ends.reverse()) await end();
}
