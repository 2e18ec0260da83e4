/** Checks a client's signed assertion: its own certificate's, or a token of an issuer that it trusts. Used by client-request.ts. */
import type { KeyObject, webcrypto } from "node:crypto";
import { compactVerify, decodeJwt, decodeProtectedHeader, errors } from "jose";
import { z } from "zod";
import type { SeedTenant } from "../../seed.ts";
import {
  algorithmUnsupported,
  assertionMalformed,
  assertionOfAnotherClient,
  audienceOfAnotherRealm,
  certificateRefused,
  federationMismatch,
  issuerKeyUnknown,
  issuerUnreachable,
  noFederatedCredential,
  onlyManagedIdentities,
  outsideValidTime,
  subjectInOtherCase,
  subjectIsNotIssuer,
  thumbprintMissing,
} from "./assertion-errors.ts";
import type { RegisteredCertificate } from "./client-certificates.ts";
import type { Client } from "./directory.ts";
import { TOKEN_EXCHANGE } from "./resources.ts";

/** Seconds by which clocks may differ. Entra does not say how many it allows; its libraries take five minutes. */
const CLOCK_SKEW_SECONDS = 300;
/** Names of the authority. A client may have reached it by another one than that of its assertion. */
const AUTHORITY_HOSTS = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"];
const CERTIFICATE_ALGORITHMS = ["RS256", "PS256"];
const FEDERATION_ALGORITHMS = ["RS256"];
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The key by which an issuer signs, with the id that its tokens name. */
export type IssuerKey = { readonly kid: string; readonly publicKey: webcrypto.CryptoKey };

/** What assertions are checked against. */
export type AssertionDeps = {
  readonly certificates: readonly RegisteredCertificate[];
  /** Keys of the issuers that this Entra can ask; undefined for every other. */
  readonly issuerKey: (issuer: string) => IssuerKey | undefined;
  readonly now: () => Date;
};

const headerSchema = z.object({
  alg: z.string(),
  kid: z.string().optional(),
  x5t: z.string().optional(),
  "x5t#S256": z.string().optional(),
});
/** Seconds; the end of the year 9999 is the last time that Entra can write down. */
const numericDate = z.number().min(0).max(253_402_300_799);
const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.array(z.string()).nonempty()]),
  exp: numericDate,
  nbf: numericDate.optional(),
  xms_mirid: z.string().optional(),
});
type Claims = z.output<typeof claimsSchema>;
type Header = z.output<typeof headerSchema>;

/**
 * An assertion that the client issued itself must be signed with its certificate; another issuer's must fit one of its
 * federated credentials.
 * @param tenant where the token is asked for
 * @throws SignInError with the number that says what is wrong
 */
export async function checkClientAssertion(
  deps: AssertionDeps,
  tenant: SeedTenant,
  client: Client,
  assertion: string,
): Promise<void> {
  const { header, claims } = parse(assertion);
  if (same(claims.iss, client.clientId)) return checkOwn(deps, tenant, client, assertion, header, claims);
  // Otherwise every mistake in the name of the client would be said of federated credentials.
  if (GUID.test(claims.iss)) throw assertionOfAnotherClient();
  return checkFederated(deps, client, assertion, header, claims);
}

async function checkOwn(
  deps: AssertionDeps,
  tenant: SeedTenant,
  client: Client,
  assertion: string,
  header: Header,
  claims: Claims,
): Promise<void> {
  if (!CERTIFICATE_ALGORITHMS.includes(header.alg)) throw algorithmUnsupported(header.alg, CERTIFICATE_ALGORITHMS);
  const named = header["x5t#S256"] ?? header.x5t;
  if (!named) throw thumbprintMissing();
  const thumbprint = Buffer.from(named, "base64url");
  const hex = thumbprint.toString("hex").toUpperCase();
  const found = deps.certificates.find(
    (one) => same(one.clientId, client.clientId) && one.thumbprints.some((known) => known.equals(thumbprint)),
  );
  if (found === undefined) throw certificateRefused("unknown", hex, client.clientId);
  const at = deps.now();
  if (at < found.from || at > found.until) throw certificateRefused("expired", hex, client.clientId, found);
  if (!(await isSignedBy(assertion, found.publicKey, CERTIFICATE_ALGORITHMS))) {
    throw certificateRefused("signature", hex, client.clientId, found);
  }
  if (!same(claims.sub, claims.iss)) throw subjectIsNotIssuer();
  // Several audiences are malformed here, and fine in a token of another issuer.
  if (typeof claims.aud !== "string") throw assertionMalformed();
  if (!isAuthority(claims.aud, tenant)) throw audienceOfAnotherRealm();
  checkTimes(claims, at);
}

async function checkFederated(
  deps: AssertionDeps,
  client: Client,
  assertion: string,
  header: Header,
  claims: Claims,
): Promise<void> {
  const trusted = client.federatedCredentials;
  if (trusted.length === 0) throw noFederatedCredential(client.name, client.clientId);
  const { iss, sub } = claims;
  const ofIssuer = trusted.filter(({ issuer }) => issuer === iss);
  if (ofIssuer.length === 0) throw federationMismatch("issuer", iss);
  const ofSubject = ofIssuer.filter(({ subject }) => subject === sub);
  if (ofSubject.length === 0) {
    const inOtherCase = ofIssuer.some(({ subject }) => same(subject, sub));
    throw inOtherCase ? subjectInOtherCase(sub) : federationMismatch("subject", sub);
  }
  const audiences = [claims.aud].flat();
  // Entra's own tokens for the exchange name the application behind it instead of its address.
  const addresses = audiences.flatMap((one) => (one === TOKEN_EXCHANGE.clientId ? TOKEN_EXCHANGE.names : [one]));
  if (!ofSubject.some((one) => one.audiences.some((wanted) => addresses.includes(wanted)))) {
    throw federationMismatch("audience", audiences.join(","));
  }
  if (!FEDERATION_ALGORITHMS.includes(header.alg)) throw algorithmUnsupported(header.alg, FEDERATION_ALGORITHMS);
  const key = deps.issuerKey(iss);
  if (key === undefined) throw issuerUnreachable();
  const signed = header.kid === key.kid && (await isSignedBy(assertion, key.publicKey, FEDERATION_ALGORITHMS));
  if (!signed) throw issuerKeyUnknown(header.kid ?? "", iss);
  const issuedByEntra = AUTHORITY_HOSTS.includes(new URL(iss).hostname);
  if (issuedByEntra && claims.xms_mirid === undefined) throw onlyManagedIdentities();
  checkTimes(claims, deps.now());
}

function parse(assertion: string): { readonly header: Header; readonly claims: Claims } {
  try {
    return {
      header: headerSchema.parse(decodeProtectedHeader(assertion)),
      claims: claimsSchema.parse(decodeJwt(assertion)),
    };
  } catch {
    throw assertionMalformed();
  }
}

async function isSignedBy(
  assertion: string,
  key: KeyObject | webcrypto.CryptoKey,
  algorithms: string[],
): Promise<boolean> {
  try {
    await compactVerify(assertion, key, { algorithms });
    return true;
  } catch (error) {
    // Whatever else makes it unreadable, it is not signed by that key.
    if (error instanceof errors.JOSEError || error instanceof TypeError) return false;
    throw error;
  }
}

/** The token endpoint or the issuer of the tenant, by id or domain, under any name of the authority. */
function isAuthority(audience: string, tenant: SeedTenant): boolean {
  if (!URL.canParse(audience)) return false;
  const { protocol, host, pathname, search, hash } = new URL(audience);
  if (protocol !== "https:" || search !== "" || hash !== "" || !AUTHORITY_HOSTS.includes(host)) return false;
  const [name = "", ...rest] = pathname.replace(/\/$/, "").slice(1).split("/");
  const known = same(name, tenant.id) || same(name, tenant.domain);
  return known && ["", "v2.0", "oauth2/token", "oauth2/v2.0/token"].includes(rest.join("/"));
}

function checkTimes({ nbf, exp }: Claims, at: Date): void {
  const seconds = at.getTime() / 1000;
  if (seconds <= exp + CLOCK_SKEW_SECONDS && seconds >= (nbf ?? 0) - CLOCK_SKEW_SECONDS) return;
  throw outsideValidTime(at, nbf === undefined ? undefined : new Date(nbf * 1000), new Date(exp * 1000));
}

const same = (left: string, right: string) => left.toLowerCase() === right.toLowerCase();
