/** Opens what policy allows as issuing does, without making a credential: what plans say beyond policy. Joined by functions/main.ts. */
import type { Allowed, Obstacle } from "../access/ports.ts";
import type { Opened, ResourceType } from "../connectors/ports.ts";
import { LatchkeyError, UpstreamError } from "../errors.ts";
import type { RefuseClusterToken } from "./cluster-ports.ts";
import { refuseRegistryForm } from "./docker-registry.ts";
import { refuseClusterForm } from "./kubernetes-cluster.ts";
import { longestLifeSeconds } from "./lease.ts";
import type {
  AudienceUri,
  OpenCluster,
  OpenContainer,
  OpenRegistry,
  OpenSubscription,
  OpenVaultSecret,
} from "./ports.ts";

/** What looking needs. */
export type FindObstacleDeps = {
  readonly openContainer: OpenContainer;
  readonly openVaultSecret: OpenVaultSecret;
  readonly openSubscription: OpenSubscription;
  readonly openRegistry: OpenRegistry;
  readonly openCluster: OpenCluster;
  readonly audienceUri: AudienceUri;
  readonly refuseClusterToken: RefuseClusterToken;
  readonly now: () => Date;
};
/** How each type is opened before its credential is made. */
const OPENS: Readonly<Record<ResourceType, (deps: FindObstacleDeps, allowed: Allowed) => Promise<Opened>>> = {
  "blob-container": (deps, { connector, resourceId }) => deps.openContainer(connector, resourceId),
  "key-vault-secret": (deps, { connector, resourceId }) => deps.openVaultSecret(connector, resourceId),
  "azure-generic": (deps, { connector, resourceId, asked }) => deps.openSubscription(connector, resourceId, asked),
  "docker-registry": async (deps, { connector, resourceId, asked, form }) => {
    const opened = await deps.openRegistry(connector, resourceId, asked);
    refuseRegistryForm(opened, form);
    return opened;
  },
  "kubernetes-cluster": async (deps, { connector, resourceId, form }) => {
    const opened = await deps.openCluster(connector, resourceId);
    refuseClusterForm(opened, form);
    if (form === "entra-token") deps.refuseClusterToken(opened.signIn);
    return opened;
  },
};

/**
 * Null: none that can be known before. Whether a vault gives its secret, and how long Entra makes a token live, is not.
 * @throws UpstreamError as issuing does: then nothing is known
 */
export async function findObstacle(deps: FindObstacleDeps, allowed: Allowed): Promise<Obstacle | null> {
  const [, open] = Object.entries(OPENS).find(([type]) => type === allowed.resourceType) ?? [];
  if (open === undefined) return { check: "resource", detail: "this resource type is not served" };
  const opened = await refusalOf("resource", () => open(deps, allowed));
  if ("check" in opened) return opened;
  const { audience } = allowed.scope;
  if (audience !== undefined) {
    const served = await refusalOf("scope", async () => deps.audienceUri(audience, opened.done.signIn));
    if ("check" in served) return served;
  }
  const longest = longestLifeSeconds([opened.done.connector.expiresAt], deps.now());
  return (allowed.ttlSeconds ?? 0) > longest
    ? { check: "ttl", detail: `the connector expires in ${longest} seconds` }
    : null;
}

/** What was done, or why issuing would refuse; a failure of ours or of Azure is neither. */
async function refusalOf<T>(check: Obstacle["check"], work: () => Promise<T>): Promise<Obstacle | { done: T }> {
  try {
    return { done: await work() };
  } catch (error) {
    if (!(error instanceof LatchkeyError) || error instanceof UpstreamError || error.code === "INTERNAL") throw error;
    return { check, detail: `${error.code}: ${error.message}` };
  }
}
