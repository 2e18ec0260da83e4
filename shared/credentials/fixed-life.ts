/** Tokens whose life Azure alone decides: whether one may be lent for that long. Pure. Used by the types that lend such. */
import type { Opened } from "../connectors/ports.ts";
import { DeniedError } from "../errors.ts";
import { utc } from "../time.ts";
import type { MintRequest } from "./minted.ts";

/**
 * A token may end this much after the life that was allowed, in seconds: Entra's live 60 to 90 minutes and a registry's
 * 75, where a grant gives an hour unless it says more. The lease says when it really ends.
 */
export const OVERSHOOT_SECONDS = 1_800;

/** A life counts from the issue, by the issuer's clock: what ends this much later, in seconds, is as long as was allowed. */
export const CLOCK_SECONDS = 60;

/** A token that was made, and what allowed it. */
export type FixedLife = {
  /** OVERSHOOT_SECONDS unless the form's tokens live for longer than others. */
  readonly overshootSeconds?: number;
  /** Read from the token. */
  readonly expiresAt: Date;
  readonly request: Pick<MintRequest, "ttlSeconds" | "maxTtlSeconds" | "grantExpiresAt">;
  readonly connector: Pick<Opened["connector"], "expiresAt" | "setToEndAt">;
  readonly now: Date;
};

/**
 * Warnings for the answer: that it outlives what was asked for or granted.
 * @throws DeniedError SCOPE_TOO_WIDE for a token that outlives what was set for its connector or grant at all, or the life
 * that is allowed by more than the overshoot: nobody can shorten it
 */
export function refuseTooLong({
  expiresAt,
  request,
  connector,
  now,
  overshootSeconds = OVERSHOOT_SECONDS,
}: FixedLife): readonly string[] {
  const lifeSeconds = Math.min(request.ttlSeconds ?? Number.POSITIVE_INFINITY, request.maxTtlSeconds);
  const allowed = new Date(now.getTime() + lifeSeconds * 1000);
  const longest = new Date(allowed.getTime() + overshootSeconds * 1000);
  // Not when its sign-in ends by itself: a given access token does within the hour, and what is made of it lives longer.
  const { setToEndAt = connector.expiresAt } = connector;
  const ends = [setToEndAt, request.grantExpiresAt, utc(longest)];
  const end = ends.find((time) => time !== null && Date.parse(time) < expiresAt.getTime());
  if (end !== undefined) {
    throw new DeniedError(
      "SCOPE_TOO_WIDE",
      `The token would work until ${utc(expiresAt)}, but it may work until ${end} at the latest, and nobody can shorten it. Leave ttlSeconds out, or ask for a form whose life can be chosen (docker-login, service-account); or have the connector or the grant extended: Entra gives tokens of 60 to 90 minutes, some of a day, a registry of 75 minutes and of 3 hours.`,
    );
  }
  if (expiresAt.getTime() <= allowed.getTime() + CLOCK_SECONDS * 1000) {
    const { ttlSeconds } = request;
    const isShorter = ttlSeconds !== null && expiresAt.getTime() < now.getTime() + (ttlSeconds - CLOCK_SECONDS) * 1000;
    return isShorter
      ? [
          `This token ends at ${utc(expiresAt)}, before the ${ttlSeconds} seconds that were asked for: its life is Azure's choice.`,
        ]
      : [];
  }
  return [
    `This token works until ${utc(expiresAt)}, longer than the ${lifeSeconds} seconds that were allowed: its life is Azure's choice.`,
  ];
}
