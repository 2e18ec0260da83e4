/** Replaces and patches objects, their status and their scale. Called by cluster-requests.ts after the rights are checked. */
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { ApiResource } from "./api-resources.ts";
import { badRequest, conflict, invalid } from "./api-status.ts";
import type { KubeObject } from "./kube-object.ts";
import { parseBody, readObject } from "./object-bodies.ts";
import { invalidValue } from "./object-names.ts";
import { type ChangeDeps, getObject } from "./object-operations.ts";
import { type Patch, readPatch } from "./patches.ts";
import { isGenerational, withDefaults } from "./workload-defaults.ts";

/** Which object, and which part of it: `status`, `scale`, or empty for all else. */
export type ChangedPart = { readonly namespace: string; readonly name: string; readonly subresource: string };
/** What a client sent to change it. */
export type ChangeRequest = {
  readonly verb: "update" | "patch";
  readonly body: Buffer;
  readonly contentType: string | undefined;
  /** Nothing is kept. */
  readonly isRehearsal: boolean;
};

const metadataSchema = z.looseObject({ name: z.string().nullish(), resourceVersion: z.string().nullish() });
const bodySchema = z.looseObject({ metadata: metadataSchema.nullish() });
const replicasSchema = z.looseObject({ spec: z.looseObject({ replicas: z.int().nullish() }).nullish() });

/** What a request makes of what is there. @throws ApiError 400, 415, 501 */
function wish({ verb, body, contentType }: ChangeRequest): Patch {
  if (verb === "patch") return readPatch(body, contentType);
  const value = parseBody(body, contentType);
  return () => value;
}

/** @throws ApiError 404, 409 when it was changed since, 422 when it is wrong */
export function changeObject(
  deps: ChangeDeps,
  resource: ApiResource,
  { namespace, name, subresource }: ChangedPart,
  request: ChangeRequest,
): KubeObject {
  const current = getObject(deps.document.read(), resource, namespace, name);
  const value = wish(request)(current);
  demandSame(resource, current, value);
  const { body } = readObject(value, resource, namespace);
  const { metadata, status, ...content } = body;
  // The status is changed by its own path, and nothing else is there.
  return keep(
    deps,
    current,
    subresource === "status"
      ? { ...current, status: status ?? {} }
      : {
          apiVersion: current.apiVersion,
          kind: current.kind,
          metadata: { ...fixed(current), ...Object(metadata) },
          ...withDefaults(resource.kind, { ...content, status: current.status }),
        },
    request.isRehearsal,
  );
}

/** The scale as it is. Source: the Kubernetes API reference, Scale. */
export function scaleOf({ metadata, spec, status }: KubeObject) {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const replicas: unknown = Reflect.get(Object(spec), "replicas");
  const selector: unknown = Reflect.get(Object(spec), "selector");
  // A ReplicationController's is the labels themselves.
  const labels: object = Object(Reflect.get(Object(selector), "matchLabels") ?? selector);
  const text = Object.entries(labels).map(([key, value]) => `${key}=${String(value)}`);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    // Zero is left out, as of every number there that need not be.
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: Reflect.get(Object(status), "replicas") ?? 0, selector: text.join(",") },
  };
}

/** @throws ApiError as changeObject */
export function changeScale(
  deps: ChangeDeps,
  resource: ApiResource,
  { namespace, name }: ChangedPart,
  request: ChangeRequest,
): ReturnType<typeof scaleOf> {
  const current = getObject(deps.document.read(), resource, namespace, name);
  const value = wish(request)(scaleOf(current));
  demandSame(resource, current, value);
  const parsed = replicasSchema.safeParse(value);
  if (!parsed.success) throw badRequest('Scale in version "v1" cannot be handled as a Scale');
  const replicas = parsed.data.spec?.replicas ?? 0;
  if (replicas < 0) {
    const fault = invalidValue("spec.replicas", replicas, "must be greater than or equal to 0");
    throw invalid({ group: "autoscaling", plural: "scales", kind: "Scale" }, name, [fault]);
  }
  const changed = { ...current, spec: { ...Object(current.spec), replicas } };
  return scaleOf(keep(deps, current, changed, request.isRehearsal));
}

/** @throws ApiError 400 for another object, 409 for an older state of it */
function demandSame(resource: ApiResource, { metadata }: KubeObject, value: unknown): void {
  const parsed = bodySchema.safeParse(value);
  if (!parsed.success) throw badRequest(`${resource.kind} cannot be read`);
  const { name, resourceVersion } = parsed.data.metadata ?? {};
  if (name && name !== metadata.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${metadata.name})`);
  }
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    const why = "the object has been modified; please apply your changes to the latest version and try again";
    throw conflict(resource, metadata.name, why);
  }
}

/** What of its metadata no client changes. */
function fixed({ metadata }: KubeObject): KubeObject["metadata"] {
  const { labels, annotations, finalizers, ownerReferences, ...rest } = metadata;
  return rest;
}

/** An object that is as it was is not written anew. */
function keep(deps: ChangeDeps, current: KubeObject, wanted: KubeObject, isRehearsal: boolean): KubeObject {
  if (isDeepStrictEqual(current, wanted)) return current;
  const generation = Number(current.metadata.generation ?? 1) + (isDeepStrictEqual(current.spec, wanted.spec) ? 0 : 1);
  const changed: KubeObject = {
    ...wanted,
    metadata: {
      ...wanted.metadata,
      ...(isGenerational(current.kind) ? { generation } : {}),
      resourceVersion: String(deps.document.read().revision + 1),
    },
  };
  if (isRehearsal) return changed;
  deps.document.update((state) => {
    state.revision += 1;
    state.objects = state.objects.map((one) => (one.metadata.uid === current.metadata.uid ? changed : one));
  });
  return changed;
}
