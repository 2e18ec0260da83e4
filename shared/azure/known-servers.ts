/** Addresses and authorities of clusters, kept for a while: a warm credential asks ARM for nothing. Wired by functions/main.ts. */
import { createCache } from "../cache.ts";
import type { ReadClusterUser } from "./cluster-credentials.ts";
import type { GivenKubeconfig } from "./given-kubeconfig.ts";

/**
 * An authority that was rotated is trusted for at most this long, where nobody meets the API server itself: whoever does asks
 * anew.
 */
const MAX_AGE_MS = 5 * 60_000;
/** About 2 kB each. */
const MAX_SERVERS = 1_000;

/**
 * Of clusters with Entra alone: what ARM gives of the others holds an administrator's key, which is kept nowhere.
 * @param readUser what ARM gives
 */
export function createKnownServers(readUser: ReadClusterUser, now: () => Date): ReadClusterUser {
  const servers = createCache<GivenKubeconfig>({ maxAgeMs: MAX_AGE_MS, maxEntries: MAX_SERVERS, now });
  return async (opened, isDoubted) => {
    const { signIn, cluster } = opened;
    if (!cluster.hasEntra || signIn.key === null) return readUser(opened);
    const { subscriptionId, resourceGroup, cluster: name, fqdn, privateFqdn } = cluster;
    const place = [subscriptionId, resourceGroup, name, fqdn, privateFqdn].map((part) => part?.toLowerCase() ?? null);
    const key = JSON.stringify([signIn.key, ...place]);
    const read = async () => ({ ...(await readUser(opened)), certificate: null, token: null });
    return (await servers(key, read, isDoubted)) ?? readUser(opened);
  };
}
