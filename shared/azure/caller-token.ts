/** Verifies the caller's bearer token. Every rule is here; what is not expressly right is refused. */
import {
  type CryptoKey,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { z } from "zod";
import { type CloudName, cloudOf } from "../cloud.ts";
import type { Config } from "../config.ts";
import { DeniedError, UpstreamError } from "../errors.ts";
import { type Principal, ROLES, type Role } from "../principal.ts";

/** Entra signs with RS256 alone; the header never chooses (RFC 8725, 3.1). */
const ALGORITHMS = ["RS256"];
/** Clocks may differ by this. */
const CLOCK_TOLERANCE_SECONDS = 60;
/** An unknown key id makes us fetch the keys anew, at most this often. */
const JWKS_COOLDOWN_MS = 30_000;
/** Keys are fetched anew daily, as Entra advises. */
const JWKS_MAX_AGE_MS = 24 * 3_600_000;
const JWKS_TIMEOUT_MS = 5_000;
/** A bearer token of Entra is far shorter; this bounds the work for garbage. */
const MAX_TOKEN_LENGTH = 16_384;

const claimsSchema = z.object({
  ver: z.enum(["1.0", "2.0"]),
  tid: z.guid().toLowerCase(),
  oid: z.guid().toLowerCase(),
  // Entra names one audience; a token for several services could be replayed here by any of them.
  aud: z.string(),
  sub: z.string().min(1),
  scp: z.string().optional(),
  idtyp: z.string().optional(),
  roles: z.array(z.string()).default([]),
  groups: z.array(z.guid().toLowerCase()).optional(),
  // Entra says so when the groups are too many for a token.
  hasgroups: z.boolean().optional(),
  _claim_names: z.object({ groups: z.string().optional() }).optional(),
});
type Claims = z.output<typeof claimsSchema>;

/** @throws DeniedError TOKEN_MISSING TOKEN_INVALID TOKEN_EXPIRED TOKEN_WRONG_AUDIENCE, UpstreamError UPSTREAM_TIMEOUT */
export type VerifyCaller = (authorization: string | null) => Promise<Principal>;

/** @param deps.fetch gets the signing keys; @param deps.now checks the times */
export function createCallerVerifier(deps: {
  cloud: CloudName;
  callers: Config["callers"];
  fetch: typeof fetch;
  now: () => Date;
}): VerifyCaller {
  const issuers = trustedIssuers(deps.cloud, deps.callers, deps.fetch);
  return async (authorization) => {
    const token = readBearer(authorization);
    const issuer = issuers.get(readIssuer(token));
    if (issuer === undefined) throw invalid("Its issuer is not one that this service trusts.");
    const { payload } = await verify(token, issuer, deps.now());
    const claims = claimsSchema.safeParse(payload);
    if (!claims.success) throw invalid("It lacks a claim that an access token of Entra has.");
    if (claims.data.ver !== issuer.version || claims.data.tid !== issuer.tenantId) {
      throw invalid("Its version or tenant does not fit its issuer.");
    }
    const kind = kindOf(claims.data);
    return {
      kind,
      issuer: issuer.url,
      tenantId: claims.data.tid,
      subject: claims.data.oid,
      id: `${kind}:${claims.data.tid}/${claims.data.oid}`,
      groups: groupsOf(claims.data),
      roles: ROLES.filter((role: Role) => claims.data.roles.includes(role)),
    };
  };
}

type Issuer = {
  readonly url: string;
  readonly version: Claims["ver"];
  readonly tenantId: string;
  readonly audiences: string[];
  readonly keys: JWTVerifyGetKey;
};

/** The v1 and v2 issuer of every pinned tenant; nothing else is ever asked for keys. */
function trustedIssuers(
  cloudName: CloudName,
  callers: Config["callers"],
  fetchKeys: typeof fetch,
): Map<string, Issuer> {
  const { authorityHost, v1Issuer } = cloudOf(cloudName);
  const issuers = callers.tenantIds.flatMap((tenantId): Issuer[] => {
    const published = createRemoteJWKSet(new URL(`${authorityHost}/${tenantId}/discovery/v2.0/keys`), {
      cooldownDuration: JWKS_COOLDOWN_MS,
      cacheMaxAge: JWKS_MAX_AGE_MS,
      timeoutDuration: JWKS_TIMEOUT_MS,
      // Redirects are refused: keys come from the authority or not at all.
      [customFetch]: (url, options) => fetchKeys(url, { ...options, redirect: "error" }),
    });
    // Entra always names its key; without a name the key would be a guess.
    const keys: JWTVerifyGetKey = (header, token) => {
      if (header.kid === undefined) throw new errors.JWKSNoMatchingKey();
      return published(header, token);
    };
    return [
      { url: `${authorityHost}/${tenantId}/v2.0`, version: "2.0", tenantId, audiences: [callers.apiClientId], keys },
      { url: `${v1Issuer}${tenantId}/`, version: "1.0", tenantId, audiences: [...callers.v1Audiences], keys },
    ];
  });
  return new Map(issuers.filter(({ audiences }) => audiences.length > 0).map((issuer) => [issuer.url, issuer]));
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
    throw invalid("It is not a signed JWT in the header Authorization: Bearer.");
  return token;
}

/** Reads `iss` before the signature is checked, only to choose which keys to check it with. */
function readIssuer(token: string): string {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return z.object({ iss: z.string() }).parse(payload).iss;
  } catch {
    throw invalid("Its payload cannot be read.");
  }
}

async function verify(token: string, issuer: Issuer, now: Date): Promise<{ payload: JWTPayload }> {
  try {
    return await jwtVerify<CryptoKey>(token, issuer.keys, {
      algorithms: ALGORITHMS,
      issuer: issuer.url,
      audience: issuer.audiences,
      requiredClaims: ["exp", "nbf", "aud", "iss"],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    });
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
      "The access token is for another service. Ask for one with the scope api://…/.default of this service's app registration.",
    );
  }
  if (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  ) {
    return invalid("Its signature or claims are not valid.");
  }
  return new UpstreamError("UPSTREAM_TIMEOUT", "The signing keys of Microsoft Entra could not be read. Try again.", {
    retryable: true,
  });
}

/** `idtyp` decides; without it a delegated token has `scp`, and an app's token has `oid` = `sub`. Else refused. */
function kindOf({ idtyp, scp, oid, sub }: Claims): "user" | "app" {
  if (idtyp === "app" && scp === undefined) return "app";
  if (idtyp === "user" && scp !== undefined) return "user";
  if (idtyp === undefined) {
    if (scp !== undefined) return "user";
    if (oid === sub.toLowerCase()) return "app";
  }
  throw invalid("It does not say whether a user or an app calls.");
}

/** Entra leaves groups out of a token when there are more than 200 and points to the directory instead. */
function groupsOf({ groups, hasgroups, _claim_names: elsewhere }: Claims): Principal["groups"] {
  if (groups !== undefined) return groups;
  return hasgroups === true || elsewhere?.groups !== undefined ? "overage" : [];
}

function invalid(why: string): DeniedError {
  return new DeniedError("TOKEN_INVALID", `The access token was refused. ${why} Get a new one for this service.`);
}
