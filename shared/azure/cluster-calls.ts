/** One way to call a cluster's API server, signed in as a connector. Used by cluster-api.ts and cluster-workloads.ts. */
import type { TokenCredential } from "@azure/identity";
import { z } from "zod";
import { AKS_SERVER_APP } from "../cloud.ts";
import type { OpenedCluster } from "../connectors/ports.ts";
import type { ClusterServer } from "../credentials/cluster-ports.ts";
import { UpstreamError } from "../errors.ts";
import { lazy } from "../lazy.ts";
import type { ReadClusterUser } from "./cluster-credentials.ts";
import { type AnswerBounds, StrangerError, transportOptions } from "./cluster-transport.ts";
import type { GivenKubeconfig } from "./given-kubeconfig.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector } from "./upstream.ts";

const restModule = lazy(() => import("@azure-rest/core-client"));

/** What signs in to the API server. */
type ApiSignIn = Pick<GivenKubeconfig, "server" | "certificate"> & { readonly credential: TokenCredential | null };
type Opened = Pick<OpenedCluster, "signIn" | "cluster">;

/** An answer that is the caller's to understand: done, not there, in the way. */
export type ApiAnswer = { readonly status: 200 | 201 | 404 | 409; readonly body: unknown };
/** `path` with its query. `signal` ends the call early. */
export type ApiRequest = {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: object;
  readonly signal?: AbortSignal;
};
/**
 * @param what what is tried, for the message: `read a Secret`
 * @param understand reads the answer; what it throws counts as a failure of the API server
 * @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT
 */
export type ClusterCall = <T>(what: string, request: ApiRequest, understand: (answer: ApiAnswer) => T) => Promise<T>;

/** Source: the Kubernetes API reference, Status. */
export const statusSchema = z.object({
  reason: z.string().max(80),
  details: z.object({ kind: z.string().optional() }).optional(),
});

/**
 * The server and its authority are what ARM says, and are read anew once when the authority proves to be another.
 * @param deps.readUser what ARM gives the users of a cluster
 * @param options.remedy what to do when the API server refuses: the missing right and where
 * @param options.bounds what is read of an answer
 * @throws as ReadClusterServer
 */
export async function openClusterCalls(
  deps: { readonly identities: ConnectorIdentities; readonly readUser: ReadClusterUser },
  opened: Opened,
  options: { readonly remedy: string; readonly bounds?: AnswerBounds },
): Promise<{ readonly server: ClusterServer; readonly call: ClusterCall }> {
  let given = await deps.readUser(opened);
  return {
    get server() {
      return given.server;
    },
    async call(what, request, understand) {
      const attempt = () =>
        caller(opened, signInOf(deps.identities, opened, given), options)(what, request, understand);
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof StrangerError)) throw error;
        // The authority may have been rotated since it was read.
        const latest = await deps.readUser(opened, true);
        if (latest.server.authorityData === given.server.authorityData) throw error;
        given = latest;
        return attempt();
      }
    },
  };
}

/**
 * With Entra the connector's identity; without, what every user of the cluster is given: that is an administrator's, is
 * used here and never lent.
 */
function signInOf(
  identities: ConnectorIdentities,
  { signIn, cluster }: Opened,
  { server, certificate, token }: GivenKubeconfig,
): ApiSignIn {
  if (cluster.hasEntra) {
    const identity = identities(signIn);
    // The scope of the API servers, whatever the client would ask for.
    const scope = `${AKS_SERVER_APP}/.default`;
    const credential = { getToken: (_: string | string[], options?: object) => identity.getToken(scope, options) };
    return { server, certificate: null, credential };
  }
  if (certificate !== null) return { server, certificate, credential: null };
  if (token === null) {
    throw new UpstreamError(
      "UPSTREAM_REFUSED",
      "Azure gave nothing to sign in to the cluster with, although nobody signs in there with Entra.",
      { retryable: false },
    );
  }
  const never = Number.MAX_SAFE_INTEGER;
  return { server, certificate: null, credential: { getToken: async () => ({ token, expiresOnTimestamp: never }) } };
}

function caller(
  { cluster }: Pick<OpenedCluster, "cluster">,
  { server, certificate, credential }: ApiSignIn,
  { remedy, bounds }: { readonly remedy: string; readonly bounds?: AnswerBounds },
): ClusterCall {
  const isPrivate = cluster.isPrivate ? " (a private one, reached from its own network alone)" : "";
  return (what, { method, path, body, signal }, understand) =>
    callAsConnector(`${what} of the cluster ${cluster.cluster}${isPrivate}`, remedy, async (limit) => {
      const { getClient, createRestError } = await restModule();
      const options = transportOptions(server, certificate, bounds);
      const client = credential === null ? getClient(server.url, options) : getClient(server.url, credential, options);
      const request = client.pathUnchecked(`${server.url}${path}`);
      const abortSignal = signal === undefined ? limit : AbortSignal.any([limit, signal]);
      const asked = { abortSignal, ...(body === undefined ? {} : { body }) };
      const response = await (method === "GET"
        ? request.get(asked)
        : method === "POST"
          ? request.post(asked)
          : request.delete(asked));
      switch (response.status) {
        case "200":
        case "201":
        case "404":
        case "409":
          return understand({ status: ANSWERS[response.status], body: response.body });
        default: {
          const error = createRestError(response);
          const status = statusSchema.safeParse(response.body);
          // Where an API server says what is wrong; the library looks elsewhere.
          if (status.success) error.code = status.data.reason;
          throw error;
        }
      }
    });
}
const ANSWERS = { "200": 200, "201": 201, "404": 404, "409": 409 } as const;
