/** The kubeconfigs that AKS writes. Used by cluster-credentials.ts. */
import { stringify } from "yaml";

/** Applications of Microsoft's that every cluster with Entra signs people in with. Source: learn.microsoft.com, "AKS-managed Microsoft Entra integration"; kubelogin. */
const ENTRA = {
  serverId: "6dae42f8-4368-4678-94ff-3960e28e3630",
  clientId: "80faf920-1908-4b52-b5ef-a8e7bedfc67a",
  environment: "AzurePublicCloud",
};
const INSTALL_HINT = `
kubelogin is not installed which is required to connect to AAD enabled cluster.

To learn more, please go to https://aka.ms/aks/kubelogin
`;

/** How a user of a kubeconfig signs in: the members below `user`. */
export type KubeconfigUser = Readonly<Record<string, unknown>>;

/** Where a kubeconfig leads, and as whom. */
export type KubeconfigTarget = {
  readonly cluster: string;
  /** `https://HOST:443` */
  readonly server: string;
  /** PEM text of the authority behind the API server's certificate. */
  readonly ca: string;
  readonly userName: string;
  readonly user: KubeconfigUser;
};

/** The file as text. Context and cluster have the name of the cluster. */
export function kubeconfig({ cluster, server, ca, userName, user }: KubeconfigTarget): string {
  const file = {
    apiVersion: "v1",
    clusters: [{ cluster: { "certificate-authority-data": base64(ca), server }, name: cluster }],
    contexts: [{ context: { cluster, user: userName }, name: cluster }],
    "current-context": cluster,
    kind: "Config",
    preferences: {},
    users: [{ name: userName, user }],
  };
  return stringify(file, { lineWidth: 0, indentSeq: false });
}

/** Certificate, key and token of the cluster's administrator: each alone is enough. */
export function administratorUser(credential: {
  readonly certPem: string;
  readonly keyPem: string;
  readonly token: string;
}): KubeconfigUser {
  return {
    "client-certificate-data": base64(credential.certPem),
    "client-key-data": base64(credential.keyPem),
    token: credential.token,
  };
}

/** Sign-in with Entra by a program beside kubectl. */
export function kubeloginUser(tenantId: string): KubeconfigUser {
  const { environment, serverId, clientId } = ENTRA;
  const options = { environment, "server-id": serverId, "client-id": clientId, "tenant-id": tenantId };
  return {
    exec: {
      apiVersion: "client.authentication.k8s.io/v1beta1",
      args: [
        "get-token",
        ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
        "--login",
        "devicecode",
      ],
      command: "kubelogin",
      env: null,
      installHint: INSTALL_HINT,
      provideClusterInfo: false,
    },
  };
}

/** Sign-in with Entra by what kubectl itself could do before version 1.26. */
export function authProviderUser(tenantId: string): KubeconfigUser {
  const { environment, serverId, clientId } = ENTRA;
  const config = {
    "apiserver-id": serverId,
    "client-id": clientId,
    "config-mode": "1",
    environment,
    "tenant-id": tenantId,
  };
  return { "auth-provider": { config, name: "azure" } };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
