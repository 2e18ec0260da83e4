/** The one host of a registry that its tokens may be asked of. Used by registry-calls.ts and acr-transport.ts. */
import { type CloudName, cloudOf } from "../cloud.ts";
import type { Registry } from "../connectors/ports.ts";
import { UpstreamError } from "../errors.ts";
import { mayReceiveToken } from "../token-host.ts";

/** A hash behind the name, which Azure adds so that a name can be used again. Source: the ACR documentation on DNL scopes. */
const HASH = /^-[a-z0-9]{1,20}$/;

/**
 * Origin of a registry. ARM says what its host is called, and is held to it: NAME or NAME-hash in the cloud's domain, so
 * that no token for one registry is asked of another.
 * @throws UpstreamError UPSTREAM_REFUSED for any other host
 */
export function registryOrigin(
  { registry, loginServer }: Pick<Registry, "registry" | "loginServer">,
  cloud: CloudName,
) {
  const origin = `https://${loginServer}`;
  const name = registry.toLowerCase();
  const suffix = `.${cloudOf(cloud).registrySuffix}`;
  const hash = loginServer.slice(name.length, -suffix.length);
  const isItsOwn = (hash === "" || HASH.test(hash)) && loginServer === `${name}${hash}${suffix}`;
  if (isItsOwn && mayReceiveToken(origin, cloud)) return origin;
  // The host is not repeated: it is not ours.
  throw new UpstreamError(
    "UPSTREAM_REFUSED",
    "Azure names a host for this registry that is none of its own; nothing was sent there.",
    { retryable: false },
  );
}
