/**
 * What is asked of a cluster's API server: one Secret and its token. Implements OpenClusterApi. Without the Kubernetes
 * client library: it is several times all that is asked here, and reads kubeconfigs with all that they may hold.
 */
import type { TokenCredential } from "@azure/identity";
import { z } from "zod";
import { AKS_SERVER_APP } from "../cloud.ts";
import type { OpenedCluster } from "../connectors/ports.ts";
import type { ClusterApi, Named, OpenClusterApi } from "../credentials/cluster-ports.ts";
import { UpstreamError } from "../errors.ts";
import { lazy } from "../lazy.ts";
import { BrokenAnswerError } from "./broken-answers.ts";
import type { ReadClusterUser } from "./cluster-credentials.ts";
import { StrangerError, transportOptions } from "./cluster-transport.ts";
import type { GivenKubeconfig } from "./given-kubeconfig.ts";
import type { ConnectorIdentities } from "./identity.ts";
import { callAsConnector } from "./upstream.ts";

const restModule = lazy(() => import("@azure-rest/core-client"));

/** Mark of what was made here, and for which lease. The annotation is what removing goes by. */
const LABELS = { "app.kubernetes.io/managed-by": "latchkey" };
const LEASE_ANNOTATION = "latchkey/lease-id";

/** What signs in to the API server. */
type ApiSignIn = Pick<GivenKubeconfig, "server" | "certificate"> & { readonly credential: TokenCredential | null };

/** @param deps.readUser what ARM gives the users of a cluster */
export function createOpenClusterApi(deps: {
  readonly identities: ConnectorIdentities;
  readonly readUser: ReadClusterUser;
}): OpenClusterApi {
  return async (opened) => {
    let given = await deps.readUser(opened);
    const call: Call = async (what, request, understand) => {
      const attempt = () => caller(opened, signInOf(deps.identities, opened, given))(what, request, understand);
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
    };
    return {
      get server() {
        return given.server;
      },
      ...operations(call),
    };
  };
}

/**
 * With Entra the connector's identity; without, what every user of the cluster is given: that is an administrator's, is
 * used here and never lent.
 */
function signInOf(
  identities: ConnectorIdentities,
  { signIn, cluster }: Pick<OpenedCluster, "signIn" | "cluster">,
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

/** An answer that is the caller's to understand: done, not there, in the way. */
type ApiAnswer = { readonly status: 200 | 201 | 404 | 409; readonly body: unknown };
type Request = { readonly method: "GET" | "POST" | "DELETE"; readonly path: string; readonly body?: object };
/** @param understand reads the answer; what it throws counts as a failure of the API server */
type Call = <T>(what: string, request: Request, understand: (answer: ApiAnswer) => T) => Promise<T>;

function caller({ cluster }: Pick<OpenedCluster, "cluster">, signIn: ApiSignIn): Call {
  const { server, certificate, credential } = signIn;
  const isPrivate = cluster.isPrivate ? " (a private one, reached from its own network alone)" : "";
  // A namespace that is being deleted and a full quota are refused with the same status and reason as a missing right.
  const remedy = `Grant the connector's identity the right in the namespace: ${
    cluster.hasAzureRbac
      ? "a custom role with the data actions serviceaccounts/write, secrets/read, secrets/write and secrets/delete, which RBAC Writer has as well"
      : "a Role that may get, create and delete secrets, and create serviceaccounts/token of latchkey"
  } (docs/clusters.md has it to paste). If it has that, the namespace is being deleted, or its quota is full.`;
  return (what, { method, path, body }, understand) =>
    callAsConnector(`${what} of the cluster ${cluster.cluster}${isPrivate}`, remedy, async (abortSignal) => {
      const { getClient, createRestError } = await restModule();
      const options = transportOptions(server, certificate);
      const client = credential === null ? getClient(server.url, options) : getClient(server.url, credential, options);
      const request = client.pathUnchecked(`${server.url}${path}`);
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

/** Source: the Kubernetes API reference, Status. */
const statusSchema = z.object({
  reason: z.string().max(80),
  details: z.object({ kind: z.string().optional() }).optional(),
});
const secretSchema = z.object({
  kind: z.literal("Secret"),
  metadata: z.object({
    uid: z.string().regex(/^[-\w]{1,64}$/),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
});
const tokenSchema = z.object({
  kind: z.literal("TokenRequest"),
  status: z.object({ token: z.string().regex(/^[-\w]+\.[-\w]+\.[-\w]+$/) }),
});

function operations(call: Call): Omit<ClusterApi, "server"> {
  const findSecret = async (secret: Named) =>
    call("read a Secret", { method: "GET", path: secretPath(secret) }, ({ status, body }) => {
      if (status === 404) return null;
      const { uid, annotations } = read(secretSchema, body).metadata;
      return { uid, leaseId: annotations?.[LEASE_ANNOTATION] ?? null };
    });
  return {
    async createSecret({ namespace, name, leaseId }) {
      const body = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name, namespace, labels: LABELS, annotations: { [LEASE_ANNOTATION]: leaseId } },
        type: "Opaque",
      };
      const request = { method: "POST", path: secretsPath(namespace), body } as const;
      return call("create a Secret", request, (answer) => {
        if (answer.status === 404) return { kind: "absent" };
        if (answer.status !== 409) return { kind: "made", uid: read(secretSchema, answer.body).metadata.uid };
        // A name that is taken, and nothing else that may be in the way.
        if (reasonOf(answer.body) !== "AlreadyExists") throw unreadable();
        return { kind: "exists" };
      });
    },

    findSecret,

    async requestToken({ account: { namespace, name }, seconds, secret }) {
      const body = {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: {
          expirationSeconds: seconds,
          boundObjectRef: { apiVersion: "v1", kind: "Secret", name: secret.name, uid: secret.uid },
        },
      };
      const path = `${namespacePath(namespace)}/serviceaccounts/${part(name)}/token`;
      return call("get a token of a ServiceAccount", { method: "POST", path, body }, (answer) => {
        // In the way is a Secret of the same name with another uid.
        if (answer.status === 409) return { kind: "no-secret" };
        if (answer.status === 404) return { kind: missingKind(answer.body) === "secrets" ? "no-secret" : "no-account" };
        return { kind: "token", token: read(tokenSchema, answer.body).status.token };
      });
    },

    async deleteSecret({ uid, ...secret }) {
      const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid } };
      const request = { method: "DELETE", path: secretPath(secret), body } as const;
      const isDone = await call("delete a Secret", request, ({ status }) => status !== 409);
      // Another of the same name is in the way of nothing: then ours is gone.
      if (!isDone && (await findSecret(secret))?.uid === uid) {
        throw new UpstreamError("UPSTREAM_REFUSED", "The cluster did not delete the Secret of the lease. Try again.", {
          retryable: true,
        });
      }
    },
  };
}

/** A DNS label: what would climb, end or escape in a path is none. */
const NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
/** Whoever asks has checked it: another one is a defect. */
function part(name: string): string {
  if (!NAME.test(name)) throw new Error("Not a name of the cluster's.");
  return name;
}
function namespacePath(namespace: string): string {
  return `/api/v1/namespaces/${part(namespace)}`;
}
function secretsPath(namespace: string): string {
  return `${namespacePath(namespace)}/secrets`;
}
function secretPath({ namespace, name }: Named): string {
  return `${secretsPath(namespace)}/${part(name)}`;
}

function reasonOf(body: unknown): string | null {
  return statusSchema.safeParse(body).data?.reason ?? null;
}

/** Plural of what was not found. */
function missingKind(body: unknown): string | null {
  return statusSchema.safeParse(body).data?.details?.kind ?? null;
}

function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw unreadable();
  return parsed.data;
}

function unreadable(): BrokenAnswerError {
  return new BrokenAnswerError({ status: 502, headers: new Map() });
}
