/** What an API server says of itself: version, groups, resources, in the form that every client knows. Called by kubernetes.ts. */
import { API_RESOURCES, type ApiResource, apiVersionOf, KEPT_VERBS } from "./api-resources.ts";
import { type OpenApiAnswer, openApi } from "./openapi.ts";

/** `/version` of the release that the local ARM shows. */
const VERSION = {
  major: "1",
  minor: "33",
  emulationMajor: "1",
  emulationMinor: "33",
  minCompatibilityMajor: "1",
  minCompatibilityMinor: "32",
  gitVersion: "v1.33.3",
  gitCommit: "80779bd6ff08b451e1c165a338a7b69351e9b0b8",
  gitTreeState: "clean",
  buildDate: "2025-07-15T18:00:00Z",
  goVersion: "go1.24.4",
  compiler: "gc",
  platform: "linux/amd64",
};
const HEALTH_PATHS = new Set(["/healthz", "/livez", "/readyz"]);

/** An answer: an object as JSON, plain text, or a document in another form. */
export type DiscoveryAnswer = OpenApiAnswer | { readonly text: string };

/** The answer at a path without a resource, or undefined when the server has none there. `accept` as the client sent it. */
export function discover(path: string, accept?: string): DiscoveryAnswer | undefined {
  if (HEALTH_PATHS.has(path)) return { text: "ok" };
  if (path.startsWith("/openapi/")) return openApi(path, accept);
  const [root, group, version, ...rest] = path.split("/").filter(Boolean);
  if (rest.length > 0) return undefined;
  if (root === "version" && group === undefined) return { json: VERSION };
  if (root === "api") {
    if (group === undefined) return { json: { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] } };
    return version === undefined ? resourceList("", group) : undefined;
  }
  if (root !== "apis") return undefined;
  if (group === undefined) {
    return { json: { kind: "APIGroupList", apiVersion: "v1", groups: groupNames().map(describeGroup) } };
  }
  if (!groupNames().includes(group)) return undefined;
  if (version === undefined) return { json: { kind: "APIGroup", apiVersion: "v1", ...describeGroup(group) } };
  return resourceList(group, version);
}

/** Whether anything is served in that group and version. */
export function hasGroupVersion(group: string, version: string): boolean {
  return API_RESOURCES.some((one) => one.group === group && one.version === version);
}

const groupNames = () => [...new Set(API_RESOURCES.map(({ group }) => group))].filter((group) => group !== "");

function describeGroup(name: string) {
  const version = { groupVersion: `${name}/v1`, version: "v1" };
  return { name, versions: [version], preferredVersion: version };
}

function resourceList(group: string, version: string): DiscoveryAnswer | undefined {
  const inGroup = API_RESOURCES.filter((one) => one.group === group && one.version === version);
  if (inGroup.length === 0) return undefined;
  const groupVersion = apiVersionOf({ group, version });
  // The core group's list has no apiVersion.
  const head = group === "" ? { kind: "APIResourceList" } : { kind: "APIResourceList", apiVersion: "v1" };
  return { json: { ...head, groupVersion, resources: inGroup.flatMap(describeResource) } };
}

function describeResource(resource: ApiResource) {
  const { plural, singular, namespaced, kind, shortNames, categories } = resource;
  return [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs: resource.isReview ? ["create"] : KEPT_VERBS,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    },
    ...resource.subresources.map(({ name, verbs, group, version, ...part }) => ({
      name: `${plural}/${name}`,
      singularName: "",
      namespaced,
      ...(group === undefined ? {} : { group }),
      ...(version === undefined ? {} : { version }),
      kind: part.kind,
      verbs,
    })),
  ];
}
