/** Errors in the form of Entra's security token service; every other file here throws SignInError. */

/** A refusal. `code` is the number of the AADSTS code; the message of the Error is Entra's sentence without code and ids. */
export class SignInError extends Error {
  readonly status: number;
  readonly error: string;
  readonly code: number;
  readonly suberror: string | undefined;

  constructor(status: number, error: string, code: number, sentence: string, suberror?: string) {
    super(sentence);
    this.name = "SignInError";
    this.status = status;
    this.error = error;
    this.code = code;
    this.suberror = suberror;
  }
}

/** Ids and time that Entra puts into an error's description and again into members of their own. */
export type ErrorStamp = { readonly traceId: string; readonly correlationId: string; readonly at: Date };

/** The body of an error answer: same members, same order, CRLF lines and time without milliseconds as Entra sends. */
export function errorBody(error: SignInError, { traceId, correlationId, at }: ErrorStamp) {
  const timestamp = `${at.toISOString().slice(0, 19).replace("T", " ")}Z`;
  return {
    error: error.error,
    error_description: `AADSTS${error.code}: ${error.message}\r\nTrace ID: ${traceId}\r\nCorrelation ID: ${correlationId}\r\nTimestamp: ${timestamp}`,
    error_codes: [error.code],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${error.code}`,
    ...(error.suberror === undefined ? {} : { suberror: error.suberror }),
  };
}

const badRequest = (error: string, code: number, sentence: string) => new SignInError(400, error, code, sentence);
const badClient = (code: number, sentence: string) => new SignInError(401, "invalid_client", code, sentence);

const TENANT_SENTENCE =
  "Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.";
const DOMAIN_OR_GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i;

/** AADSTS90002 of the discovery documents. */
export function tenantNotFound(tenant: string): SignInError {
  return badRequest("invalid_tenant", 90002, `Tenant '${tenant}' not found. ${TENANT_SENTENCE}`);
}

/** The token endpoint names the same error otherwise, and tells names that no tenant can have apart (AADSTS900023). */
export function tenantNotFoundForToken(tenant: string): SignInError {
  return DOMAIN_OR_GUID.test(tenant)
    ? badRequest("invalid_request", 90002, `Tenant '${tenant}' not found. ${TENANT_SENTENCE}`)
    : badRequest(
        "invalid_request",
        900023,
        `Specified tenant identifier '${tenant}' is neither a valid DNS name, nor a valid external domain.`,
      );
}

/** AADSTS50059: `common` or `organizations` where nothing else says which tenant is meant. */
export function noTenantInRequest(): SignInError {
  return badRequest(
    "invalid_request",
    50059,
    "No tenant-identifying information found in either the request or implied by any provided credentials.",
  );
}

/** AADSTS900144 */
export function parameterMissing(parameter: string): SignInError {
  return badRequest(
    "invalid_request",
    900144,
    `The request body must contain the following parameter: '${parameter}'.`,
  );
}

/** AADSTS70003: a grant type that Entra does not know. */
export function grantTypeUnsupported(grantType: string): SignInError {
  return badRequest("unsupported_grant_type", 70003, `The app requested an unsupported grant type '${grantType}'.`);
}

/** AADSTS700016 */
export function clientNotFound(clientId: string, directory: string): SignInError {
  return badRequest(
    "unauthorized_client",
    700016,
    `Application with identifier '${clientId}' was not found in the directory '${directory}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
  );
}

/** AADSTS7000215 */
export function secretWrong(clientId: string): SignInError {
  return badClient(
    7000215,
    `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
  );
}

/** AADSTS7000216: client credentials with no credential. */
export function clientCredentialMissing(): SignInError {
  return badClient(
    7000216,
    "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
  );
}

/** AADSTS7000218: a confidential client asks for a user's token without a credential of its own. */
export function confidentialClientWithoutSecret(): SignInError {
  return badClient(
    7000218,
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  );
}

/** AADSTS700025: a public client sends a secret. */
export function publicClientWithSecret(): SignInError {
  return badClient(700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.");
}

/** AADSTS1002012: client credentials ask for anything but `resource/.default`. */
export function scopeNotDefault(scope: string): SignInError {
  return badRequest(
    "invalid_scope",
    1002012,
    `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
  );
}

/** AADSTS70011: scopes that name no resource, or more than one. */
export function scopeInvalid(scope: string): SignInError {
  return badRequest(
    "invalid_scope",
    70011,
    `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope ${scope} is not valid.`,
  );
}

/** AADSTS500011 */
export function resourceNotFound(resource: string, directory: string): SignInError {
  return badRequest(
    "invalid_resource",
    500011,
    `The resource principal named ${resource} was not found in the tenant named ${directory}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
  );
}

/** AADSTS65001: a delegated permission that nobody granted. */
export function consentMissing(clientId: string, clientName: string): SignInError {
  return new SignInError(
    400,
    "invalid_grant",
    65001,
    `The user or administrator has not consented to use the application with ID '${clientId}' named '${clientName}'. Send an interactive authorization request for this user and resource.`,
    "consent_required",
  );
}

/** AADSTS50126 */
export function passwordWrong(): SignInError {
  return badRequest("invalid_grant", 50126, "Error validating credentials due to invalid username or password.");
}

/** AADSTS50034. Entra hides the name of the account. */
export function userNotFound(directory: string): SignInError {
  return badRequest(
    "invalid_grant",
    50034,
    `The user account {EUII Hidden} does not exist in the ${directory} directory. To sign into this application, the account must be added to the directory.`,
  );
}

/** AADSTS700082: the refresh token is too old. */
export function refreshTokenExpired(): SignInError {
  return badRequest("invalid_grant", 700082, "The refresh token has expired due to inactivity.");
}

/** AADSTS9002313: a refresh token that this Entra never issued, or issued to another client. */
export function refreshTokenMalformed(): SignInError {
  return badRequest("invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.");
}

/** AADSTS50049: instance discovery for a host that is no Entra. */
export function instanceUnknown(): SignInError {
  return badRequest("invalid_instance", 50049, "Unknown or invalid instance.");
}
