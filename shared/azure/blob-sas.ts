/** User delegation SAS for one container. Implements IssueBlobSas; account keys are never used. */
import type { UserDelegationKey } from "@azure/storage-blob";
import { z } from "zod";
import { accountUrl, cloudOf } from "../cloud.ts";
import type { SignIn } from "../connectors/ports.ts";
import type { IssueBlobSas } from "../credentials/ports.ts";
import { UpstreamError } from "../errors.ts";
import { BrokenAnswerError, readable } from "./broken-answers.ts";
import { blobOptions } from "./client-options.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector } from "./upstream.ts";

/** Life of a delegation key: that of the longest SAS, and an hour for the time that the key is kept. Azure takes 7 days. */
const KEY_LIFE_MS = 25 * 3_600_000;
/** A key is used for this long: who revokes the keys of an account must not find us signing with a dead one. */
const KEY_MAX_AGE_MS = 15 * 60_000;
/** Keys are back-dated by this: Azure advises 15 minutes against clock skew. */
const START_SKEW_MS = 15 * 60_000;
/** Keys kept in memory of this process; the least recently made goes first. */
const MAX_KEPT_KEYS = 500;
/** What is signed with and under, of Azure's answer; a key that does not say how long it lives signs nothing. */
const keySchema = z.object({
  signedObjectId: z.string().min(1),
  signedTenantId: z.string().min(1),
  signedStartsOn: z.date(),
  signedExpiresOn: z.date(),
  value: z.base64().min(1),
});

/**
 * @param deps.now decides which cached keys still serve
 * @param deps.keys of this process; its own unless given
 */
export function createBlobSas(deps: {
  identities: ConnectorIdentities;
  now: () => Date;
  keys?: DelegationKeys;
}): IssueBlobSas {
  const keys = deps.keys ?? createDelegationKeys(deps);
  return async ({ signIn, account, container, permissions, expiresAt }) => {
    const url = accountUrl(account, cloudOf(signIn.cloud).blobSuffix);
    const key = await keys.get(signIn, account, url);
    refuseUncovered(key, deps.now(), expiresAt);
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
    return {
      sas: { accountUrl: url, containerUrl: `${url}/${container}`, sasToken: sas.toString() },
      keyAskedAt: new Date(key.signedStartsOn.getTime() + START_SKEW_MS),
    };
  };
}

/** A SAS ends with its key, whatever it says: nothing is lent that lives shorter than its lease, or not yet. */
function refuseUncovered(key: UserDelegationKey, now: Date, expiresAt: Date): void {
  if (key.signedStartsOn <= now && expiresAt <= key.signedExpiresOn) return;
  throw new UpstreamError(
    "UPSTREAM_REFUSED",
    "Azure's user delegation key does not live as long as what was asked for. Try again; if it stays so, the clock of this service is wrong.",
    { retryable: true },
  );
}

/** User delegation keys in memory of this process. */
export type DelegationKeys = {
  get(signIn: SignIn, account: string, url: string): Promise<UserDelegationKey>;
  /** Forgets those of an account, of every sign-in: they were revoked. */
  forget(account: string): void;
};

/** One key per sign-in and account, one fetch at a time for each. */
export function createDelegationKeys(deps: { identities: ConnectorIdentities; now: () => Date }): DelegationKeys {
  const kept = new Map<string, { account: string; askedAt: number; key: Promise<UserDelegationKey> }>();
  const get: DelegationKeys["get"] = (signIn, account, url) => {
    const cacheKey = JSON.stringify([signIn.key, account]);
    const now = deps.now().getTime();
    const known = signIn.key === null ? undefined : kept.get(cacheKey);
    // A clock that goes back makes nothing last longer.
    if (known !== undefined && known.askedAt <= now && now < known.askedAt + KEY_MAX_AGE_MS) return known.key;

    const startsAt = new Date(now - START_SKEW_MS);
    const expiresAt = new Date(now + KEY_LIFE_MS);
    const key = callAsConnector(
      `get a user delegation key of ${account}`,
      `Grant the connector's identity the role Storage Blob Delegator on the storage account ${account} itself: a role on a container is not enough for a key.`,
      async (abortSignal) => {
        const { BlobServiceClient } = await import("@azure/storage-blob");
        const client = new BlobServiceClient(url, deps.identities(signIn), blobOptions(url, signIn.cloud));
        const answer = await readable(client.getUserDelegationKey(startsAt, expiresAt, { abortSignal }));
        if (!keySchema.safeParse(answer).success) throw new BrokenAnswerError({ status: 200, headers: new Map() });
        return answer;
      },
    );
    if (signIn.key !== null) {
      kept.delete(cacheKey);
      kept.set(cacheKey, { account, askedAt: now, key });
      key.catch(() => kept.get(cacheKey)?.key === key && kept.delete(cacheKey));
      const [oldest] = kept.keys();
      if (kept.size > MAX_KEPT_KEYS && oldest !== undefined) kept.delete(oldest);
    }
    return key;
  };
  return {
    get,
    forget(account) {
      for (const [cacheKey, entry] of kept) if (entry.account === account) kept.delete(cacheKey);
    },
  };
}
