/** Looks into a cluster with a lent kubeconfig: by kubectl where it is installed, else by the cluster's JavaScript client. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiException, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { hasProgram, runProgram } from "./programs.ts";
import { Surprise } from "./stage.ts";

/** What came: names of what was listed, or why it was refused. */
export type Looked = { readonly names: readonly string[]; readonly refused: null | "Forbidden" | "Unauthorized" };
/** What the demo looks at. */
export type ClusterClient = {
  /** How it is shown. */
  readonly name: string;
  list(kubeconfig: string, kind: "pods" | "secrets", namespace: string): Promise<Looked>;
};

/** @param env sends programs to the local Azure */
export async function openClusterClient(
  env: Readonly<Record<string, string>>,
  proxyUrl: string,
): Promise<ClusterClient> {
  return (await hasProgram("kubectl", ["version", "--client"])) ? kubectl(env) : library(proxyUrl);
}

function kubectl(env: Readonly<Record<string, string>>): ClusterClient {
  return {
    name: "kubectl",
    async list(kubeconfig, kind, namespace) {
      const home = mkdtempSync(join(tmpdir(), "latchkey-demo-kubeconfig-"));
      try {
        const file = join(home, "config");
        writeFileSync(file, kubeconfig, { mode: 0o600 });
        const args = ["--kubeconfig", file, "--namespace", namespace, "get", kind, "--output", "name"];
        const { code, stdout, stderr } = await runProgram("kubectl", args, { ...env, HOME: home });
        if (code === 0) return { names: stdout.split("\n").filter((line) => line !== ""), refused: null };
        if (stderr.includes("(Forbidden)")) return { names: [], refused: "Forbidden" };
        if (/logged in|Unauthorized/.test(stderr)) return { names: [], refused: "Unauthorized" };
        throw new Surprise(`kubectl failed: ${stderr.trim()}`);
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    },
  };
}

function library(proxyUrl: string): ClusterClient {
  return {
    name: "the JavaScript client",
    async list(kubeconfig, kind, namespace) {
      const config = new KubeConfig();
      config.loadFromString(kubeconfig);
      config.clusters = config.clusters.map((cluster) => ({ ...cluster, proxyUrl }));
      const api = config.makeApiClient(CoreV1Api);
      try {
        const { items } =
          kind === "pods" ? await api.listNamespacedPod({ namespace }) : await api.listNamespacedSecret({ namespace });
        const singular = kind === "pods" ? "pod" : "secret";
        return { names: items.map(({ metadata }) => `${singular}/${metadata?.name}`), refused: null };
      } catch (error) {
        if (error instanceof ApiException && error.code === 403) return { names: [], refused: "Forbidden" };
        if (error instanceof ApiException && error.code === 401) return { names: [], refused: "Unauthorized" };
        throw error;
      }
    },
  };
}
