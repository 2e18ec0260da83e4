/** Verifies the caller's bearer token. What is not expressly right is refused. Called by functions/route.ts. */
import { type CryptoKey, errors, type JWTPayload, jwtVerify } from "jose";
import { z } from "zod";
import type { CloudName } from "../cloud.ts";
import type { Config } from "../config.ts";
import { DeniedError, UpstreamError } from "../errors.ts";
import type { Principal } from "../principal.ts";
import { entraIssuers } from "./entra-issuer.ts";
import { oidcIssuers } from "./oidc-issuer.ts";
import { invalidToken, type TrustedIssuer } from "./trusted-issuer.ts";

/** Entra, GitHub and AKS sign with RS256 alone; the header never chooses (RFC 8725, 3.1). */
const ALGORITHMS = ["RS256"];
/** Clocks may differ by this. */
const CLOCK_TOLERANCE_SECONDS = 60;
/** A bearer token of any issuer is far shorter; this bounds the work for garbage. */
const MAX_TOKEN_LENGTH = 16_384;

/** @throws DeniedError TOKEN_MISSING TOKEN_INVALID TOKEN_EXPIRED TOKEN_WRONG_AUDIENCE, UpstreamError UPSTREAM_TIMEOUT */
export type VerifyCaller = (authorization: string | null) => Promise<Principal>;

/** @param deps.fetch gets the signing keys; @param deps.now checks the times */
export function createCallerVerifier(deps: {
  cloud: CloudName;
  callers: Config["callers"];
  fetch: typeof fetch;
  now: () => Date;
}): VerifyCaller {
  const trusted = [
    ...oidcIssuers(deps.callers.oidcIssuers, deps.fetch),
    // Last, so that no setting can put other rules in the place of Entra's.
    ...entraIssuers(deps.cloud, deps.callers, deps.fetch),
  ];
  const issuers = new Map(trusted.map((issuer) => [issuer.url, issuer]));
  return async (authorization) => {
    const token = readBearer(authorization);
    const issuer = issuers.get(readIssuer(token));
    if (issuer === undefined) throw invalidToken("Its issuer is not one that this service trusts.");
    return issuer.principalOf(await verify(token, issuer, deps.now()));
  };
}

function readBearer(authorization: string | null): string {
  if (authorization === null || authorization === "") {
    throw new DeniedError(
      "TOKEN_MISSING",
      "Send an access token for this service in the header Authorization: Bearer.",
    );
  }
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]*)$/i.exec(authorization)?.[1];
  if (token === undefined || token.length > MAX_TOKEN_LENGTH)
    throw invalidToken("It is not a signed JWT in the header Authorization: Bearer.");
  return token;
}

/** Reads `iss` before the signature is checked, only to choose which keys to check it with. */
function readIssuer(token: string): string {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return z.object({ iss: z.string() }).parse(payload).iss;
  } catch {
    throw invalidToken("Its payload cannot be read.");
  }
}

async function verify(token: string, issuer: TrustedIssuer, now: Date): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify<CryptoKey>(token, issuer.keys, {
      algorithms: ALGORITHMS,
      issuer: issuer.url,
      audience: [...issuer.audiences],
      requiredClaims: ["exp", "nbf", "aud", "iss"],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    });
    return payload;
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(error: unknown): Error {
  if (error instanceof errors.JWTExpired) {
    return new DeniedError("TOKEN_EXPIRED", "The access token has expired. Get a new one.");
  }
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === "aud") {
    return new DeniedError(
      "TOKEN_WRONG_AUDIENCE",
      "The access token is for another service. Ask Entra for one with the scope api://…/.default of this service's app registration, any other issuer for one with the audience that this service's settings name.",
    );
  }
  if (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  ) {
    return invalidToken("Its signature or claims are not valid.");
  }
  return new UpstreamError("UPSTREAM_TIMEOUT", "The signing keys of the token's issuer could not be read. Try again.", {
    retryable: true,
  });
}
