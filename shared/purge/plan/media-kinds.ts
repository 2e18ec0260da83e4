/** What the body of a manifest can say, by its media type. Used by the plan, and while applying. Pure. */

/**
 * Can have a subject, but no children. Sources: the OCI image specification 1.1; the OCI artifact manifest of its release
 * candidates and the ORAS artifact manifest, both of which registries still hold.
 */
const WITH_SUBJECT: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.artifact.manifest.v1+json",
  "application/vnd.cncf.oras.artifact.manifest.v1+json",
]);
/** Can have neither. Source: the Docker image manifest specifications, version 2, schemas 1 and 2. */
const PLAIN: ReadonlySet<string> = new Set([
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
]);

/** `subject`: only that. `nothing`: neither children nor a subject. `anything`: indexes, and all types that are not known. */
export type BodySays = "anything" | "subject" | "nothing";

/** @param mediaType null = not told */
export function bodySays(mediaType: string | null): BodySays {
  if (mediaType !== null && WITH_SUBJECT.has(mediaType)) return "subject";
  return mediaType !== null && PLAIN.has(mediaType) ? "nothing" : "anything";
}
