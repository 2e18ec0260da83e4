/** Which images a cluster's pods and pod templates name. Implements ListClusterImages. */
import { z } from "zod";
import type { OpenedCluster } from "../connectors/ports.ts";
import { NotNowError, UpstreamError } from "../errors.ts";
import type { ListClusterImages } from "../purge/ports.ts";
import { BrokenAnswerError } from "./broken-answers.ts";
import { type ApiAnswer, type ClusterCall, openClusterCalls } from "./cluster-calls.ts";
import type { ReadClusterUser } from "./cluster-credentials.ts";
import { OversizedAnswerError } from "./cluster-transport.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { WORKLOAD_KINDS, type WorkloadKind, type WorkloadPage } from "./workload-images.ts";

/**
 * Items asked for at once, and fewer where a page is larger than is read. An object has at most 1.5 million bytes (etcd's
 * request limit), so the last always fits.
 */
const PAGE_SIZES = [500, 100, 10];
/** Largest page that is read, in bytes. 500 pods have 3 to 10 million. */
const MAX_PAGE_BYTES = 16_000_000;
/** Most pages of one list: without end is a server that is broken. */
const MAX_PAGES = 10_000;
/** A list that was changed for long cannot be gone on with (API servers keep 5 minutes of history): then it begins anew. */
const MAX_RESTARTS = 3;

/**
 * Reads as the connector, page by page. Custom resources that hold pod templates (Rollouts of Argo, Services of Knative
 * and such) are left out, and so are PodTemplates and ControllerRevisions, which run nothing by themselves: of these only
 * what they made is seen.
 * @param deps.readUser what ARM gives the users of a cluster
 */
export function createListClusterImages(deps: {
  readonly identities: ConnectorIdentities;
  readonly readUser: ReadClusterUser;
}): ListClusterImages {
  return async function* listClusterImages(opened, signal) {
    signal.throwIfAborted();
    if (!opened.cluster.isRunning) {
      throw new NotNowError(
        "The cluster is stopped, so nobody can see what it runs once it is started. Start it, or leave it out of what is read.",
      );
    }
    const { call } = await openClusterCalls(deps, opened, {
      remedy: remedyFor(opened),
      bounds: { maxBytes: MAX_PAGE_BYTES, isPlainNotFoundRead: true },
    });
    for (const kind of WORKLOAD_KINDS) yield* imagesOf(call, kind, signal);
  };
}

function remedyFor({ cluster }: Pick<OpenedCluster, "cluster">): string {
  if (!cluster.hasEntra) {
    return "The credential that Azure gives the cluster's users may not read its workloads: bind whom it names to the ClusterRole view with a ClusterRoleBinding.";
  }
  return cluster.hasAzureRbac
    ? "Grant the connector's identity the role Azure Kubernetes Service RBAC Reader at the cluster itself; at a namespace it is not enough."
    : "Bind the connector's identity, by its object id, to the ClusterRole view with a ClusterRoleBinding; a RoleBinding is not enough.";
}

/** Every image of one kind; some twice, where the list began anew. */
async function* imagesOf(call: ClusterCall, kind: WorkloadKind, signal: AbortSignal): AsyncGenerator<string> {
  let next: string | null = null;
  let size = 0;
  let restarts = 0;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    let page: WorkloadPage | "absent";
    try {
      page = await readPage(call, kind, { next, limit: PAGE_SIZES[size] ?? 1, signal });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof OversizedAnswerError && size + 1 < PAGE_SIZES.length) {
        size += 1;
        continue;
      }
      if (!isExpired(error) || next === null || restarts === MAX_RESTARTS) throw error;
      restarts += 1;
      next = null;
      continue;
    }
    if (page === "absent") {
      await demandAbsence(call, kind, signal);
      return;
    }
    yield* page.images;
    if (page.next === null) return;
    next = page.next;
  }
  throw new UpstreamError(
    "UPSTREAM_REFUSED",
    `The API server of the cluster lists ${kind.plural} without end. Nothing of them counts as read.`,
    { retryable: true },
  );
}

/** Source: Kubernetes' "API Concepts", "410 Gone responses". */
function isExpired(error: unknown): boolean {
  return error instanceof UpstreamError && error.failure?.status === 410;
}

const groupPath = (group: string) => (group === "" ? "/api/v1" : `/apis/${group}/v1`);

function readPage(
  call: ClusterCall,
  { group, plural, page }: WorkloadKind,
  { next, limit, signal }: { readonly next: string | null; readonly limit: number; readonly signal: AbortSignal },
): Promise<WorkloadPage | "absent"> {
  const query = new URLSearchParams({ limit: String(limit), ...(next === null ? {} : { continue: next }) });
  const path = `${groupPath(group)}/${plural}?${query}`;
  return call(`list the ${plural}`, { method: "GET", path, signal }, (answer) => {
    // A list that was begun is there: whatever answers so now is something else.
    if (answer.status === 404 && next === null) return "absent";
    const found = read(page, answer);
    // It would lead round in a circle.
    if (next !== null && found.next === next) throw unreadable();
    return found;
  });
}

/** Source: the Kubernetes API reference, APIGroupList and APIResourceList. */
const groupsSchema = z.object({
  kind: z.literal("APIGroupList"),
  groups: z.array(
    z.object({ name: z.string(), versions: z.array(z.object({ version: z.string().regex(/^[a-z0-9]{1,63}$/) })) }),
  ),
});
const resourcesSchema = z.object({
  kind: z.literal("APIResourceList"),
  resources: z.array(z.object({ name: z.string() })),
});

/**
 * Believes that a cluster has no such kind when the cluster says of itself that it has it in no version.
 * @throws UpstreamError UPSTREAM_REFUSED when it has it, or does not say
 */
async function demandAbsence(call: ClusterCall, { group, plural }: WorkloadKind, signal: AbortSignal): Promise<void> {
  const ask = <T>(path: string, schema: z.ZodType<T>) =>
    call(`find out about ${plural}`, { method: "GET", path, signal }, (answer) => read(schema, answer));
  try {
    const lists = group === "" ? ["/api/v1"] : await versionsOf(group, () => ask("/apis", groupsSchema));
    for (const path of lists) {
      const { resources } = await ask(path, resourcesSchema);
      if (!resources.some(({ name }) => name === plural)) continue;
      throw new UpstreamError(
        "UPSTREAM_REFUSED",
        `The cluster has ${plural}, and does not list them in a version that can be read.`,
        { retryable: false },
      );
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function versionsOf(group: string, ask: () => Promise<z.output<typeof groupsSchema>>): Promise<string[]> {
  const { groups } = await ask();
  const versions = groups.find(({ name }) => name === group)?.versions ?? [];
  return versions.map(({ version }) => `/apis/${group}/${version}`);
}

/** @throws BrokenAnswerError */
function read<T>(schema: z.ZodType<T>, { status, body }: ApiAnswer): T {
  const parsed = status === 200 ? schema.safeParse(body) : null;
  if (parsed === null || !parsed.success) throw unreadable();
  return parsed.data;
}

function unreadable(): BrokenAnswerError {
  return new BrokenAnswerError({ status: 502, headers: new Map() });
}
