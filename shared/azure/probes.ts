/** Harmless calls to storage accounts and key vaults with a connector's sign-in. Implements OpenProbes of the connectors; nothing that comes back is kept. */
import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { accountUrl, cloudOf } from "../cloud.ts";
import type { SignIn } from "../connectors/ports.ts";
import type { OpenProbes, Probe, Probes } from "../connectors/probe.ts";
import { vaultUrl } from "../connectors/vault-secret.ts";
import { lazy } from "../lazy.ts";
import { readable } from "./broken-answers.ts";
import { blobOptions, clientOptions } from "./client-options.ts";
import { innerCodeOf } from "./customer-secrets.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector, failureOf } from "./upstream.ts";

/** Life of a key that is thrown away at once, and how far back it starts, against skewed clocks. */
const KEY_LIFE_MS = 10 * 60_000;
const KEY_SKEW_MS = 5 * 60_000;

type Reason = Extract<Probe, { ok: false }>["reason"];
/** What a store's own code means; anything else is `other`. Source: the error codes of Blob Storage and Key Vault. */
const REASONS: Readonly<Record<string, Reason>> = {
  AuthorizationPermissionMismatch: "role",
  AuthorizationFailure: "network",
  AuthorizationSourceIPMismatch: "network",
  ContainerNotFound: "gone",
  ContainerBeingDeleted: "gone",
  ForbiddenByRbac: "role",
  ForbiddenByPolicy: "policy",
  AccessDenied: "policy",
  ForbiddenByFirewall: "network",
  ForbiddenByConnection: "network",
};

const blobModule = lazy(() => import("@azure/storage-blob"));
const vaultModule = lazy(() => import("@azure/keyvault-secrets"));

/** @param deps.now decides when a key starts and ends */
export function createOpenProbes(deps: { identities: ConnectorIdentities; now: () => Date }): OpenProbes {
  return (signIn) => {
    const credential = deps.identities(signIn);
    return { ...blobProbes(signIn, credential, deps.now), ...vaultProbes(signIn, credential) };
  };
}

type Credential = ReturnType<ConnectorIdentities>;

function blobProbes(
  { cloud }: SignIn,
  credential: Credential,
  now: () => Date,
): Pick<Probes, "listBlobs" | "delegationKey"> {
  const open = async (account: string) => {
    const { BlobServiceClient } = await blobModule();
    const url = accountUrl(account, cloudOf(cloud).blobSuffix);
    return new BlobServiceClient(url, credential, blobOptions(url, cloud));
  };
  return {
    listBlobs: ({ account, container }) =>
      probe(`list blobs of ${account}`, async (abortSignal) => {
        const client = (await open(account)).getContainerClient(container);
        await readable(client.listBlobsFlat({ abortSignal }).byPage({ maxPageSize: 1 }).next());
        return { ok: true };
      }),
    delegationKey: ({ account }) =>
      probe(`get a user delegation key of ${account}`, async (abortSignal) => {
        const at = now().getTime();
        const client = await open(account);
        const [startsOn, expiresOn] = [new Date(at - KEY_SKEW_MS), new Date(at + KEY_LIFE_MS)];
        await readable(client.getUserDelegationKey(startsOn, expiresOn, { abortSignal }));
        return { ok: true };
      }),
  };
}

function vaultProbes({ cloud }: SignIn, credential: Credential): Pick<Probes, "listSecrets" | "listVersions"> {
  const open = async (vault: string) => {
    const { SecretClient } = await vaultModule();
    // A vault that sends its callers elsewhere would send their token along.
    const options = clientOptions(cloud);
    return new SecretClient(vaultUrl({ vault, cloud }), credential, {
      ...options,
      additionalPolicies: [...options.additionalPolicies, { policy: keepInnerCode, position: "perCall" as const }],
      redirectOptions: { maxRetries: 0 },
    });
  };
  return {
    listSecrets: (vault) =>
      probe(`list the names of secrets of ${vault}`, async (abortSignal) => {
        const client = await open(vault);
        await readable(client.listPropertiesOfSecrets({ abortSignal }).byPage({ maxPageSize: 1 }).next());
        return { ok: true };
      }),
    listVersions: ({ vault, name }) =>
      probe(`list the versions of a secret of ${vault}`, async (abortSignal) => {
        const client = await open(vault);
        const pages = client.listPropertiesOfSecretVersions(name, { abortSignal }).byPage({ maxPageSize: 1 });
        const page = await readable(pages.next());
        // An unknown name has no versions, and is no error.
        const isThere = Array.isArray(page.value) && page.value.length > 0;
        return isThere ? { ok: true } : { ok: false, reason: "gone", code: null };
      }),
  };
}

/** A vault's 403 with its finer reason, which the client drops for lists. */
class VaultRefusal extends Error {
  readonly code: string | null;
  constructor(code: string | null) {
    super("the vault refused");
    this.code = code;
  }
}

const keepInnerCode: PipelinePolicy = {
  name: "keepInnerCode",
  async sendRequest(request, next) {
    const response = await next(request);
    if (response.status === 403) throw new VaultRefusal(innerCodeOf({ response }));
    return response;
  },
};

/** What was not answered at all, or may be answered differently in a moment, is thrown on. */
function probe(what: string, call: (abortSignal: AbortSignal) => Promise<Probe>): Promise<Probe> {
  return callAsConnector(what, "Grant the connector's identity a role there.", async (abortSignal) => {
    try {
      return await call(abortSignal);
    } catch (error) {
      if (error instanceof VaultRefusal) return refusedWith(error.code);
      const { name, status, code } = failureOf(error);
      // Only what the store itself said is a verdict, not what became of the sign-in.
      if (name !== "RestError" || status === null || !isRefusal(status)) throw error;
      return refusedWith(code);
    }
  });
}

function refusedWith(code: string | null): Probe {
  return {
    ok: false,
    reason: code !== null && Object.hasOwn(REASONS, code) ? (REASONS[code] ?? "other") : "other",
    code,
  };
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
