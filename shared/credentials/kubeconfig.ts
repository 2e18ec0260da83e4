/** Writes the kubeconfigs that are lent. Every member is named here: nothing is copied from a kubeconfig of anybody's. */
import { hash } from "../ids.ts";
import { lazy } from "../lazy.ts";
import type { ClusterCertificate, ClusterServer } from "./cluster-ports.ts";
import type { Credential } from "./minted.ts";

const yamlModule = lazy(() => import("yaml"));

/** Digits of the hash in a name: 40 bits tell the few kubeconfigs that somebody merges. */
const NAME_DIGITS = 10;

/** How kubectl signs in. */
export type KubeUser =
  | { readonly kind: "token"; readonly token: string }
  | ({ readonly kind: "certificate" } & ClusterCertificate)
  | {
      readonly kind: "exec";
      readonly command: string;
      readonly args: readonly string[];
      readonly installHint: string;
    };
/** What a kubeconfig is for. */
export type KubeAccess = {
  readonly server: ClusterServer;
  readonly user: KubeUser;
  /** Null: the one that kubectl takes by itself. */
  readonly namespace: string | null;
  readonly form: string;
  /** Of the cluster, canonical, and of the connector whose identity may stand behind the form. */
  readonly resourceId: string;
  readonly connectorId: string;
  /** The cluster's own name, for people. */
  readonly cluster: string;
};

/** A kubeconfig with one cluster, one user and one context, which is the current one. */
export async function writeKubeconfig(access: KubeAccess): Promise<Extract<Credential, { kind: "kubeconfig" }>> {
  const { stringify } = await yamlModule();
  const { server, user, namespace } = access;
  const name = nameOf(access);
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: server.url, "certificate-authority-data": server.authorityData } }],
    users: [{ name, user: userOf(user) }],
    contexts: [{ name, context: { cluster: name, user: name, ...(namespace === null ? {} : { namespace }) } }],
    "current-context": name,
  };
  // Long texts stay on one line: whoever edits or merges it by hand keeps them whole.
  return { kind: "kubeconfig", kubeconfig: stringify(config, { lineWidth: 0 }), context: name, namespace };
}

/**
 * The same for every renewal, so that merging replaces what is old. kubectl takes the first of equal names and drops the
 * others in silence, so whatever makes another access is in the hash: clusters of one name, namespaces, forms.
 */
function nameOf({ resourceId, connectorId, form, namespace, cluster }: KubeAccess): string {
  const shown = ["latchkey", cluster.toLowerCase(), ...(namespace === null ? [] : [namespace])];
  const all = JSON.stringify([resourceId, connectorId, form, namespace]);
  return [...shown, hash(all).slice(0, NAME_DIGITS)].join("-");
}

function userOf(user: KubeUser) {
  switch (user.kind) {
    case "token":
      return { token: user.token };
    case "certificate":
      return { "client-certificate-data": user.certificateData, "client-key-data": user.keyData };
    case "exec":
      return {
        exec: {
          // The one version that kubectl takes from 1.11 on and still does.
          apiVersion: "client.authentication.k8s.io/v1beta1",
          command: user.command,
          args: [...user.args],
          env: null,
          installHint: user.installHint,
          interactiveMode: "IfAvailable",
          provideClusterInfo: false,
        },
      };
  }
}
