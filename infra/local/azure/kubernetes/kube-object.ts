/** Objects as an API server keeps them, and what a cluster holds. Read and changed by every other file here. */
import { z } from "zod";
import type { Document } from "../../state.ts";
import type { ApiResource } from "./api-resources.ts";
import { apiVersionOf } from "./api-resources.ts";

const texts = z.record(z.string(), z.string());
/** Members of `metadata` that are read here; times are RFC 3339 in whole seconds. */
export const metadataSchema = z.looseObject({
  name: z.string().exactOptional(),
  generateName: z.string().exactOptional(),
  namespace: z.string().exactOptional(),
  labels: texts.nullable().exactOptional(),
  annotations: texts.nullable().exactOptional(),
  finalizers: z.array(z.string()).nullable().exactOptional(),
});

/** Who made an object known and when. */
export type Metadata = {
  readonly name: string;
  /** Left out of objects of the whole cluster. */
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly [member: string]: unknown;
};

/** An object of any kind. */
export type KubeObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [member: string]: unknown;
};

/** The state document of one cluster. Secrets stand in it in the clear: it is the cluster. */
export type ClusterState = {
  /** Counts changes. */
  revision: number;
  objects: KubeObject[];
  /** RSA key that signs tokens of ServiceAccounts; null until the first is asked for. */
  signingKey: JsonWebKey | null;
};
type JsonWebKey = import("node:crypto").webcrypto.JsonWebKey;

/** What a cluster holds. */
export type ClusterDocument = Document<ClusterState>;

/** @param namespace empty for objects of the whole cluster */
export function findObject(
  state: ClusterState,
  resource: Pick<ApiResource, "group" | "version" | "kind">,
  namespace: string,
  name: string,
): KubeObject | undefined {
  return objectsOf(state, resource, namespace).find(({ metadata }) => metadata.name === name);
}

/** @param namespace empty for all */
export function objectsOf(
  state: ClusterState,
  resource: Pick<ApiResource, "group" | "version" | "kind">,
  namespace: string,
): KubeObject[] {
  const apiVersion = apiVersionOf(resource);
  return state.objects.filter(
    (one) =>
      one.kind === resource.kind &&
      one.apiVersion === apiVersion &&
      (namespace === "" || one.metadata.namespace === namespace),
  );
}

/** Whole seconds, as Kubernetes writes times. */
export function timestamp(at: Date): string {
  return at.toISOString().replace(/\.\d+Z$/, "Z");
}
