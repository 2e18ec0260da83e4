/** Parts of minting for the resource types that a test is not about: all of them refuse. Used by the unit tests. */
import type { MintClusterAccessDeps } from "../../shared/credentials/cluster-access.ts";
import type { MintRegistryTokenDeps } from "../../shared/credentials/registry-token.ts";

const notForThisType = () => Promise.reject(new Error("not for this type"));

/** See above. */
export const UNUSED_MINTS: MintRegistryTokenDeps & Omit<MintClusterAccessDeps, "issueToken"> = {
  openRegistry: notForThisType,
  issueRegistryToken: notForThisType,
  issueRefreshToken: notForThisType,
  listRepositories: notForThisType,
  openCluster: notForThisType,
  readClusterServer: notForThisType,
  readClusterAdmin: notForThisType,
  refuseClusterToken: () => undefined,
};
