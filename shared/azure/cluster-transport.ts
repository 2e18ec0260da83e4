/** The way to one API server: trust in its own authority alone, bounded answers, Status objects. Used by cluster-calls.ts. */
import type { PipelinePolicy, PipelineResponse } from "@azure/core-rest-pipeline";
import type { ClusterCertificate, ClusterServer } from "../credentials/cluster-ports.ts";
import { UpstreamError } from "../errors.ts";
import { BrokenAnswerError } from "./broken-answers.ts";
import { clusterOptions } from "./client-options.ts";

/** Largest answer that is read, in bytes: a Secret may have a million, and its base64 a third more. */
const MAX_ANSWER_BYTES = 2_000_000;
/** What is read of an answer; left out: what is read of an object. */
export type AnswerBounds = {
  /** Largest answer, unpacked, in bytes. */
  readonly maxBytes: number;
  /** Whether a 404 without a Status passes: so an API server answers for a group that it has not. */
  readonly isPlainNotFoundRead: boolean;
};
const OBJECT_BOUNDS: AnswerBounds = { maxBytes: MAX_ANSWER_BYTES, isPlainNotFoundRead: false };

/**
 * Options of a client for one API server.
 * @param certificate with which the client signs in; null = a token does
 */
export function transportOptions(
  server: ClusterServer,
  certificate: ClusterCertificate | null,
  bounds: AnswerBounds = OBJECT_BOUNDS,
) {
  return clusterOptions(server.url, [refuseStrangers, readStatus(bounds), trustOnly(server, certificate)]);
}

/**
 * TLS settings of the pipeline do not reach through a proxy; what is set on the request itself does. Connections are
 * shared only where all of these are equal.
 */
function trustOnly({ authorityData }: ClusterServer, certificate: ClusterCertificate | null): PipelinePolicy {
  const text = (data: string) => Buffer.from(data, "base64").toString("utf8");
  const tls = {
    // In place of the authorities that Node trusts.
    ca: text(authorityData),
    ...(certificate === null ? {} : { cert: text(certificate.certificateData), key: text(certificate.keyData) }),
  };
  return {
    name: "trustOnly",
    sendRequest(request, next) {
      request.requestOverrides = { ...request.requestOverrides, ...tls };
      // Idle connections end after seconds: there may be many clusters.
      request.disableKeepAlive = true;
      return next(request);
    },
  };
}

/** Reasons for which Node does not take a server's certificate. Source: OpenSSL's X509_V_ERR codes as Node names them. */
const NOT_TRUSTED: ReadonlySet<unknown> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Whoever answers has no certificate of the authority that was expected; nothing was sent to it. */
export class StrangerError extends UpstreamError {
  constructor() {
    super(
      "UPSTREAM_REFUSED",
      "What answers under the host name of the cluster's API server has no certificate of the cluster's own authority, so nothing was sent to it.",
      { retryable: false },
    );
  }
}

/** Whoever answers in the place of an API server is no outage. */
const refuseStrangers: PipelinePolicy = {
  name: "refuseStrangers",
  async sendRequest(request, next) {
    try {
      return await next(request);
    } catch (error) {
      if (!(error instanceof Error) || !NOT_TRUSTED.has(Reflect.get(error, "code"))) throw error;
      throw new StrangerError();
    }
  },
};

/** The answer is larger than is read. Asked for in smaller pieces, it may fit. */
export class OversizedAnswerError extends UpstreamError {
  constructor() {
    super("UPSTREAM_REFUSED", "The API server of the cluster sent an answer that is larger than is read.", {
      retryable: false,
    });
  }
}

/** Refuses what no API server answers. A "not there" of a stranger would be taken for a fact. */
const readStatus = ({ maxBytes, isPlainNotFoundRead }: AnswerBounds): PipelinePolicy => ({
  name: "readStatus",
  async sendRequest(request, next) {
    let isTooLarge = false;
    request.onDownloadProgress = ({ loadedBytes }) => {
      if (loadedBytes <= maxBytes) return;
      isTooLarge = true;
      throw new Error("The answer is too large.");
    };
    const response = await next(request).catch((error: unknown) => {
      throw isTooLarge ? new OversizedAnswerError() : error;
    });
    const kind = kindOf(response);
    const isPassed = isPlainNotFoundRead && response.status === 404;
    const isReadable = response.status >= 200 && response.status < 300 ? kind !== null : kind === "Status" || isPassed;
    if (!isReadable) throw new BrokenAnswerError(response);
    return response;
  },
});

/** What the object of an answer says it is; null for no object. */
function kindOf({ bodyAsText }: PipelineResponse): string | null {
  try {
    const value: unknown = JSON.parse(bodyAsText ?? "");
    const kind: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "kind") : null;
    return typeof kind === "string" ? kind : null;
  } catch {
    return null;
  }
}
