/** Names of repositories, tags and digests as they stand in paths. Used by the routes of registries. */
import { digestInvalid, nameInvalid, RegistryError } from "./registry-errors.ts";

/** Source: OCI distribution specification 1.1, "Pulling manifests". */
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** The only algorithm that every registry has to take. */
const DIGEST = /^sha256:[a-f0-9]{64}$/;
/** Characters. Source: OCI distribution specification 1.1: many clients go no further. */
const MAX_NAME_LENGTH = 255;

/**
 * @param part of a path as it was sent: `%2F` is the slash between components, and nothing else needs an escape
 * @throws RegistryError NAME_INVALID
 */
export function repositoryName(part: string): string {
  const name = decoded(part);
  if (name === null || !isRepositoryName(name)) throw nameInvalid(name ?? part);
  return name;
}

export function isRepositoryName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && NAME.test(text);
}

/**
 * What names a manifest.
 * @throws RegistryError TAG_INVALID or DIGEST_INVALID
 */
export function reference(part: string): { readonly digest: string } | { readonly tag: string } {
  const text = decoded(part) ?? "";
  if (text.includes(":")) return { digest: digestOf(text) };
  if (!TAG.test(text)) throw new RegistryError(400, "TAG_INVALID", "manifest tag did not match URI", { detail: text });
  return { tag: text };
}

/** @throws RegistryError DIGEST_INVALID */
export function digestOf(text: string): string {
  const digest = decoded(text) ?? "";
  if (!isDigest(digest)) throw digestInvalid("invalid checksum digest format");
  return digest;
}

export function isDigest(text: unknown): text is string {
  return typeof text === "string" && DIGEST.test(text);
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
