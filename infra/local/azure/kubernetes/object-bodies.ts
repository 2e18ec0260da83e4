/** Reads what a client sends: the object of a create, the options of a delete. Called by object-operations.ts. */
import { parse } from "yaml";
import { z } from "zod";
import { type ApiResource, apiVersionOf } from "./api-resources.ts";
import { ApiError, badRequest, invalid } from "./api-status.ts";
import { contentFaults } from "./content-faults.ts";
import { type KubeObject, metadataSchema } from "./kube-object.ts";
import {
  annotationFaults,
  dataKeyFaults,
  type Fault,
  generatedName,
  labelFaults,
  type NameGrammar,
  nameFaults,
  requiredValue,
} from "./object-names.ts";
import { PROTOBUF, readProtobuf } from "./protobuf-bodies.ts";

const objectSchema = z.looseObject({
  apiVersion: z.string().default(""),
  kind: z.string().default(""),
  metadata: metadataSchema.nullable().default({}),
});
const secretSchema = z.looseObject({
  type: z
    .string()
    .nullish()
    .transform((type) => type || "Opaque"),
  data: z.record(z.string(), z.string().nullable()).nullable().default({}),
  stringData: z.record(z.string(), z.string()).nullable().default({}),
  immutable: z.boolean().nullish(),
});
const deleteOptionsSchema = z.looseObject({
  preconditions: z.object({ uid: z.string().nullish(), resourceVersion: z.string().nullish() }).nullish(),
  dryRun: z.array(z.string()).nullish(),
});

/** What must hold of an object that is to be deleted, and whether it is a rehearsal. */
export type DeleteOptions = z.infer<typeof deleteOptionsSchema>;
/** An object as a client wants it, without what the server adds. */
export type WantedObject = { readonly name: string; readonly body: Readonly<Record<string, unknown>> };

/** Bytes of a Secret's values together. Source: kubernetes, pkg/apis/core/types.go, MaxSecretSize. */
const MAX_SECRET_BYTES = 1_048_576;
/** Secrets of this type are filled by the cluster with tokens that do not end; nothing does that here. */
const LEGACY_TOKEN_TYPE = "kubernetes.io/service-account-token";
/** Names of roles and bindings need only fit in a path. */
const PATH_NAMED = new Set(["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]);

/**
 * What a body says: JSON, YAML or protobuf.
 * @throws ApiError 400 when it is none, 415 when it is of a type that is not taken
 */
export function parseBody(body: Buffer, contentType: string | undefined): unknown {
  const type = (contentType ?? "application/json").replace(/;.*$/s, "").trim().toLowerCase();
  if (type === PROTOBUF) return readProtobuf(body);
  if (type === "application/yaml") return tried(() => parse(body.toString("utf8")));
  if (type === "application/json") return tried(() => JSON.parse(body.toString("utf8")));
  const taken = `application/json, application/yaml, ${PROTOBUF}`;
  const message = `the body of the request was in an unknown format - accepted media types include: ${taken}`;
  throw new ApiError(415, "UnsupportedMediaType", message);
}

function tried(read: () => unknown): unknown {
  try {
    return read();
  } catch (cause) {
    throw badRequest(`couldn't get version/kind; json parse error: ${cause instanceof Error ? cause.message : "?"}`);
  }
}

/**
 * @param namespace that of the path; empty for the whole cluster
 * @throws ApiError 400 when it is of another kind or place, 422 when it is wrong
 */
export function readObject(value: unknown, resource: ApiResource, namespace: string): WantedObject {
  const parsed = objectSchema.safeParse(value);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join(".") ?? "";
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${field}`,
    );
  }
  const { apiVersion, kind, metadata, ...rest } = parsed.data;
  const wanted = apiVersionOf(resource);
  // A body that does not say what it is, is what the path says.
  if ((kind !== "" && kind !== resource.kind) || (apiVersion !== "" && apiVersion !== wanted)) {
    throw badRequest(
      `the API version in the data (${apiVersion}) and kind (${kind}) do not match the expected ${wanted} ${resource.kind}`,
    );
  }
  const given = metadata ?? {};
  if (given.namespace !== undefined && given.namespace !== "" && given.namespace !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
  const name = given.name || (given.generateName ? generatedName(given.generateName) : "");
  const isSecret = resource.group === "" && resource.kind === "Secret";
  const content = isSecret ? readSecret(rest, name, resource) : rest;
  const faults = [
    ...(name === ""
      ? [requiredValue("metadata.name", "name or generateName is required")]
      : nameFaults(name, grammarOf(resource))),
    ...labelFaults(given.labels ?? {}),
    ...annotationFaults(given.annotations ?? {}),
    ...contentFaults(resource.kind, content),
  ];
  refuseFaults(resource, name, faults);
  const kept = Object.fromEntries(
    Object.entries({
      generateName: given.generateName || undefined,
      labels: given.labels,
      annotations: given.annotations,
      finalizers: given.finalizers,
      ownerReferences: given.ownerReferences,
    }).filter(([, member]) => member !== undefined && member !== null),
  );
  return { name, body: { ...content, metadata: kept } };
}

/** @throws ApiError 400 when they cannot be read */
export function readDeleteOptions(value: unknown): DeleteOptions {
  const parsed = deleteOptionsSchema.safeParse(value ?? {});
  if (!parsed.success) throw badRequest("DeleteOptions cannot be read");
  return parsed.data;
}

function readSecret(rest: Readonly<Record<string, unknown>>, name: string, resource: ApiResource) {
  const parsed = secretSchema.safeParse(rest);
  const unreadable = (why: string) => badRequest(`Secret in version "v1" cannot be handled as a Secret: ${why}`);
  if (!parsed.success) throw unreadable(parsed.error.issues[0]?.path.join(".") ?? "");
  const { data, stringData, ...others } = parsed.data;
  if (others.type === LEGACY_TOKEN_TYPE) {
    throw new ApiError(501, "NotImplemented", `The local API server fills no Secret of type ${LEGACY_TOKEN_TYPE}.`);
  }
  const values = Object.entries(data ?? {}).map(([key, text]) => [key, text ?? ""] as const);
  if (values.some(([, text]) => Buffer.from(text, "base64").toString("base64") !== text)) {
    throw unreadable("illegal base64 data at input byte 0");
  }
  const strings = Object.entries(stringData ?? {}).map(
    ([key, text]) => [key, Buffer.from(text).toString("base64")] as const,
  );
  const all = Object.fromEntries([...values, ...strings]);
  const bytes = Object.values(all).reduce((sum, text) => sum + Buffer.byteLength(text, "base64"), 0);
  refuseFaults(resource, name, [
    ...dataKeyFaults(Object.keys(all)),
    ...(bytes > MAX_SECRET_BYTES
      ? [
          {
            reason: "FieldValueTooLong",
            message: `Too long: may not be more than ${MAX_SECRET_BYTES} bytes`,
            field: "data",
          },
        ]
      : []),
  ]);
  return { ...others, ...(Object.keys(all).length === 0 ? {} : { data: all }) };
}

function refuseFaults(resource: ApiResource, name: string, faults: readonly Fault[]): void {
  if (faults.length > 0) throw invalid(resource, name, faults);
}

function grammarOf({ kind }: ApiResource): NameGrammar {
  if (kind === "Namespace") return "label";
  return PATH_NAMED.has(kind) ? "path" : "subdomain";
}

/** What the server leaves of an object's state for a client to see: all of it, in the order of the API. */
export function inOrder({ kind, apiVersion, metadata, ...rest }: KubeObject): Record<string, unknown> {
  return { kind, apiVersion, metadata, ...rest };
}
