/** Measures one purge by its steps alone, over HTTP against a local registry in a process of its own. Forked by purge-scenario.ts. */
import { fork } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pMap from "p-map";
import { z } from "zod";
import { enterLocalAzure } from "../../infra/local/in-process-client.ts";
import { createContentTokens } from "../../shared/azure/acr-access.ts";
import { createOpenRegistryContent } from "../../shared/azure/acr-content.ts";
import { createConnectorIdentities } from "../../shared/azure/identity.ts";
import { openRegistryCalls } from "../../shared/azure/registry-calls.ts";
import { createRegistrySignIns } from "../../shared/azure/registry-sign-in.ts";
import type { OpenedRegistry } from "../../shared/purge/ports.ts";
import { ALL_GO, countRequests, fill, type Outcome, prepareRegistry, scenarioSchema } from "./purge-scenario.ts";
import { purgeBySteps } from "./purge-steps.ts";

const REGISTRY = "demozenmlcontainerregistry";
const LOGIN_SERVER = `${REGISTRY}.azurecr.io`;
/** Repository of the comparison. */
const BARE = "bare/app";
/** Connections of the comparison: as many calls as the product makes at once. */
const CONNECTIONS = 32;
const texts = z.record(z.string(), z.string());
const azureSchema = z.object({
  controlUrl: z.string(),
  ca: z.string(),
  clientEnv: texts,
  appEnv: texts,
  tenantId: z.string(),
  applications: z.array(z.object({ name: z.string(), clientId: z.string(), secret: z.string().optional() })),
});

const now = () => new Date();
const realClock = {
  clock: () => performance.now(),
  wait: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }),
  random: Math.random,
};
const identities = createConnectorIdentities();
const scenario = scenarioSchema.parse(JSON.parse(process.argv[2] ?? ""));
const azure = fork(fileURLToPath(new URL("./purge-azure.ts", import.meta.url)));
const ended = once(azure, "exit");
try {
  const [started] = await once(azure, "message");
  const local = azureSchema.parse(started);
  enterLocalAzure(local);
  await prepareRegistry(local.controlUrl, LOGIN_SERVER, scenario);
  const cpuBefore = process.cpuUsage();
  const openContent = createOpenRegistryContent({ ...realClock, identities, now, proxies: process.env });
  const times = await purgeBySteps(openedBy(local), openContent, { connector: "bench", ...ALL_GO });
  const cpu = process.cpuUsage(cpuBefore);
  const { run, plan, apply, whole, slices } = times;
  const outcome: Outcome = {
    state: run.state,
    deleted: run.counts.deletedManifests,
    failed: run.counts.failed,
    plan,
    apply,
    whole,
    slices,
    requests: await countRequests(local.controlUrl),
    cpuSeconds: (cpu.user + cpu.system) / 1_000_000,
    bare: null,
  };
  if (scenario.isCompared) {
    await fill(local.controlUrl, LOGIN_SERVER, BARE, scenario.images);
    outcome.bare = await bareDeletes(openedBy(local));
  }
  process.send?.(outcome);
} finally {
  azure.disconnect();
  await ended;
  process.disconnect();
}

/** The registry as the connector of the seed's keeper sees it. */
function openedBy({ tenantId, applications }: z.output<typeof azureSchema>): OpenedRegistry {
  const keeper = applications.find(({ name }) => name === "registry-keeper");
  const place = { subscriptionId: "00000000-0000-4000-8000-000000000001", resourceGroup: "bench" };
  return {
    connector: { id: "00000000-0000-4000-8000-000000000002", name: "bench", expiresAt: null },
    resourceId: `/subscriptions/${place.subscriptionId}/resourceGroups/bench/providers/Microsoft.ContainerRegistry/registries/${REGISTRY}`,
    displayName: LOGIN_SERVER,
    signIn: {
      key: "bench",
      cloud: "public",
      authMethod: "service-principal",
      configuration: {
        tenantId,
        clientId: keeper?.clientId ?? "",
        subscriptionId: null,
        resourceGroup: null,
        storageAccount: null,
      },
      secret: { kind: "clientSecret", read: async () => keeper?.secret ?? "" },
    },
    registry: {
      ...place,
      registry: REGISTRY,
      tier: "Standard",
      loginServer: LOGIN_SERVER,
      mode: "legacy",
      adminUserEnabled: false,
      takesArmTokens: true,
    },
  };
}

/** Seconds that the deletes of all images of BARE take by themselves: what this registry, on this machine, lets anybody do. */
async function bareDeletes(opened: OpenedRegistry): Promise<number> {
  const signIns = createRegistrySignIns(openRegistryCalls(identities), now);
  const { token } = await createContentTokens({ signIns, now }, opened)({ action: "delete", repository: BARE });
  const content = createOpenRegistryContent({ ...realClock, identities, now, proxies: process.env })(opened);
  const digests: string[] = [];
  for await (const page of content.manifests(BARE, new AbortController().signal))
    digests.push(...page.map(({ digest }) => digest));
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, proxyEnv: process.env });
  const remove = async (digest: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const url = `https://${LOGIN_SERVER}/v2/${BARE}/manifests/${digest}`;
    const [answer]: IncomingMessage[] = await once(
      request(url, { method: "DELETE", agent, headers }).end(),
      "response",
    );
    if (answer?.statusCode !== 202) throw new Error(`a delete was answered with ${answer?.statusCode}`);
    await once(answer.resume(), "end");
  };
  const startedAt = performance.now();
  await pMap(digests, remove, { concurrency: CONNECTIONS });
  const seconds = (performance.now() - startedAt) / 1000;
  agent.destroy();
  return seconds;
}
