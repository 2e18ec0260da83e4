/** Why a connector could not sign in, with what to do, by its method. Used by identity.ts for every token. */
import type { SignIn } from "../connectors/ports.ts";
import { InputError, LatchkeyError, UpstreamError } from "../errors.ts";

/** Causes that are looked through: the library wraps one by one, and an assertion's failure sits three deep. */
const MAX_CAUSES = 5;

const FEDERATED =
  "Give the app registration a federated credential with the issuer of the service's tenant, the principal id of the service's identity as subject, in the same case, and the cloud's exchange audience; a new one takes minutes.";
const CERTIFICATE =
  "Register the certificate with the application, or update the connector with one that is registered.";
/** AADSTS numbers whose cause a connector's owner can mend. Source: Entra's error code reference, and its own answers. */
const REMEDIES: Readonly<Record<string, string>> = {
  "7000215": "The client secret is wrong. Give the secret's value, not its id.",
  "7000222": "The client secret has expired. Create a new one for the app registration.",
  "700016": "The tenant has no application with this client id. Check clientId and tenantId.",
  "90002": "There is no tenant with this id. Check tenantId.",
  "7000112": "The application is disabled. Enable it in the tenant.",
  "700027": `The application does not know the certificate, or it has ended there. ${CERTIFICATE}`,
  "700024":
    "What the sign-in was signed with is not valid at this time. Check the certificate's dates and the service's clock.",
  "50027": "Entra could not read what the sign-in was signed with. Check the certificate, or the federated credential.",
  "50012": "Entra does not take the sign-in at this tenant. Check tenantId and cloud.",
  "5002738": "Entra does not take this kind of key. Use a certificate with an RSA key.",
  "70021": `No federated credential fits. ${FEDERATED}`,
  "70025": `The application has no federated credential. ${FEDERATED}`,
  "700211": `No federated credential has this issuer. ${FEDERATED}`,
  "700212": `No federated credential has this audience. ${FEDERATED}`,
  "700213": `No federated credential has this subject. ${FEDERATED}`,
  "700214": `The federated credential's audience has a wrong form. ${FEDERATED}`,
  "7002138": `The federated credential's subject differs in upper and lower case. ${FEDERATED}`,
};

/** A refusal of a token, by Entra or by the endpoint of managed identities. `number`: Entra's; null = it gave none. */
export type Refusal = { readonly status: number; readonly number: string | null };

/** What refused, if something did: null for an outage, for throttling, and for what is no answer. */
export function refusalOf(error: unknown): Refusal | null {
  const server = causesOf(error).find((cause) => memberOf(cause, "name") === "ServerError");
  const status = memberOf(server, "status");
  // Without a status it is no answer: the library repeats that Entra failed a moment ago, without asking again.
  if (typeof status !== "number" || status === 429 || status >= 500) return null;
  const number = String(memberOf(server, "errorNo") ?? "");
  return { status, number: number === "" ? null : number };
}

/**
 * What to throw in place of a failed sign-in: an error of ours that the library has wrapped, a SIGN_IN_FAILED with what
 * to do, or the failure itself when it says nothing of the connector.
 */
export function explainSignIn(error: unknown, signIn: Pick<SignIn, "authMethod" | "secret">): unknown {
  const ours = causesOf(error).find((cause) => cause instanceof LatchkeyError);
  if (ours !== undefined) return ours;
  const refusal = refusalOf(error);
  if (refusal === null) return error;
  if (signIn.authMethod === "implicit") return ownRefused();
  if (signIn.authMethod === "managed-identity") return refusal.status === 400 ? notAttached() : error;
  // Entra numbers what it refuses for: what does not is something in its place, and says nothing of the connector.
  if (refusal.number === null) return error;
  const remedy = REMEDIES[refusal.number] ?? `Check tenantId, clientId and the ${shownOf(signIn)}.`;
  const name = /^\d{1,8}$/.test(refusal.number) ? ` (AADSTS${refusal.number})` : "";
  return new InputError("SIGN_IN_FAILED", `Microsoft Entra refused the connector's sign-in${name}. ${remedy}`);
}

/** No connector's fault. */
function ownRefused(): UpstreamError {
  return new UpstreamError(
    "UPSTREAM_REFUSED",
    "The service's own identity, as which this connector signs in, is refused. Have the operator check the identities of the app.",
    { retryable: false },
  );
}

/** The endpoint has no numbers and one reason. */
function notAttached(): InputError {
  return new InputError(
    "SIGN_IN_FAILED",
    "The app has no managed identity with this client id. Attach the user-assigned identity to the app, or check clientId.",
  );
}

function shownOf({ authMethod, secret }: Pick<SignIn, "authMethod" | "secret">): string {
  if (authMethod === "workload-identity") return "federated credential";
  return secret?.kind === "certificate" ? "certificate" : "secret";
}

function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (let cause = error; cause !== undefined && causes.length < MAX_CAUSES; cause = memberOf(cause, "cause")) {
    causes.push(cause);
  }
  return causes;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
