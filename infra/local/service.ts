/** What every emulated Azure service is to the frame around it (front.ts, control.ts, system.ts). */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";

/** One emulated Azure service, reached under its real host names. */
export type Service = {
  /** Name for faults, the request log and messages, e.g. `key-vault`. */
  readonly name: string;
  /** Anchored, lower case: the host names (without port) that this service answers. */
  readonly hosts: RegExp;
  /** Whether clients may show a certificate of their own in the TLS handshake, which the service itself looks at. */
  readonly asksForCertificate?: true;
  /** Answers one request. Never throws: a failure of its own is answered with 500 in the service's error form. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /**
   * An error in this service's own form, with the headers that its answers have; used by the frame for planned faults
   * (408, 429, 5xx).
   */
  errorBody(
    request: IncomingMessage,
    error: { status: number; code: string; message: string },
  ): { headers: OutgoingHttpHeaders; body: string };
  /** Frees what the service holds. */
  close?(): Promise<void>;
};
