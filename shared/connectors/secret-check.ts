/** What a registration's own secret says of itself, before anything is asked of Azure. Pure. */
import { InputError } from "../errors.ts";
import { utc } from "../time.ts";
import { isArmAudience } from "./app-identity.ts";
import { checkCertificate } from "./certificate.ts";
import { type ConnectorRequest, secretOf } from "./connector.ts";
import { readTokenClaims } from "./ports.ts";

/** `endsAt`: the connector cannot sign in any more then; null = not known. `tenantId`: of a token; null for other methods. */
export type SecretFacts = { readonly endsAt: Date | null; readonly tenantId: string | null };
