/** A part of the demo: a kubeconfig for one namespace is borrowed, used, and dead once it is given back. */
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { LocalSystem } from "../../infra/local/system.ts";
import { CLUSTER, CONTAINERS_CONNECTOR, PLACE } from "./allow-containers.ts";
import { type ClusterClient, openClusterClient } from "./cluster-client.ts";
import { type Client, createClient, passwordToken, problemSchema, read } from "./latchkey-client.ts";
import { expectEqual, type Stage, Surprise } from "./stage.ts";

const PATH = `connectors/${CONTAINERS_CONNECTOR}/credentials`;
/** API servers go by a token that they know for 10 seconds; the rest is for a busy machine. */
const MAX_TRIES = 60;
const TRY_EVERY_MS = 500;

const kubeconfigSchema = z.object({
  leaseId: z.string(),
  expiresAt: z.string(),
  exposedUntil: z.string(),
  rule: z.string(),
  revocation: z.literal("immediate"),
  credential: z.object({ kubeconfig: z.string(), context: z.string(), namespace: z.literal("vision") }),
});
const revokedSchema = z.object({ done: z.array(z.string()), notDone: z.array(z.string()) });

/** @param system where allowContainers has set the grants */
export async function lendCluster(stage: Stage, system: LocalSystem): Promise<void> {
  stage.chapter("A data scientist looks into one namespace of a cluster");
  const token = await passwordToken(system.seed, "scientist@zenmldemo.onmicrosoft.com");
  const scientist = createClient(system.apiUrl, token);
  const cluster = await openClusterClient(system.clientEnv, system.proxyUrl);
  const { leaseId, kubeconfig } = await borrow(stage, scientist);
  await look(stage, cluster, kubeconfig);
  await wider(stage, scientist);
  await giveBack(stage, scientist, cluster, leaseId, kubeconfig);
}

function ask(scientist: Client, wanted: object) {
  return scientist.call("POST", PATH, { resourceType: "kubernetes-cluster", resourceId: CLUSTER, ...PLACE, ...wanted });
}

function borrow(stage: Stage, scientist: Client): Promise<{ leaseId: string; kubeconfig: string }> {
  return stage.step(`POST /api/${PATH}: a kubeconfig for the namespace vision`, async (show) => {
    const wanted = { access: ["use"], scope: { namespace: "vision" }, ttlSeconds: 900 };
    const { leaseId, credential, ...lease } = read(await ask(scientist, wanted), 201, kubeconfigSchema);
    show.fact("context", `${credential.context}, namespace ${credential.namespace}, by ${lease.rule}`);
    show.fact("expires", `${lease.expiresAt} (${lease.revocation})`);
    return { leaseId, kubeconfig: credential.kubeconfig };
  });
}

async function look(stage: Stage, cluster: ClusterClient, kubeconfig: string): Promise<void> {
  await stage.step(`List pods with ${cluster.name}; Secrets and other namespaces are refused`, async (show) => {
    const pods = await cluster.list(kubeconfig, "pods", "vision");
    expectEqual("refused", pods.refused, null);
    expectEqual("pods are there", pods.names.length > 0, true);
    show.fact("pods", pods.names.join(", "));
    for (const [kind, namespace] of [
      ["secrets", "vision"],
      ["pods", "speech"],
      ["secrets", "speech"],
    ] as const) {
      const { refused } = await cluster.list(kubeconfig, kind, namespace);
      expectEqual(`${kind} of ${namespace}`, refused, "Forbidden");
      show.fact(`${kind}`, `of ${namespace}: ${refused}, by the cluster`);
    }
  });
}

async function wider(stage: Stage, scientist: Client): Promise<void> {
  await stage.step("Anything wider is refused by Latchkey", async (show) => {
    const asked: [string, object, string][] = [
      ["another namespace", { access: ["use"], scope: { namespace: "speech" } }, "SCOPE_TOO_WIDE"],
      ["a token for every cluster", { access: ["use"], form: "entra-token" }, "SCOPE_TOO_WIDE"],
      ["the administrator's certificate", { access: ["admin"], form: "admin" }, "SCOPE_TOO_WIDE"],
    ];
    const rows: string[][] = [];
    for (const [what, wanted, code] of asked) {
      const { status, body } = await ask(scientist, wanted);
      expectEqual(what, problemSchema.parse(body).code, code);
      rows.push([what, String(status), code]);
    }
    show.table(["ASKED FOR", "STATUS", "CODE"], rows);
  });
}

async function giveBack(
  stage: Stage,
  scientist: Client,
  cluster: ClusterClient,
  leaseId: string,
  kubeconfig: string,
): Promise<void> {
  await stage.step("DELETE /api/leases/{id}: the kubeconfig is dead", async (show) => {
    const { done, notDone } = read(await scientist.call("DELETE", `leases/${leaseId}`), 200, revokedSchema);
    for (const what of [...done, ...notDone]) show.fact("done", what);
    const revokedAt = performance.now();
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const { refused } = await cluster.list(kubeconfig, "pods", "vision");
      if (refused === "Unauthorized") {
        const seconds = ((performance.now() - revokedAt) / 1000).toFixed(1);
        return show.fact(
          "pods",
          `Unauthorized, by the cluster, which goes by what it has seen for 10 s: after ${seconds} s`,
        );
      }
      await wait(TRY_EVERY_MS);
    }
    throw new Surprise("the kubeconfig still works");
  });
}
