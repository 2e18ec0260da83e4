/** One purge by the whole local system over HTTP: policy, orchestration, stores, trail. Used by purge-requests.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { startLocalSystem } from "../../infra/local/system.ts";
import { buildBundle } from "../build.ts";
import { applicationOf, createClient, passwordToken } from "../demo/latchkey-client.ts";
import { ALL_GO, countRequests, type Outcome, prepareRegistry, type Scenario } from "./purge-scenario.ts";

const LOGIN_SERVER = "demozenmlcontainerregistry.azurecr.io";
const CONNECTOR = "bench";
/** Between two looks at the run: each is a request of its own. */
const LOOK_MS = 500;
const OPEN_STATES: ReadonlySet<string> = new Set(["queued", "planning", "applying"]);
const runSchema = z.object({
  id: z.string(),
  state: z.string(),
  counts: z.object({ deletedManifests: z.int(), failed: z.int() }),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
});

/** Starts a local system, and ends it. @throws Error for an answer that is none of success */
export async function measureSystem(scenario: Scenario): Promise<Outcome> {
  await buildBundle();
  const stateDir = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
  const ends: (() => Promise<void> | void)[] = [() => rmSync(stateDir, { recursive: true, force: true })];
  try {
    const system = await startLocalSystem({ stateDir, appRoot: fileURLToPath(new URL("../..", import.meta.url)) });
    ends.push(() => system.stop());
    ends.push(enterLocalAzure(system));
    const admin = createClient(system.apiUrl, await passwordToken(system.seed, "admin@zenmldemo.onmicrosoft.com"));
    const call = async (answer: ReturnType<typeof admin.call>) => {
      const { status, body } = await answer;
      if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
      return body;
    };
    const { clientId, secret } = applicationOf(system.seed, "registry-keeper");
    await call(
      admin.call("POST", "connectors", {
        name: CONNECTOR,
        authMethod: "service-principal",
        configuration: { tenantId: system.seed.tenant.id, clientId },
        secrets: { clientSecret: secret },
      }),
    );
    const policy = `registries/${LOGIN_SERVER}/purge-policies/bench`;
    await call(admin.create(policy, { connector: CONNECTOR, ...ALL_GO }));
    await prepareRegistry(system.controlUrl, LOGIN_SERVER, scenario);
    let run = runSchema.parse(await call(admin.call("POST", `${policy}/runs`, { planId: null })));
    let isApplyingAt = Number.NaN;
    while (OPEN_STATES.has(run.state)) {
      await sleep(LOOK_MS);
      run = runSchema.parse(await call(admin.call("GET", `purge-runs/${run.id}`)));
      if (run.state !== "queued" && run.state !== "planning" && Number.isNaN(isApplyingAt)) isApplyingAt = Date.now();
    }
    const [startedAt, endedAt] = [Date.parse(run.startedAt), Date.parse(run.endedAt ?? "")];
    return {
      state: run.state,
      deleted: run.counts.deletedManifests,
      failed: run.counts.failed,
      plan: (isApplyingAt - startedAt) / 1000,
      apply: (endedAt - isApplyingAt) / 1000,
      whole: (endedAt - startedAt) / 1000,
      slices: 0,
      requests: await countRequests(system.controlUrl),
      cpuSeconds: null,
      bare: null,
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
