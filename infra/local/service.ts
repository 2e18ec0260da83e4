/** What every emulated Azure service is to the frame around it (front.ts, control.ts, system.ts). */
import type { IncomingMessage, ServerResponse } from "node:http";

/** One emulated Azure service, reached under its real host names. */
export type Service = {
  /** Name for faults, the request log and messages, e.g. `key-vault`. */
  readonly name: string;
  /** Anchored, lower case: the host names (without port) that this service answers. */
  readonly hosts: RegExp;
  /** Answers one request. Never throws: a failure of its own is answered with 500 in the service's error form. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Body of an error in this service's own form; used by the frame for planned faults (429, 5xx). */
  errorBody(error: { status: number; code: string; message: string }): { contentType: string; body: string };
  /** Frees what the service holds. */
  close?(): Promise<void>;
};
