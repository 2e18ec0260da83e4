/**
 * What is asked of a cluster's API server: one Secret and its token. Implements OpenClusterApi. Without the Kubernetes
 * client library: it is several times all that is asked here, and reads kubeconfigs with all that they may hold.
 */
import { z } from "zod";
import type { OpenedCluster } from "../connectors/ports.ts";
import type { ClusterApi, Named, OpenClusterApi } from "../credentials/cluster-ports.ts";
import { UpstreamError } from "../errors.ts";
import { BrokenAnswerError } from "./broken-answers.ts";
import { type ClusterCall, openClusterCalls, statusSchema } from "./cluster-calls.ts";
import type { ReadClusterUser } from "./cluster-credentials.ts";
import type { ConnectorIdentities } from "./identity.ts";

/** Mark of what was made here, and for which lease. The annotation is what removing goes by. */
const LABELS = { "app.kubernetes.io/managed-by": "latchkey" };
const LEASE_ANNOTATION = "latchkey/lease-id";

/** @param deps.readUser what ARM gives the users of a cluster */
export function createOpenClusterApi(deps: {
  readonly identities: ConnectorIdentities;
  readonly readUser: ReadClusterUser;
}): OpenClusterApi {
  return async (opened) => {
    const calls = await openClusterCalls(deps, opened, { remedy: remedyFor(opened) });
    return {
      get server() {
        return calls.server;
      },
      ...operations(calls.call),
    };
  };
}

// A namespace that is being deleted and a full quota are refused with the same status and reason as a missing right.
function remedyFor({ cluster }: Pick<OpenedCluster, "cluster">): string {
  return `Grant the connector's identity the right in the namespace: ${
    cluster.hasAzureRbac
      ? "a custom role with the data actions serviceaccounts/write, secrets/read, secrets/write and secrets/delete, which RBAC Writer has as well"
      : "a Role that may get, create and delete secrets, and create serviceaccounts/token of latchkey"
  } (docs/clusters.md has it to paste). If it has that, the namespace is being deleted, or its quota is full.`;
}

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

function operations(call: ClusterCall): Omit<ClusterApi, "server"> {
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
