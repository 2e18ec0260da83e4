/** Opens what policy allows as issuing does, without making a credential: what plans say beyond policy. Joined by functions/main.ts. */
import type { Allowed, Obstacle } from "../access/ports.ts";
import type { Opened, ResourceType } from "../connectors/ports.ts";
import { LatchkeyError, UpstreamError } from "../errors.ts";
import type { RefuseClusterToken } from "./cluster-ports.ts";
import { refuseRegistryForm } from "./docker-registry.ts";
import { refuseTooLong } from "./fixed-life.ts";
import { refuseClusterForm } from "./kubernetes-cluster.ts";
import { longestLifeSeconds } from "./lease.ts";
import { isRefused } from "./nothing-made.ts";
import type {
  AudienceUri,
  ListRepositories,
  OpenCluster,
  OpenContainer,
  OpenRegistry,
  OpenSubscription,
  OpenVaultSecret,
} from "./ports.ts";
import { FIXED_LIVES } from "./registry-token.ts";
import { resolveRepositories } from "./resolve-repositories.ts";

/** What looking needs. */
export type FindObstacleDeps = {
  readonly openContainer: OpenContainer;
  readonly openVaultSecret: OpenVaultSecret;
  readonly openSubscription: OpenSubscription;
  readonly openRegistry: OpenRegistry;
  readonly openCluster: OpenCluster;
  readonly listRepositories: ListRepositories;
  readonly audienceUri: AudienceUri;
  readonly refuseClusterToken: RefuseClusterToken;
  readonly now: () => Date;
};
/** What was opened. */
type Looked = Opened & {
  /** Resolves the scope as issuing does. */
  readonly resolveScope?: () => Promise<unknown>;
  /** See FIXED_LIVES; left out: it is chosen, or nobody knows it before. */
  readonly life?: { readonly lifeSeconds: number; readonly overshootSeconds: number };
};
/** How each type is opened before its credential is made. */
const OPENS: Readonly<Record<ResourceType, (deps: FindObstacleDeps, allowed: Allowed) => Promise<Looked>>> = {
  "blob-container": (deps, { connector, resourceId }) => deps.openContainer(connector, resourceId),
  "key-vault-secret": (deps, { connector, resourceId }) => deps.openVaultSecret(connector, resourceId),
  "azure-generic": (deps, { connector, resourceId, asked }) => deps.openSubscription(connector, resourceId, asked),
  "docker-registry": async (deps, { connector, resourceId, asked, form, scope }) => {
    const opened = await deps.openRegistry(connector, resourceId, asked);
    refuseRegistryForm(opened, form);
    if (form === "registry-wide") return { ...opened, life: FIXED_LIVES[form] };
    const resolved = { ...opened, resolveScope: () => resolveRepositories(deps, opened, scope) };
    return form === "access-token" ? { ...resolved, life: FIXED_LIVES[form] } : resolved;
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
  const { connector, signIn, life, resolveScope } = opened.done;
  const { audience } = allowed.scope;
  const scope = await refusalOf("scope", async () => {
    if (audience !== undefined) deps.audienceUri(audience, signIn);
    await resolveScope?.();
  });
  if ("check" in scope) return scope;
  const now = deps.now();
  if (life !== undefined) {
    const { lifeSeconds, overshootSeconds } = life;
    const expiresAt = new Date(now.getTime() + lifeSeconds * 1000);
    const inTime = await refusalOf("ttl", async () =>
      refuseTooLong({ expiresAt, request: allowed, connector, now, overshootSeconds }),
    );
    return "check" in inTime ? inTime : null;
  }
  const longest = longestLifeSeconds([connector.expiresAt], now);
  return (allowed.ttlSeconds ?? 0) > longest
    ? { check: "ttl", detail: `the connector expires in ${longest} seconds` }
    : null;
}

/** What was done, or why issuing would refuse; a failure of ours or of Azure is neither. */
async function refusalOf<T>(check: Obstacle["check"], work: () => Promise<T>): Promise<Obstacle | { done: T }> {
  try {
    return { done: await work() };
  } catch (error) {
    if (!(error instanceof LatchkeyError) || error.code === "INTERNAL") throw error;
    // The registry said no to the list, as it will when it matters: that is known.
    if (error instanceof UpstreamError && !(check === "scope" && isRefused(error))) throw error;
    return { check, detail: `${error.code}: ${error.message}` };
  }
}
