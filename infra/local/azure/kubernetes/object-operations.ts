/** What is done to the objects of a cluster: get, create, delete. Called by cluster-requests.ts after the rights are checked. */
import { type ApiResource, apiVersionOf, resourceOfKind } from "./api-resources.ts";
import { ApiError, alreadyExists, conflict, notFound } from "./api-status.ts";
import {
  type ClusterDocument,
  type ClusterState,
  findObject,
  type KubeObject,
  objectsOf,
  timestamp,
} from "./kube-object.ts";
import type { DeleteOptions, WantedObject } from "./object-bodies.ts";
import { isGenerational, withDefaults } from "./workload-defaults.ts";

/** What changes of objects need. `newId`: uid of an object. */
export type ChangeDeps = { readonly document: ClusterDocument; readonly now: () => Date; readonly newId: () => string };

const NAMESPACE = resourceOfKind("Namespace");
const SERVICE_ACCOUNT = resourceOfKind("ServiceAccount");

/** @throws ApiError 404 */
export function getObject(state: ClusterState, resource: ApiResource, namespace: string, name: string): KubeObject {
  const found = findObject(state, resource, resource.namespaced ? namespace : "", name);
  if (found === undefined) throw notFound(resource, name);
  return found;
}

/**
 * @param isRehearsal nothing is kept
 * @throws ApiError 404 without its namespace, 403 in one that is ending, 409 when the name is taken
 */
export function createObject(
  deps: ChangeDeps,
  resource: ApiResource,
  namespace: string,
  { name, body }: WantedObject,
  isRehearsal: boolean,
): KubeObject {
  const state = deps.document.read();
  if (resource.namespaced) demandNamespace(state, resource, namespace, name);
  if (findObject(state, resource, resource.namespaced ? namespace : "", name) !== undefined) {
    throw alreadyExists(resource, name);
  }
  const place = resource.namespaced ? namespace : "";
  // What is, is not for the client to say: it has a path of its own.
  const { status: _, ...wanted } = body;
  const made = newObject(resource, place, name, wanted, { deps, revision: state.revision + 1 });
  if (isRehearsal) return made;
  deps.document.update((changed) => {
    changed.revision += 1;
    changed.objects.push(made);
    // Each namespace gets one, by a controller of the cluster's.
    if (resource.kind === "Namespace") {
      changed.objects.push(newObject(SERVICE_ACCOUNT, name, "default", {}, { deps, revision: changed.revision }));
    }
  });
  return made;
}

/**
 * An object with all that the server adds.
 * @param namespace empty for one of the whole cluster
 */
export function newObject(
  resource: ApiResource,
  namespace: string,
  name: string,
  { metadata, ...content }: Readonly<Record<string, unknown>>,
  at: { readonly deps: Pick<ChangeDeps, "now" | "newId">; readonly revision: number },
): KubeObject {
  const given = typeof metadata === "object" && metadata !== null ? metadata : {};
  const isNamespace = resource.kind === "Namespace";
  const labels: unknown = Reflect.get(given, "labels");
  const named = isNamespace
    ? { labels: { "kubernetes.io/metadata.name": name, ...(typeof labels === "object" ? labels : {}) } }
    : {};
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: {
      name,
      ...(namespace === "" ? {} : { namespace }),
      uid: at.deps.newId(),
      resourceVersion: String(at.revision),
      creationTimestamp: timestamp(at.deps.now()),
      ...(isGenerational(resource.kind) ? { generation: 1 } : {}),
      ...given,
      ...named,
    },
    ...withDefaults(resource.kind, content),
    ...(isNamespace ? { spec: { finalizers: ["kubernetes"] }, status: { phase: "Active" } } : {}),
  };
}

/** What a delete came to: the object is gone, or it waits for whoever holds it. */
export type Deleted = { readonly object: KubeObject; readonly isGone: boolean };

/** @throws ApiError 404, or 409 when a precondition does not hold */
export function deleteObject(
  deps: ChangeDeps,
  resource: ApiResource,
  namespace: string,
  name: string,
  options: DeleteOptions,
): Deleted {
  const object = getObject(deps.document.read(), resource, namespace, name);
  const { uid, resourceVersion, finalizers = [], deletionTimestamp } = object.metadata;
  const { preconditions, dryRun } = options;
  const unmet = (what: string, wanted: string, is: string) =>
    conflict(resource, name, `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${is}`);
  if (preconditions?.uid && preconditions.uid !== uid) throw unmet("UID", preconditions.uid, uid);
  if (preconditions?.resourceVersion && preconditions.resourceVersion !== resourceVersion) {
    throw unmet("ResourceVersion", preconditions.resourceVersion, resourceVersion);
  }
  const isHeld = finalizers.length > 0;
  const ending = {
    ...object,
    metadata: {
      ...object.metadata,
      deletionTimestamp: deletionTimestamp ?? timestamp(deps.now()),
      deletionGracePeriodSeconds: 0,
    },
  };
  if (dryRun != null && dryRun.length > 0) return { object: isHeld ? ending : object, isGone: !isHeld };
  deps.document.update((state) => {
    state.revision += 1;
    const isIt = (one: KubeObject) => one.metadata.uid === uid;
    // A namespace takes all that is in it along.
    const isInIt = (one: KubeObject) => resource.kind === "Namespace" && one.metadata.namespace === name;
    state.objects = isHeld
      ? state.objects.map((one) => (isIt(one) ? ending : one))
      : state.objects.filter((one) => !isIt(one) && !isInIt(one));
  });
  return { object: isHeld ? ending : object, isGone: !isHeld };
}

function demandNamespace(state: ClusterState, resource: ApiResource, namespace: string, name: string): void {
  const found = objectsOf(state, NAMESPACE, "").find(({ metadata }) => metadata.name === namespace);
  if (found === undefined) throw notFound(NAMESPACE, namespace);
  if (found.metadata.deletionTimestamp === undefined) return;
  const whole = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw new ApiError(403, "Forbidden", `${whole} "${name}" is forbidden: ${why}`, {
    name,
    ...(resource.group === "" ? {} : { group: resource.group }),
    kind: resource.plural,
    causes: [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ],
  });
}
