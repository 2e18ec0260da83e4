/** The forms access-token and registry-wide of registries: tokens that leave nothing behind in Azure. Used by mint.ts. */
import type { Minted, MintRequest } from "./minted.ts";
import type { IssueRefreshToken, IssueRegistryToken, ListRepositories, OpenRegistry } from "./ports.ts";

/** What making a token of a registry needs. */
export type MintRegistryTokenDeps = {
  readonly openRegistry: OpenRegistry;
  readonly issueRegistryToken: IssueRegistryToken;
  readonly issueRefreshToken: IssueRefreshToken;
  readonly listRepositories: ListRepositories;
};

/** @throws what its parts throw */
export async function mintRegistryToken(
  _deps: MintRegistryTokenDeps,
  _request: MintRequest,
  _now: Date,
): Promise<Minted> {
  throw new Error("Not made yet.");
}
