/** Reads from the clusters of a registry which of its images they use. Used by prepare.ts and, again, while applying. */
import pMap from "p-map";
import { LatchkeyError } from "../../errors.ts";
import type { ListClusterImages, OpenCluster } from "../ports.ts";
import { readReference } from "./image-reference.ts";
import { type InUse, inUseMaker } from "./in-use.ts";

/** A cluster that may use images of a registry, from the server's settings. */
export type RegistryCluster = {
  /** Connector that may read the cluster. */
  readonly connector: string;
  /** Of the cluster. */
  readonly resourceId: string;
  /** What it may use: names, `prefix/*` or `*`. All of it is kept where the cluster cannot be read and the policy says so. */
  readonly repositories: readonly string[];
};

/** What the reading needs. */
export type ReadInUseDeps = { readonly openCluster: OpenCluster; readonly listClusterImages: ListClusterImages };

/** What is told of a registry for which the server's settings name no cluster: in each run, and when a policy is saved. */
export const NO_CLUSTERS_WARNING =
  "The server's settings name no cluster for this registry (LATCHKEY_PURGE_REGISTRIES): nothing is known to be in use.";

/** What was read, and for people which clusters were not. */
export type ReadInUse = { readonly inUse: InUse; readonly warnings: readonly string[] };

/** A cluster cannot be read, and the policy says that nothing may be deleted then. */
export class ClusterUnreadableError extends Error {
  readonly code = "CLUSTER_UNREADABLE";
  readonly resourceId: string;
  constructor(resourceId: string, cause: unknown) {
    super(`It could not be read which images the cluster ${resourceId} uses.`, { cause });
    this.name = new.target.name;
    this.resourceId = resourceId;
  }
}

/** Clusters that are read at once. */
const CLUSTERS_AT_ONCE = 4;

/**
 * All that the clusters use of the registry.
 * @param onUnreadable of the policy: `keep` keeps all that such a cluster may use, whatever of it was read
 * @throws ClusterUnreadableError for `stop`; UpstreamError STATE_UNAVAILABLE; the signal's reason when it is aborted
 */
export async function readInUse(
  deps: ReadInUseDeps,
  clusters: readonly RegistryCluster[],
  onUnreadable: "stop" | "keep",
  loginServer: string,
  signal: AbortSignal,
): Promise<ReadInUse> {
  const maker = inUseMaker();
  const server = loginServer.toLowerCase();
  const readCluster = async ({ connector, resourceId, repositories }: RegistryCluster): Promise<string[]> => {
    try {
      signal.throwIfAborted();
      const opened = await deps.openCluster(connector, resourceId);
      for await (const text of deps.listClusterImages(opened, signal)) {
        const image = readReference(text, server);
        if (image !== null) maker.addImage(image, resourceId);
      }
      return [];
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof LatchkeyError && error.code === "STATE_UNAVAILABLE") throw error;
      if (onUnreadable === "stop") throw new ClusterUnreadableError(resourceId, error);
      for (const pattern of repositories) maker.addPattern(pattern, resourceId);
      return [`The images that the cluster ${resourceId} uses could not be read: all that it may use is kept.`];
    }
  };
  const unread = await pMap(clusters, readCluster, { concurrency: CLUSTERS_AT_ONCE });
  return { inUse: maker.inUse, warnings: clusters.length === 0 ? [NO_CLUSTERS_WARNING] : unread.flat() };
}
