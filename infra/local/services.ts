/** The emulated Azure services, wired to each other. Called by system.ts. */
import { createArm } from "./azure/arm/arm.ts";
import { createAuthorization } from "./azure/authorization.ts";
import { createEntra } from "./azure/entra/entra.ts";
import { createGitHub } from "./azure/github/github.ts";
import { createKeyVault } from "./azure/key-vault/key-vault.ts";
import { createDelegationKeyRegister } from "./azure/revoked-keys.ts";
import { createStorage } from "./azure/storage/storage.ts";
import type { Azurite } from "./azurite.ts";
import type { Seed } from "./seed.ts";
import type { Service } from "./service.ts";
import type { StateStore } from "./state.ts";

/**
 * @param deps.ca PEM text of the authority behind Azurite's certificate
 * @param deps.settleMs milliseconds until a deletion or recovery shows in a key vault
 * @param deps.revocationDelayMs milliseconds until revoked user delegation keys stop working; 0 if left out
 */
export async function createServices(deps: {
  readonly seed: Seed;
  readonly state: StateStore;
  readonly azurite: Azurite;
  readonly ca: string;
  readonly settleMs?: number | undefined;
  readonly revocationDelayMs?: number | undefined;
  readonly now: () => Date;
}): Promise<readonly Service[]> {
  const { seed, state, ca, settleMs, revocationDelayMs, now } = deps;
  const { blobPort, queuePort, tablePort } = deps.azurite;
  const authorization = createAuthorization(seed);
  const { service: entra, tokens } = await createEntra({ seed, state, now });
  const delegationKeys = createDelegationKeyRegister({ state, now, delayMs: revocationDelayMs });
  const azurite = { blobPort, queuePort, tablePort, ca };
  const storage = await createStorage({ seed, tokens, authorization, azurite, delegationKeys, now });
  await storage.seedContainers();
  const arm = await createArm({ seed, tokens, authorization, containers: storage.containers, delegationKeys, now });
  const keyVault = await createKeyVault({ seed, state, tokens, authorization, settleMs, now });
  const github = await createGitHub({ seed, state, now });
  return [entra, arm, keyVault, storage.service, github];
}
