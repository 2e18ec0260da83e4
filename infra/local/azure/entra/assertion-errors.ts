/** Errors about a client that proves itself by a signed assertion: with its certificate, or with another issuer's token. */
import { SignInError } from "./errors.ts";

const badRequest = (code: number, sentence: string) => new SignInError(400, "invalid_request", code, sentence);
const badClient = (code: number, sentence: string) => new SignInError(401, "invalid_client", code, sentence);

const CERTIFICATE_DOC =
  "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials";
const FEDERATION_DOC = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

/** AADSTS50027: no JWT, or one without what every assertion has. */
export function assertionMalformed(): SignInError {
  return badRequest(50027, "JWT token is invalid or malformed.");
}

/** AADSTS50027 with its own sentence: the header names no certificate. */
export function thumbprintMissing(): SignInError {
  return badRequest(50027, "Invalid JWT token. No certificate thumbprint specified in token header.");
}

/** AADSTS5002738 */
export function algorithmUnsupported(algorithm: string, supported: readonly string[]): SignInError {
  return badRequest(
    5002738,
    `Invalid JWT token. '${algorithm}' is not a supported signature algorithm. Supported signing algorithms are: '${supported.join(", ")}'`,
  );
}

/** AADSTS700021: the assertion is another application's. */
export function assertionOfAnotherClient(): SignInError {
  return badClient(
    700021,
    `Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at ${CERTIFICATE_DOC} .`,
  );
}

/** AADSTS50048 */
export function subjectIsNotIssuer(): SignInError {
  return badClient(50048, "Subject must match the issuer claim in the client assertion.");
}

/** AADSTS700023: `aud` is not this tenant's authority. */
export function audienceOfAnotherRealm(): SignInError {
  return badClient(
    700023,
    `Client assertion audience claim does not match Realm issuer. Review the documentation at ${CERTIFICATE_DOC} .`,
  );
}

/** AADSTS700024. `from`: undefined when the assertion does not say since when it is good. */
export function outsideValidTime(at: Date, from: Date | undefined, until: Date): SignInError {
  return badClient(
    700024,
    `Client assertion is not within its valid time range. Current time: ${precise(at)}, assertion valid from ${precise(from ?? new Date(0))}, expiry time of assertion ${precise(until)}. Review the documentation at ${CERTIFICATE_DOC} .`,
  );
}

/** What is wrong with the certificate of AADSTS700027; words as in Entra's sentence. */
export const CERTIFICATE_FAULTS = {
  unknown: "The key was not found.",
  expired: "The key used is expired.",
  signature: "The provided signature value did not match the expected signature value.",
} as const;

/**
 * AADSTS700027: the certificate that signed is not good for this application.
 * @param found validity of the registered certificate with that thumbprint; undefined when there is none
 */
export function certificateRefused(
  fault: keyof typeof CERTIFICATE_FAULTS,
  thumbprint: string,
  clientId: string,
  found?: { readonly from: Date; readonly until: Date },
): SignInError {
  const key = found && `Found key 'Start=${american(found.from)}, End=${american(found.until)}', `;
  return badClient(
    700027,
    `The certificate with identifier used to sign the client assertion is not registered on application. [Reason - ${CERTIFICATE_FAULTS[fault]}, Thumbprint of key used by client: '${thumbprint}', ${key ?? ""}Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '${clientId}'. Review the documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query request URL, such as 'https://graph.microsoft.com/beta/applications/${clientId}'].`,
  );
}

/** AADSTS70025: the application trusts no issuer at all. */
export function noFederatedCredential(name: string, clientId: string): SignInError {
  return badClient(70025, `The client '${name}'(${clientId}) has no configured federated identity credentials.`);
}

const NO_MATCH = { issuer: 700211, audience: 700212, subject: 700213 } as const;

/** AADSTS700211, 700212 and 700213: no federated credential fits, and what of the assertion it is that does not. */
export function federationMismatch(what: keyof typeof NO_MATCH, value: string): SignInError {
  return badClient(
    NO_MATCH[what],
    `No matching federated identity record found for presented assertion ${what} '${value}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. ${FEDERATION_DOC}`,
  );
}

/** AADSTS7002138: the subject would fit if capitals and small letters were the same. */
export function subjectInOtherCase(value: string): SignInError {
  return badClient(
    7002138,
    `No matching federated identity record found for presented assertion subject '${value}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. ${FEDERATION_DOC}`,
  );
}

/** AADSTS700226: of Entra's own tokens only those of managed identities are taken. */
export function onlyManagedIdentities(): SignInError {
  return badClient(700226, "Only MSI tokens may be used as Federated Identity Credentials for AAD issuer.");
}

/** AADSTS7000272: also said here when the key is known and the signature is not its own. */
export function issuerKeyUnknown(identifier: string, issuer: string): SignInError {
  return badClient(
    7000272,
    `The certificate with identifier ${identifier} used to sign the federated credential could not be found in the metadata of identity provider ${issuer}. Please validate that your Identity Provider's metadata exposes the key used to sign the incoming token.`,
  );
}

/** AADSTS501661: this machine cannot ask that issuer for its keys. */
export function issuerUnreachable(): SignInError {
  return badClient(501661, "Request to External OIDC endpoint failed.");
}

/** .NET's round-trip form: seven digits of a second. */
const precise = (time: Date) => time.toISOString().replace("Z", "0000Z");
/** `01/22/2018 09:13:33` */
const american = (time: Date) => {
  const [date = "", clock = ""] = time.toISOString().slice(0, 19).split("T");
  const [year, month, day] = date.split("-");
  return `${month}/${day}/${year} ${clock}`;
};
