/** User delegation SAS for one container. Implements IssueBlobSas; account keys are never used. */
import type { UserDelegationKey } from "@azure/storage-blob";
import { accountUrl, cloudOf } from "../cloud.ts";
import type { SignIn } from "../connectors/ports.ts";
import type { IssueBlobSas } from "../credentials/ports.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { CLIENT_OPTIONS, callAsConnector } from "./upstream.ts";

/** Life of a delegation key: Azure takes at most 7 days; two days serve a day of SAS tokens of a day each. */
const KEY_LIFE_MS = 48 * 3_600_000;
/** A key must outlive its SAS by this, so that clocks that differ a little do not matter. */
const KEY_MARGIN_MS = 5 * 60_000;
/** Keys are back-dated by this: Azure advises 15 minutes against clock skew. */
const START_SKEW_MS = 15 * 60_000;
/** Keys kept in memory of this process; the least recently made goes first. */
const MAX_KEPT_KEYS = 500;

/** @param deps.now decides which cached keys still serve */
export function createBlobSas(deps: { identities: ConnectorIdentities; now: () => Date }): IssueBlobSas {
  const keys = createKeyCache(deps);
  return async ({ signIn, account, container, permissions, expiresAt }) => {
    const url = accountUrl(account, cloudOf(signIn.cloud).blobSuffix);
    const key = await keys(signIn, account, url, expiresAt);
    const { ContainerSASPermissions, generateBlobSASQueryParameters, SASProtocol } = await import(
      "@azure/storage-blob"
    );
    const sas = generateBlobSASQueryParameters(
      {
        containerName: container,
        permissions: ContainerSASPermissions.parse(permissions),
        expiresOn: expiresAt,
        protocol: SASProtocol.Https,
      },
      key,
      account,
    );
    return { accountUrl: url, containerUrl: `${url}/${container}`, sasToken: sas.toString() };
  };
}

type KeySource = (signIn: SignIn, account: string, url: string, sasExpiresAt: Date) => Promise<UserDelegationKey>;

/** One key per sign-in and account, one fetch at a time for each. */
function createKeyCache(deps: { identities: ConnectorIdentities; now: () => Date }): KeySource {
  const kept = new Map<string, { expiresAt: Date; key: Promise<UserDelegationKey> }>();
  return (signIn, account, url, sasExpiresAt) => {
    const cacheKey = JSON.stringify([signIn.key, account]);
    const needed = sasExpiresAt.getTime() + KEY_MARGIN_MS;
    const known = signIn.key === null ? undefined : kept.get(cacheKey);
    if (known !== undefined && known.expiresAt.getTime() >= needed) return known.key;

    const startsAt = new Date(deps.now().getTime() - START_SKEW_MS);
    const expiresAt = new Date(deps.now().getTime() + KEY_LIFE_MS);
    const key = callAsConnector(
      `get a user delegation key of ${account}`,
      `Grant the connector's identity the role Storage Blob Data Contributor (or Storage Blob Delegator and a data role) on the storage account ${account} itself: a role on a container is not enough.`,
      async (abortSignal) => {
        const { BlobServiceClient } = await import("@azure/storage-blob");
        const client = new BlobServiceClient(url, deps.identities(signIn), CLIENT_OPTIONS);
        return client.getUserDelegationKey(startsAt, expiresAt, { abortSignal });
      },
    );
    if (signIn.key !== null) {
      kept.delete(cacheKey);
      kept.set(cacheKey, { expiresAt, key });
      key.catch(() => kept.delete(cacheKey));
      const [oldest] = kept.keys();
      if (kept.size > MAX_KEPT_KEYS && oldest !== undefined) kept.delete(oldest);
    }
    return key;
  };
}
