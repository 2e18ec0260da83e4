/** Lives that a caller chooses: how long a credential lives then. Pure. Used by the forms whose life is chosen. */
import type { Opened } from "../connectors/ports.ts";
import { ConflictError, DeniedError, InputError } from "../errors.ts";
import { longestLifeSeconds } from "./lease.ts";
import type { MintRequest } from "./minted.ts";

/** When the caller asks for no life, and the grant gives as much. */
export const DEFAULT_TTL_SECONDS = 3600;

/**
 * Whole seconds: what the caller asked for, or an hour, or what is left if that is less.
 * @throws InputError INVALID_REQUEST for a life beyond the connector's; ConflictError CONNECTOR_EXPIRED, DeniedError DENIED
 * when the connector or the grant ends within the second
 */
export function chosenLifeSeconds(
  request: Pick<MintRequest, "ttlSeconds" | "maxTtlSeconds" | "grantExpiresAt">,
  connector: Pick<Opened["connector"], "expiresAt">,
  now: Date,
): number {
  const longest = longestLifeSeconds([connector.expiresAt, request.grantExpiresAt], now);
  if (longest < 1) throw nothingLeft(connector.expiresAt, now);
  const ttlSeconds = request.ttlSeconds ?? Math.min(DEFAULT_TTL_SECONDS, request.maxTtlSeconds, longest);
  if (ttlSeconds <= longest) return ttlSeconds;
  const problems = [{ path: "/ttlSeconds", expected: `at most ${longest}` }];
  throw new InputError("INVALID_REQUEST", `The connector expires in ${longest} seconds. Ask for a shorter life.`, {
    problems,
  });
}

/** A credential without a life would be recorded as lent and be worth nothing. */
function nothingLeft(connectorExpiresAt: string | null, now: Date): ConflictError | DeniedError {
  return longestLifeSeconds([connectorExpiresAt], now) < 1
    ? new ConflictError("CONNECTOR_EXPIRED", "This connector expires now. An administrator can register a new one.")
    : new DeniedError("DENIED", "The grant ends now. An administrator can extend it.");
}
