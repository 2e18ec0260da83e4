/** Reads what a pod names or runs: an image reference or id that may be of one registry. Used by in-use.ts. Pure. */
import { repositoriesSchema } from "../scope.ts";

/** What a reference uses of the registry. `whole`: it could not be read further, so that all of the repository is in use. */
export type UsedImage =
  | { readonly kind: "image"; readonly repository: string; readonly tag: string | null; readonly digest: string | null }
  | { readonly kind: "whole"; readonly repository: string };

/** How runtimes mark what they write: `docker-pullable://`, `docker://`. */
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;
/** Source: the reference grammar of the Docker distribution project; so are TAG and DIGEST. */
const REFERENCE = /^(?<repository>[^:@]+)(?::(?<tag>[^:@]*))?(?:@(?<digest>.*))?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[a-z][a-z0-9]*(?:[+._-][a-z][a-z0-9]*)*:[0-9a-f]{32,}$/i;
/** What a reference means that says neither tag nor digest. */
const DEFAULT_TAG = "latest";

/**
 * What a reference uses of this registry; null: nothing.
 * @param loginServer in lower case
 * @throws Error when it names the registry, and not even the repository can be read
 */
export function readReference(text: string, loginServer: string): UsedImage | null {
  const reference = text.trim().replace(SCHEME, "");
  const slash = reference.indexOf("/");
  if (slash === -1 || !isHostOf(reference.slice(0, slash), loginServer)) {
    if (isOfAnother(reference, slash) || !reference.toLowerCase().includes(loginServer)) return null;
    throw new Error("An image reference names the registry and cannot be read.");
  }
  const { repository = "", tag, digest } = REFERENCE.exec(reference.slice(slash + 1))?.groups ?? {};
  const isReadable = (tag === undefined || TAG.test(tag)) && (digest === undefined || DIGEST.test(digest));
  if (isRepository(repository) && isReadable) {
    const named = tag ?? (digest === undefined ? DEFAULT_TAG : null);
    return { kind: "image", repository, tag: named, digest: digest?.toLowerCase() ?? null };
  }
  const begin = /^[^:@]*/.exec(reference.slice(slash + 1))?.[0].toLowerCase() ?? "";
  if (isRepository(begin)) return { kind: "whole", repository: begin };
  throw new Error("An image reference names the registry, but no repository that can be read.");
}

const isRepository = (name: string): boolean => repositoriesSchema.safeParse([name]).success;

/**
 * The login server on any port, and its endpoints in single regions (NAME.REGION.geo.DOMAIN): the same images are there.
 * More hosts than necessary do no harm: what they name is kept.
 */
function isHostOf(written: string, loginServer: string): boolean {
  const host = written.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
  const dot = loginServer.indexOf(".");
  return (
    host === loginServer || (host.startsWith(loginServer.slice(0, dot + 1)) && host.endsWith(loginServer.slice(dot)))
  );
}

/** Well formed, and its host is another one. */
function isOfAnother(reference: string, slash: number): boolean {
  if (slash === -1) return false;
  return /^[a-z0-9.-]+(?::\d+)?$/i.test(reference.slice(0, slash)) && REFERENCE.test(reference.slice(slash + 1));
}
