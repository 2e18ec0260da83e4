/** As much of the OpenAPI documents as kubectl reads before it applies a file. Called by discovery.ts. */
import { API_RESOURCES, apiVersionOf } from "./api-resources.ts";

/** A document: JSON, or bytes of the media type that is named. */
export type OpenApiAnswer = { readonly json: unknown } | { readonly bytes: Buffer; readonly contentType: string };

/** Old clients ask for this form alone (with an `@`), and check nothing against a document that has no kinds in it. */
const V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/** Changes with what is served; clients may keep a document by it. */
const HASH = "1";

/**
 * The answer at a path, or undefined when there is none.
 * @param accept as the client sent it
 */
export function openApi(path: string, accept: string | undefined): OpenApiAnswer | undefined {
  if (path === "/openapi/v2") {
    return accept?.includes("protobuf")
      ? { bytes: emptyV2(), contentType: V2_PROTOBUF }
      : { json: { swagger: "2.0", info: { title: "Kubernetes", version: "v1" }, paths: {} } };
  }
  const groups = new Map(API_RESOURCES.map((one) => [pathOf(one), one] as const));
  if (path === "/openapi/v3") {
    const paths = [...groups.keys()].map((key) => [key, { serverRelativeURL: `/openapi/v3/${key}?hash=${HASH}` }]);
    return { json: { paths: Object.fromEntries(paths) } };
  }
  const group = path.startsWith("/openapi/v3/") ? groups.get(path.slice("/openapi/v3/".length)) : undefined;
  return group === undefined ? undefined : { json: v3Of(group) };
}

type Group = { readonly group: string; readonly version: string };
const pathOf = ({ group, version }: Group) => (group === "" ? `api/${version}` : `apis/${group}/${version}`);

/** Says of each kind that the server checks its fields, so that clients do not. */
function v3Of({ group, version }: Group) {
  const root = `/${pathOf({ group, version })}`;
  const kept = API_RESOURCES.filter((one) => one.group === group && one.version === version && !one.isReview);
  const paths = kept.map(({ plural, kind, namespaced }) => [
    `${root}${namespaced ? "/namespaces/{namespace}" : ""}/${plural}/{name}`,
    {
      patch: {
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": { group, kind, version },
        parameters: ["dryRun", "fieldManager", "fieldValidation"].map((name) => ({
          name,
          in: "query",
          schema: { type: "string", uniqueItems: true },
        })),
        responses: { 200: { description: "OK" } },
      },
    },
  ]);
  const info = { title: "Kubernetes", version: apiVersionOf({ group, version }) };
  return { openapi: "3.0.0", info, paths: Object.fromEntries(paths) };
}

/** A Document with `swagger`, `info` and no `paths`. Source of the numbers: google/gnostic, openapiv2/OpenAPIv2.proto. */
function emptyV2(): Buffer {
  const field = (number: number, content: Buffer | string) => {
    const bytes = Buffer.from(content);
    return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  };
  const info = Buffer.concat([field(1, "Kubernetes"), field(2, "v1")]);
  return Buffer.concat([field(1, "2.0"), field(2, info), field(8, Buffer.alloc(0))]);
}
