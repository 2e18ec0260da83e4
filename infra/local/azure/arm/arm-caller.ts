/** Who calls Azure Resource Manager: checks the token and answers 401 as ARM does. Called by arm.ts for every request. */
import { decodeJwt } from "jose";
import type { AccessTokens, Principal, TokenRefusal } from "../ports.ts";
import { ArmError } from "./arm-errors.ts";

/** The audiences that ARM takes, in the order in which it names them. */
export const ARM_AUDIENCES: readonly string[] = [
  "https://management.core.windows.net/",
  "https://management.core.windows.net",
  "https://management.azure.com/",
  "https://management.azure.com",
];

/** A caller whose token was good. */
export type ArmCaller = {
  readonly principal: Principal;
  readonly objectId: string;
  /** Where it signed in. */
  readonly tenantId: string;
  /** What ARM calls the caller in messages: application id of an app, sign-in name of a user. */
  readonly client: string;
};

/**
 * @param deps.tenantId named in the challenge
 * @param deps.onlyTenantId the only tenant whose tokens are good there; every tenant's if left out
 * @throws ArmError 401 with the challenge that names the tenant of the subscription
 */
export async function identifyCaller(
  authorization: string | undefined,
  deps: {
    readonly tokens: AccessTokens;
    readonly tenantId: string;
    readonly onlyTenantId?: string | undefined;
    readonly now: () => Date;
  },
): Promise<ArmCaller> {
  const refuse = (code: string, message: string, description = message) =>
    new ArmError(401, code, message, {
      challenge: `Bearer authorization_uri="https://login.windows.net/${deps.tenantId}", error="invalid_token", error_description="${description}"`,
    });
  if (!authorization) {
    throw refuse(
      "AuthenticationFailed",
      "Authentication failed. The 'Authorization' header is missing.",
      "The authentication failed because of missing 'Authorization' header.",
    );
  }
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  if (token === undefined) {
    const message = "Authentication failed. The 'Authorization' header is provided in an invalid format.";
    throw refuse("AuthenticationFailedInvalidHeader", message);
  }
  const verified = await deps.tokens.verify(token, ARM_AUDIENCES, deps.onlyTenantId);
  if (!verified.ok) {
    const { code, message } = refusal(verified.reason, claimsOf(token), deps);
    throw refuse(code, message);
  }
  const { claims } = verified;
  const named = claimsOf(token);
  const client = [named.upn, named.unique_name, claims.appid, claims.azp].find((name) => typeof name === "string");
  return {
    principal: { objectId: claims.oid, groups: claims.groups ?? [] },
    objectId: claims.oid,
    tenantId: claims.tid,
    client: typeof client === "string" ? client : claims.oid,
  };
}

function refusal(
  reason: TokenRefusal,
  claims: Readonly<Record<string, unknown>>,
  deps: { readonly tenantId: string; readonly now: () => Date },
): { readonly code: string; readonly message: string } {
  switch (reason) {
    case "audience": {
      const allowed = ARM_AUDIENCES.map((audience) => `'${audience}'`).join(",");
      return {
        code: "InvalidAuthenticationTokenAudience",
        message: `The access token has been obtained for wrong audience or resource '${printable(claims.aud)}'. It should exactly match with one of the allowed audiences ${allowed}.`,
      };
    }
    case "expired": {
      const expiry = new Date((typeof claims.exp === "number" ? claims.exp : 0) * 1000);
      return {
        code: "ExpiredAuthenticationToken",
        message: `The access token expiry UTC time '${clock(expiry)}' is earlier than current UTC time '${clock(deps.now())}'.`,
      };
    }
    case "issuer": {
      const expected = `https://sts.windows.net/${deps.tenantId}/`;
      return {
        code: "InvalidAuthenticationTokenTenant",
        message: `The access token is from the wrong issuer '${printable(claims.iss)}'. It must match the tenant '${expected}' associated with this subscription. Please use the authority (URL) 'https://login.windows.net/${deps.tenantId}' to get the token. Note, if the subscription is transferred to another tenant there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). If you just transferred your subscription and see this error message, please try back later.`,
      };
    }
    case "malformed":
    case "notYetValid":
    case "signature":
      return { code: "InvalidAuthenticationToken", message: "The access token is invalid." };
  }
}

/** Claims for messages only: a refused token is not to be believed. */
function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    return decodeJwt(token);
  } catch {
    return {};
  }
}

/** The text goes into a header too: nothing outside visible ASCII, no quote that would end the quoted string. */
function printable(value: unknown): string {
  return String(value ?? "").replace(/[^\x20-\x7e]|["\\]/g, "?");
}

/** As .NET prints a time in the invariant US form: `4/15/2023 7:40:04 AM`. */
function clock(time: Date): string {
  const hours = time.getUTCHours();
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${time.getUTCMonth() + 1}/${time.getUTCDate()}/${time.getUTCFullYear()}`;
  return `${date} ${hours % 12 || 12}:${two(time.getUTCMinutes())}:${two(time.getUTCSeconds())} ${hours < 12 ? "AM" : "PM"}`;
}
