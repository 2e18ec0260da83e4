/** Finds what a name that is no full id means, over several resource types. Used by candidate.ts. */
import pMap from "p-map";
import { ConflictError, DeniedError, InputError, NotFoundError } from "../errors.ts";
import { readClusterName } from "./cluster.ts";
import { RESOURCES } from "./find-resources.ts";
import type { Found, Reach } from "./found.ts";
import type { AzureView } from "./ports.ts";
import { readRegistryName } from "./registry.ts";
import { readBlobContainerName } from "./resource-name.ts";
import type { ResourceType } from "./resource-type.ts";
import { readSubscriptionName } from "./subscription.ts";

/** Whether a text can name a resource of a type. A secret has no name but its URL, and that is a full id. */
const MAY_NAME: Readonly<Record<ResourceType, (text: string) => boolean>> = {
  "azure-generic": (text) => readSubscriptionName(text) !== null,
  "blob-container": (text) => readBlobContainerName(text) !== null,
  "kubernetes-cluster": (text) => readClusterName(text) !== null,
  "docker-registry": (text) => readRegistryName(text) !== null,
  "key-vault-secret": () => false,
};

/** What looking for a name in one type gave; `outside`: the limits leave nothing of that name. */
type Sought =
  | { readonly kind: "found"; readonly found: Found }
  | { readonly kind: "several"; readonly candidates: readonly string[] }
  | { readonly kind: "none" }
  | { readonly kind: "outside"; readonly error: DeniedError };

/**
 * The one resource of that name. Every type in which the name is possible is looked at, and a failure in one of them
 * ends it: what was not seen might be what is meant.
 * @param types in which to look
 * @throws InputError INVALID_REQUEST (the text names nothing of these types), ConflictError AMBIGUOUS_RESOURCE with
 * candidates, NotFoundError RESOURCE_NOT_FOUND, DeniedError DENIED, and what AzureView throws
 */
export async function resolveAlias(
  view: AzureView,
  reach: Reach,
  text: string,
  types: readonly ResourceType[],
): Promise<Found> {
  const possible = types.filter((type) => MAY_NAME[type](text));
  if (possible.length === 0) {
    throw new InputError(
      "INVALID_REQUEST",
      `The resourceId names nothing that the connector can serve (${types.join(", ")}). Give its full id.`,
      { problems: [{ path: "/resourceId", expected: "a full id, or a name of one of the connector's types" }] },
    );
  }
  const sought = await pMap(possible, (type) => seek(view, reach, text, type));
  const found = sought.flatMap((one) => (one.kind === "found" ? [one.found] : []));
  const candidates = sought.flatMap((one) => {
    if (one.kind === "found") return [one.found.resourceId];
    return one.kind === "several" ? one.candidates : [];
  });
  if (candidates.length > 1) {
    throw new ConflictError(
      "AMBIGUOUS_RESOURCE",
      "Several resources within the connector have this name. Give the full id of the one that you mean.",
      { candidates },
    );
  }
  const [only] = found;
  if (only !== undefined) return only;
  const outside = sought.find((one) => one.kind === "outside");
  if (outside !== undefined) throw outside.error;
  throw new NotFoundError(
    "RESOURCE_NOT_FOUND",
    `Nothing within the connector has this name (looked for: ${possible.join(", ")}), or its identity may not see it. Check the name; listing needs the role Reader.`,
  );
}

async function seek(view: AzureView, reach: Reach, text: string, type: ResourceType): Promise<Sought> {
  try {
    return { kind: "found", found: await RESOURCES[type].resolve(view, reach, text) };
  } catch (error) {
    if (error instanceof ConflictError && error.code === "AMBIGUOUS_RESOURCE") {
      return { kind: "several", candidates: error.candidates };
    }
    if (error instanceof NotFoundError && error.code === "RESOURCE_NOT_FOUND") return { kind: "none" };
    if (error instanceof DeniedError && error.code === "DENIED") return { kind: "outside", error };
    throw error;
  }
}
