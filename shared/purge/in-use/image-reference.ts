/** Reads what a pod names or runs: an image reference or id that may be of one registry. Used by read-in-use.ts. Pure. */
import { repositoriesSchema } from "../../scope.ts";

/**
 * What a reference uses of the registry. `whole`: it could not be read further, so that all of the repository is in use.
 * `anywhere`: another host's, or none; a mirror or cache may have it from here under any name, and a digest is the same content.
 */
export type UsedImage =
  | { readonly kind: "image"; readonly repository: string; readonly tag: string | null; readonly digest: string | null }
  | { readonly kind: "whole"; readonly repository: string }
  | { readonly kind: "anywhere"; readonly digest: string };

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
  const own = behindHost(reference, loginServer);
  if (own === null) {
    const digest = reference.slice(reference.indexOf("@") + 1).toLowerCase();
    if (DIGEST.test(digest)) return { kind: "anywhere", digest };
    if (isOfAnother(reference) || !reference.toLowerCase().includes(loginServer)) return null;
    throw new Error("An image reference names the registry and cannot be read.");
  }
  const { repository = "", tag, digest } = REFERENCE.exec(own)?.groups ?? {};
  const isReadable = (tag === undefined || TAG.test(tag)) && (digest === undefined || DIGEST.test(digest));
  if (isRepository(repository) && isReadable) {
    const named = tag ?? (digest === undefined ? DEFAULT_TAG : null);
    return { kind: "image", repository, tag: named, digest: digest?.toLowerCase() ?? null };
  }
  const begin = /^[^:@]*/.exec(own)?.[0].toLowerCase() ?? "";
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

/**
 * What stands behind the first segment that is the login server, null: none is. Behind another host it is what a mirror or a
 * pull-through cache calls the registry.
 */
function behindHost(reference: string, loginServer: string): string | null {
  for (let start = 0, end = reference.indexOf("/"); end !== -1; start = end + 1, end = reference.indexOf("/", start)) {
    if (isHostOf(reference.slice(start, end), loginServer)) return reference.slice(end + 1);
  }
  return null;
}

/** Well formed, and its host is another one. */
function isOfAnother(reference: string): boolean {
  const slash = reference.indexOf("/");
  if (slash === -1) return false;
  return /^[a-z0-9.-]+(?::\d+)?$/i.test(reference.slice(0, slash)) && REFERENCE.test(reference.slice(slash + 1));
}
