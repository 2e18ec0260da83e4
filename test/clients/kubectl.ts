/** kubectl with lent kubeconfigs, and what the API server answered it. Called by the tests with clusters in test/clients. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClientSystem } from "./client-system.ts";
import { CLUSTER, type Lender, type Met, meeting } from "./container-lending.ts";
import { containerTools, type KUBECTLS } from "./container-tools.ts";
import { type HttpAnswer, textAt } from "./lending.ts";

/** A version of it. */
export type Kubectl = (typeof KUBECTLS)[number];
/** A lent kubeconfig, also as a file. */
export type LentKubeconfig = {
  readonly answer: HttpAnswer;
  readonly text: string;
  readonly file: string;
  readonly context: string;
};
/** What tests do with clusters. */
export type ClusterClients = {
  /** @param wanted without a resource: of the cluster that most tests lend */
  lend(lender: Lender, wanted: object): Promise<LentKubeconfig>;
  /** A kubeconfig as a file. */
  write(text: string): string;
  /**
   * Runs kubectl with no settings or caches of an earlier run.
   * @param config a kubeconfig's file, or several with colons between them
   */
  kubectl(
    version: Kubectl,
    config: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<Met>;
};

/** @param system the files go when it stops */
export function clusterClients(system: ClientSystem): ClusterClients {
  const tools = containerTools(system);
  const write = (text: string) => {
    const file = join(mkdtempSync(join(system.home, "kubeconfig-")), "config");
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  return {
    write,
    async lend(lender, wanted) {
      const answer = await lender.lend({ resourceId: CLUSTER, ...wanted });
      const text = textAt(answer, "credential", "kubeconfig");
      return { answer, text, file: write(text), context: textAt(answer, "credential", "context") };
    },
    kubectl: (version, config, args, env = {}) =>
      meeting(system, () => tools.run(version, args, { env: { ...env, KUBECONFIG: config } })),
  };
}
