/** The forms exec, entra-token and admin of clusters: kubeconfigs that leave nothing behind in the cluster. Used by mint.ts. */
import type { Minted, MintRequest } from "./minted.ts";
import type { OpenCluster } from "./ports.ts";

/** What making them needs. */
export type MintClusterAccessDeps = { readonly openCluster: OpenCluster };

/** @throws what its parts throw */
export async function mintClusterAccess(
  _deps: MintClusterAccessDeps,
  _request: MintRequest,
  _now: Date,
): Promise<Minted> {
  throw new Error("Not made yet.");
}
