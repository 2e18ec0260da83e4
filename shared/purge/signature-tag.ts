/** Tags that name what they belong to by its digest: signatures, attestations, SBOMs. Used by repository-items.ts, keep-newest.ts and repository-now.ts. Pure. */

/**
 * The digest with a hyphen, of longer digests its first 64 digits, and what it is. Sources: the signature storage
 * specification of cosign; the OCI distribution specification, "Referrers Tag Schema".
 */
const SIGNATURE_TAG = /^(sha256|sha512)-([0-9a-f]{64})(?:[.-].*)?$/;
/** `sha256:` and 64 digits. */
const KEY_LENGTH = 7 + 64;

/** What keyOfDigest says of the digest that a tag's name belongs to; null for any other name. */
export function signedKey(tag: string): string | null {
  const [, algorithm, digits] = SIGNATURE_TAG.exec(tag) ?? [];
  return digits === undefined ? null : `${algorithm}:${digits}`;
}

/** As much of a digest as such a tag can name. */
export function keyOfDigest(digest: string): string {
  return digest.slice(0, KEY_LENGTH);
}
