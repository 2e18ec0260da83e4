/** What caller-token.ts needs to know of an issuer of tokens; entra-issuer.ts and oidc-issuer.ts make them. */
import type { JWTPayload, JWTVerifyGetKey } from "jose";
import { DeniedError } from "../errors.ts";
import type { Principal } from "../principal.ts";

/** One issuer whose tokens are taken. */
export type TrustedIssuer = {
  /** `iss`, compared letter by letter. */
  readonly url: string;
  /** The token must be for one of these. */
  readonly audiences: readonly string[];
  readonly keys: JWTVerifyGetKey;
  /**
   * Who calls, by claims whose signature, times, issuer and audience are good.
   * @throws DeniedError TOKEN_INVALID
   */
  principalOf(claims: JWTPayload): Principal;
};

/** The refusal of a token that is not expressly right. @param why a sentence, without anything of the token */
export function invalidToken(why: string): DeniedError {
  return new DeniedError("TOKEN_INVALID", `The access token was refused. ${why} Get a new one for this service.`);
}
