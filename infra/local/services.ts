/** The emulated Azure services, wired to each other. Called by system.ts. */
import { join } from "node:path";
import { createArm } from "./azure/arm/arm.ts";
import type { ArmLimits } from "./azure/arm/arm-limits.ts";
import { openRegistryTokenStore } from "./azure/arm/registry-token-store.ts";
import { createAuthorization } from "./azure/authorization.ts";
import type { RegisteredCertificate } from "./azure/entra/client-certificates.ts";
import { createEntra } from "./azure/entra/entra.ts";
import { openSigningKey } from "./azure/entra/signing-key.ts";
import { ISSUER as GITHUB_ISSUER } from "./azure/github/claims.ts";
import { keyId as githubKeyId } from "./azure/github/discovery.ts";
import { createGitHub } from "./azure/github/github.ts";
import { createKeyVault } from "./azure/key-vault/key-vault.ts";
import { openClusterAuthorities } from "./azure/kubernetes/cluster-identity.ts";
import { createKubernetes } from "./azure/kubernetes/kubernetes.ts";
import type { KubernetesControl } from "./azure/kubernetes/kubernetes-settings.ts";
import { createManagedIdentity } from "./azure/managed-identity/managed-identity.ts";
import { createContainerRegistry } from "./azure/registry/container-registry.ts";
import type { RegistryControl } from "./azure/registry/registry-settings.ts";
import { writeTokenCertificate } from "./azure/registry/token-certificate.ts";
import { createDelegationKeyRegister } from "./azure/revoked-keys.ts";
import { createStorage } from "./azure/storage/storage.ts";
import type { Azurite } from "./azurite.ts";
import type { Seed } from "./seed.ts";
import type { Service } from "./service.ts";
import type { StateStore } from "./state.ts";

/** Where GitHub's key is kept, and the subject of its certificate. */
const GITHUB_KEY = { document: "github", subject: `CN=${new URL(GITHUB_ISSUER).host}` };
/** Where the key of registries' tokens is kept, and the subject of its certificate. */
const REGISTRY_KEY = { document: "registry-tokens", subject: "CN=Azure Container Registry" };
/** In the state folder: scope maps and tokens of registries, which are too many for a document. */
const REGISTRY_TOKENS_FILE = "registry-tokens.sqlite";
/** Milliseconds until a change of a registry's token is done; in Azure some seconds. */
const TOKEN_SETTLE_MS = 200;

/** The services by their real names, and the one that is reached by a port of its own. */
export type Services = { readonly named: readonly Service[]; readonly managedIdentity: Service };

/**
 * A first start makes the signing keys.
 * @param deps.stateDir for what is no document: images of registries, and the certificate of their tokens
 * @param deps.certificates with which applications sign in
 * @param deps.identitySecret what the app shows at the managed identity endpoint
 * @param deps.ca PEM text of the authority behind Azurite's certificate
 * @param deps.settleMs milliseconds until a deletion or recovery shows in a key vault
 * @param deps.revocationDelayMs milliseconds until revoked user delegation keys stop working; 0 if left out
 * @param deps.tokenSettleMs milliseconds until a change of a registry's token is done; 200 if left out
 * @param deps.tokenRevocationDelayMs milliseconds until a registry token's password stops working after it was taken
 * away, and until one that takes the place of another works; 0 if left out
 */
export async function createServices(deps: {
  readonly seed: Seed;
  readonly state: StateStore;
  readonly stateDir: string;
  readonly certificates: readonly RegisteredCertificate[];
  readonly identitySecret: string;
  readonly azurite: Azurite;
  readonly armLimits: ArmLimits;
  readonly registryControl: RegistryControl;
  readonly kubernetesControl: KubernetesControl;
  readonly ca: string;
  readonly settleMs?: number | undefined;
  readonly revocationDelayMs?: number | undefined;
  readonly tokenSettleMs?: number | undefined;
  readonly tokenRevocationDelayMs?: number | undefined;
  readonly now: () => Date;
}): Promise<Services> {
  const { seed, state, certificates, ca, settleMs, revocationDelayMs, now } = deps;
  const { blobPort, queuePort, tablePort } = deps.azurite;
  const authorization = createAuthorization(seed);
  const key = await openSigningKey(state, now);
  const githubKey = await openSigningKey(state, now, GITHUB_KEY);
  const issuers = new Map([[GITHUB_ISSUER, { kid: githubKeyId(githubKey), publicKey: githubKey.publicKey }]]);
  const { service: entra, tokens } = await createEntra({ seed, key, certificates, issuers, now });
  const delegationKeys = createDelegationKeyRegister({ state, now, delayMs: revocationDelayMs });
  const azurite = { blobPort, queuePort, tablePort, ca };
  const storage = await createStorage({ seed, tokens, authorization, azurite, delegationKeys, now });
  await storage.seedContainers();
  const { containers } = storage;
  const limits = deps.armLimits;
  const { tokenSettleMs = TOKEN_SETTLE_MS, tokenRevocationDelayMs = 0 } = deps;
  const registryTokenStore = openRegistryTokenStore({
    file: join(deps.stateDir, "state", REGISTRY_TOKENS_FILE),
    now,
    revocationDelayMs: tokenRevocationDelayMs,
  });
  const authorities = openClusterAuthorities({ state, now });
  const arm = await createArm({
    seed,
    tokens,
    authorization,
    containers,
    delegationKeys,
    limits,
    registryTokenStore,
    tokenSettleMs,
    tokenRevocationDelayMs,
    authorities,
    ca,
    now,
  });
  const keyVault = await createKeyVault({ seed, state, tokens, authorization, settleMs, now });
  const github = await createGitHub({ seed, key: githubKey, now });
  const registryKey = await openSigningKey(state, now, REGISTRY_KEY);
  writeTokenCertificate(join(deps.stateDir, "certificates"), registryKey);
  const registry = await createContainerRegistry({
    seed,
    folder: join(deps.stateDir, "registries"),
    key: registryKey,
    tokens,
    authorization,
    registryTokens: registryTokenStore.tokens,
    control: deps.registryControl,
    now,
  });
  const control = deps.kubernetesControl;
  const kubernetes = await createKubernetes({ seed, state, tokens, authorization, authorities, control, now });
  const managedIdentity = await createManagedIdentity({ seed, key, secret: deps.identitySecret, now });
  return { named: [entra, arm, keyVault, storage.service, registry, kubernetes, github], managedIdentity };
}
