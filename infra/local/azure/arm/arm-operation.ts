/** What an operation of the emulated Azure Resource Manager is; arm.ts runs them, the files per resource make them. */
import type { ArmCaller } from "./arm-caller.ts";

/** A request after ARM's own checks: known subscription, known api-version, signed-in caller. */
export type ArmRequest = {
  /** The request id of the answer, which a resource provider makes itself. */
  readonly id: string;
  readonly caller: ArmCaller;
  readonly apiVersion: string;
  /** Path as it was asked, without the query. */
  readonly path: string;
  /** A part of the path by the name that the operation gives it. */
  param(name: string): string;
  /** A query option; names are compared without regard to case. */
  query(name: string): string | undefined;
  /** What came with the request. @throws ArmError 400 InvalidRequestContent when it is no JSON */
  body(): unknown;
};

/** What an operation answers; a refusal is thrown as an ArmError. */
export type ArmAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

/** A resource provider behind ARM. */
export type ArmProvider = {
  /** Of its resources, without its namespace. */
  readonly type: string;
  /** What it calls itself in its answers, if it does. */
  readonly server?: string;
  /** The type of its bodies; ARM's own if left out. */
  readonly contentType?: string;
  /** Further headers of everything that it answers, refusals too. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** One operation of the emulated ARM. */
export type ArmOperation = {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly apiVersions: readonly string[];
  /** None for ARM's own operations. */
  readonly provider?: ArmProvider;
  /** A POST that changes nothing, as ARM counts it. */
  readonly isRead?: boolean;
  answer(request: ArmRequest): ArmAnswer | Promise<ArmAnswer>;
};
