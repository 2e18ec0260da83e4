/** What a registration's own secret says of itself, before anything is asked of Azure. Pure. */
import { InputError } from "../errors.ts";
import { readClaims } from "../token-claims.ts";
import { isArmAudience } from "./app-identity.ts";
import { checkCertificate } from "./certificate.ts";
import { type ConnectorRequest, secretOf } from "./connector.ts";

/** `endsAt`: the connector cannot sign in from then on; null = not known. `tenantId`: that of a token, else null. */
export type SecretFacts = { readonly endsAt: Date | null; readonly tenantId: string | null };

/**
 * Reads when a certificate or token ends, and refuses what could never sign in. A client secret says nothing.
 * @throws InputError INVALID_REQUEST with the secret's path, never its content
 */
export function checkSecret(request: Pick<ConnectorRequest, "secrets" | "cloud">, now: Date): SecretFacts {
  const secret = secretOf(request);
  switch (secret?.kind) {
    case "certificate":
      return certificateFacts(secret.value, now);
    case "token":
      return tokenFacts(secret.value, request.cloud, now);
    default:
      return { endsAt: null, tenantId: null };
  }
}

function certificateFacts(pem: string, now: Date): SecretFacts {
  const certificate = checkCertificate(pem);
  if (!certificate.ok) throw wrong("certificate", certificate.expected);
  if (now < certificate.from) throw wrong("certificate", "a certificate that is valid already");
  if (now >= certificate.to) throw wrong("certificate", "a certificate that has not ended");
  return { endsAt: certificate.to, tenantId: null };
}

function tokenFacts(token: string, cloud: ConnectorRequest["cloud"], now: Date): SecretFacts {
  // Two parts are a token that nobody has signed.
  const claims = token.split(".").length === 3 ? readClaims(token) : null;
  if (claims === null) throw wrong("token", "an access token of Microsoft Entra");
  if (!isArmAudience(claims.audience, cloud)) {
    throw wrong("token", "an access token for Azure Resource Manager of the connector's cloud");
  }
  if (now >= claims.expiresAt) throw wrong("token", "an access token that has not ended");
  return { endsAt: claims.expiresAt, tenantId: claims.tenantId };
}

function wrong(kind: "certificate" | "token", expected: string): InputError {
  return new InputError("INVALID_REQUEST", `The connector's ${kind} cannot be used. Give ${expected}.`, {
    problems: [{ path: `/secrets/${kind}`, expected }],
  });
}
