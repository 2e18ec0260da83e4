/** Makes the credential of an allowed request. Nothing is recorded here. Used by issue and renew. */
import { InputError } from "../errors.ts";
import { type BlobAccess, DEFAULT_TTL_SECONDS, sasPermissions } from "./blob-container.ts";
import { leaseTimes, longestLifeSeconds } from "./lease.ts";
import type { Authorized, BlobSas, IssueBlobSas, OpenContainer } from "./ports.ts";

/** What making a credential needs. */
export type MintDeps = { readonly openContainer: OpenContainer; readonly issueBlobSas: IssueBlobSas };
/** A credential and what it is for. */
export type Minted = {
  readonly connector: { readonly id: string; readonly name: string; readonly expiresAt: string | null };
  readonly resourceId: string;
  readonly displayName: string;
  readonly account: string;
  readonly container: string;
  readonly times: ReturnType<typeof leaseTimes>;
  readonly credential: BlobSas;
};

/**
 * @param request.ttlSeconds null: the default, or what is allowed if that is less
 * @throws what OpenContainer and IssueBlobSas throw; InputError INVALID_REQUEST for a life beyond the connector's
 */
export async function mint(
  deps: MintDeps,
  request: Authorized & { connector: string; access: readonly BlobAccess[]; ttlSeconds: number | null },
  now: Date,
): Promise<Minted> {
  const { connector, resourceId, displayName, container, signIn } = await deps.openContainer(
    request.connector,
    request.resourceId,
  );
  const longest = longestLifeSeconds([connector.expiresAt, request.grantExpiresAt], now);
  const ttlSeconds = request.ttlSeconds ?? Math.min(DEFAULT_TTL_SECONDS, request.maxTtlSeconds, longest);
  if (ttlSeconds > longest) {
    const problems = [{ path: "/ttlSeconds", expected: `at most ${longest}` }];
    throw new InputError("INVALID_REQUEST", `The connector expires in ${longest} seconds. Ask for a shorter life.`, {
      problems,
    });
  }
  const times = leaseTimes(now, ttlSeconds);
  const credential = await deps.issueBlobSas({
    signIn,
    account: container.account,
    container: container.container,
    permissions: sasPermissions(request.access),
    expiresAt: new Date(times.expiresAt),
  });
  return {
    connector,
    resourceId,
    displayName,
    account: container.account,
    container: container.container,
    times,
    credential,
  };
}
