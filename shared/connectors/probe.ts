/** Harmless calls to the stores themselves, as checks need them. Types alone; implemented by shared/azure/probes.ts. */
import type { SignIn, StorageAccount, VaultSecretId } from "./ports.ts";
import type { BlobContainerId } from "./resource-name.ts";

/**
 * What a store said. `role`: the identity may not. `policy`: an access policy of the vault leaves it out. `network`: the
 * store does not take calls from here, whoever calls. `gone`: there is nothing of this name. `other`: refused, with a code.
 */
export type Probe =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: "role" | "policy" | "network" | "gone" | "other";
      /** The service's own code. */
      readonly code: string | null;
    };

/** Every call: @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED (retryable) UPSTREAM_TIMEOUT: no answer is no verdict */
export type Probes = {
  /** Asks for one name of a blob. */
  listBlobs(container: BlobContainerId): Promise<Probe>;
  /** Asks for a key that lives for minutes, and throws it away. */
  delegationKey(account: Pick<StorageAccount, "account">): Promise<Probe>;
  /** Asks for one name of a secret. @param vault its name */
  listSecrets(vault: string): Promise<Probe>;
  /** Asks for the dates of one version of a secret, never for a value. */
  listVersions(secret: VaultSecretId): Promise<Probe>;
};

/** Opens the probes for a sign-in. */
export type OpenProbes = (signIn: SignIn) => Probes;
