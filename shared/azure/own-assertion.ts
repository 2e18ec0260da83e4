/** What the app shows to Entra in place of a connector's secret: a token of its own identity. Used by identity.ts. */
import type { TokenCredential } from "@azure/identity";
import { UpstreamError } from "../errors.ts";
import { refusalOf } from "./sign-in-error.ts";

/**
 * @param assertor the app's user-assigned identity
 * @param audience the cloud's audience of tokens that are exchanged
 * @returns asked by the library at each sign-in. @throws UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT: ours to mend
 */
export function ownAssertion(assertor: TokenCredential, audience: string): () => Promise<string> {
  return async () => {
    try {
      const answer = await assertor.getToken(`${audience}/.default`);
      if (answer !== null) return answer.token;
    } catch (error) {
      throw ownFault(refusalOf(error) !== null);
    }
    throw ownFault(true);
  };
}

/** Not the connector's fault: nobody who registers connectors can mend it. */
function ownFault(isRefused: boolean): UpstreamError {
  return isRefused
    ? new UpstreamError(
        "UPSTREAM_REFUSED",
        "The service's own identity, with which this connector signs in, is refused. Have the operator check that the user-assigned identity of LATCHKEY_APP_IDENTITY_CLIENT_ID is attached to the app.",
        { retryable: false },
      )
    : new UpstreamError(
        "UPSTREAM_TIMEOUT",
        "The service's own identity, with which this connector signs in, gave no token in time. Try again.",
        { retryable: true },
      );
}
