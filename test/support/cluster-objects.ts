/** Many objects put into a local cluster before it starts: sent one by one they would take minutes. For contract tests. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { resourceOfKind } from "../../infra/local/azure/kubernetes/api-resources.ts";
import { clusterContents } from "../../infra/local/azure/kubernetes/cluster-contents.ts";
import { clusterHost } from "../../infra/local/azure/kubernetes/cluster-identity.ts";
import { newObject } from "../../infra/local/azure/kubernetes/object-operations.ts";
import { placed } from "../../infra/local/placed-resources.ts";
import { loadSeed } from "../../infra/local/seed.ts";
import { openStateStore } from "../../infra/local/state.ts";

/** An object with all that the server would not add; `name` as metadata has it. */
export type WantedClusterObject = {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
};

/**
 * @param stateDir of a local Azure that is not running and never ran this cluster
 * @throws Error when the seed has no such cluster
 */
export function fillCluster(
  stateDir: string,
  group: string,
  name: string,
  objects: readonly WantedClusterObject[],
): void {
  const seed = loadSeed();
  const all = placed(seed, "Microsoft.ContainerService/managedClusters", (one) => one.clusters);
  const found = all.find((one) => one.group.name === group && one.name === name);
  if (found === undefined) throw new Error(`no cluster ${group}/${name}`);
  const { fqdn } = clusterHost(found.id, found.resource, found.location);
  const deps = { now: () => new Date(), newId: randomUUID };
  const contents = clusterContents(seed, found.resource.contents, deps);
  const document = openStateStore(join(stateDir, "state")).document(
    `kubernetes-${fqdn.replace(/\..*$/, "")}`,
    () => contents,
  );
  document.update((state) => {
    for (const { kind, namespace, name: called, body } of objects) {
      state.objects.push(newObject(resourceOfKind(kind), namespace, called, body, { deps, revision: 1 }));
    }
  });
}
