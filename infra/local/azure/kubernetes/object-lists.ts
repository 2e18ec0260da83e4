/** Lists of objects: selected, in order, page by page. Called by object-operations.ts. */
import { z } from "zod";
import { type ApiResource, apiVersionOf } from "./api-resources.ts";
import { badRequest } from "./api-status.ts";
import { type ClusterState, type KubeObject, objectsOf } from "./kube-object.ts";
import { fieldSelector, labelSelector } from "./selectors.ts";

/** What a `continue` means to this server; to clients it is opaque. */
const positionSchema = z.object({ v: z.literal("meta.k8s.io/v1"), rv: z.number(), start: z.string() });

/** A page of a list. */
export type ObjectList = {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: Readonly<{ resourceVersion: string; continue?: string; remainingItemCount?: number }>;
  readonly items: readonly KubeObject[];
};

/**
 * @param namespace empty for all
 * @param name of the path: only the object of that name, for a watch; empty for all
 * @throws ApiError 400 when the query cannot be read
 */
export function listObjects(
  state: ClusterState,
  resource: ApiResource,
  namespace: string,
  query: URLSearchParams,
): ObjectList {
  const labels = query.get("labelSelector") ?? "";
  const fields = query.get("fieldSelector") ?? "";
  const isLabelled = labelSelector(labels);
  const hasFields = fieldSelector(fields);
  const limit = limitOf(query.get("limit"));
  const start = startOf(query.get("continue"));
  const selected = objectsOf(state, resource, namespace)
    .filter((object) => isLabelled(object) && hasFields(object))
    .map((object) => ({ key: keyOf(object), object }))
    .filter(({ key }) => key >= start)
    .sort((left, right) => (left.key < right.key ? -1 : 1));
  const page = limit === 0 ? selected : selected.slice(0, limit);
  const next = selected[page.length];
  const remaining = selected.length - page.length;
  // Counted only where everything counts.
  const counted = labels === "" && fields === "" ? { remainingItemCount: remaining } : {};
  return {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: String(state.revision),
      ...(next === undefined ? {} : { continue: continueAt(next.key, state.revision), ...counted }),
    },
    items: page.map(({ object }) => object),
  };
}

const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace ?? ""}/${metadata.name}`;

function limitOf(text: string | null): number {
  if (text === null || text === "") return 0;
  if (!/^\d{1,10}$/.test(text)) throw badRequest(`strconv.ParseInt: parsing "${text}": invalid syntax`);
  return Number(text);
}

function continueAt(start: string, rv: number): string {
  return Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv, start })).toString("base64url");
}

function startOf(token: string | null): string {
  if (token === null || token === "") return "";
  try {
    return positionSchema.parse(JSON.parse(Buffer.from(token, "base64url").toString())).start;
  } catch {
    throw badRequest("continue key is not valid: illegal base64 data or not a position");
  }
}
