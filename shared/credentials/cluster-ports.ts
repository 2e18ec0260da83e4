/** What lending a cluster needs from outside: its address and authority from ARM, and its API server. Joined in functions/main.ts. */
import type { Cluster, OpenedCluster, ReopenedCluster, SignIn } from "../connectors/ports.ts";

/** Where an API server is, and by what it is known. Both come from ARM, never from a caller. */
export type ClusterServer = {
  /** `https://HOST:443`. */
  readonly url: string;
  /** PEM certificates in base64, as `certificate-authority-data` has them. */
  readonly authorityData: string;
};
/** A client certificate and its key, both PEM in base64. */
export type ClusterCertificate = { readonly certificateData: string; readonly keyData: string };

/**
 * Where a cluster's API server is, as ARM tells this sign-in.
 * @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT
 */
export type ReadClusterServer = (opened: Pick<OpenedCluster, "signIn" | "cluster">) => Promise<ClusterServer>;
/** The administrator's certificate of a cluster, and when it ends. @throws as ReadClusterServer */
export type ReadClusterAdmin = (
  opened: Pick<OpenedCluster, "signIn" | "cluster">,
) => Promise<{ readonly server: ClusterServer; readonly user: ClusterCertificate; readonly endsAt: Date }>;
/** The cluster of a lease as it is now; null when it is no more. @throws as ReadClusterServer */
export type ReadCluster = (reopened: Pick<ReopenedCluster, "signIn" | "cluster">) => Promise<Cluster | null>;

/** Refuses sign-ins whose token for a cluster must not be lent. @throws DeniedError DENIED, InputError UNSUPPORTED_BY_METHOD */
export type RefuseClusterToken = (signIn: Pick<SignIn, "cloud" | "authMethod" | "configuration">) => void;

/** An object in a namespace. */
export type Named = { readonly namespace: string; readonly name: string };
/**
 * What is asked of one API server. Every call:
 * @throws InputError SIGN_IN_FAILED, UpstreamError UPSTREAM_REFUSED UPSTREAM_TIMEOUT
 */
export type ClusterApi = {
  /** As the newest call met it. */
  readonly server: ClusterServer;
  /** Makes an empty Secret. `exists`: there is one of this name. `absent`: there is no such namespace. */
  createSecret(
    secret: Named & { readonly leaseId: string },
  ): Promise<{ readonly kind: "made"; readonly uid: string } | { readonly kind: "exists" | "absent" }>;
  /** Whose lease it was made for (null: nobody's), and what tells it from another of its name; null when there is none. */
  findSecret(secret: Named): Promise<{ readonly uid: string; readonly leaseId: string | null } | null>;
  /**
   * A token of a ServiceAccount that dies with a Secret. `no-account`: there is no such ServiceAccount or namespace.
   * `no-secret`: the Secret is gone, or is another one by now.
   */
  requestToken(request: {
    readonly account: Named;
    /** Whole seconds, 600 and up. */
    readonly seconds: number;
    readonly secret: { readonly name: string; readonly uid: string };
  }): Promise<
    | { readonly kind: "token"; readonly token: string }
    | { readonly kind: "no-account" }
    | { readonly kind: "no-secret" }
  >;
  /** Removes a Secret that is still this one; one that is gone, or another by now, is no error. */
  deleteSecret(secret: Named & { readonly uid: string }): Promise<void>;
};
/** Opens the API server of a cluster as the connector's identity. @throws as ReadClusterServer */
export type OpenClusterApi = (opened: Pick<OpenedCluster, "signIn" | "cluster">) => Promise<ClusterApi>;
