/** A cluster, its API server in memory, and what opening it needs. Used by the unit tests of the forms of clusters. */
import type { Cluster, OpenedCluster, SignIn } from "../../shared/connectors/ports.ts";
import type { ClusterApi } from "../../shared/credentials/cluster-ports.ts";
import type { MintRequest } from "../../shared/credentials/minted.ts";
import { NOW, SUBSCRIPTION, signIn, TENANT } from "./fakes.ts";

/** Its canonical id. */
export const CLUSTER_ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.ContainerService/managedClusters/training`;
/** As ARM would tell it; nobody checks the certificate here. */
export const CLUSTER_SERVER = {
  url: "https://training-dns-1.hcp.westeurope.azmk8s.io:443",
  authorityData: Buffer.from("authority").toString("base64"),
};

/** An Entra cluster that runs. */
export function cluster(changes: Partial<Cluster> = {}): Cluster {
  return {
    subscriptionId: SUBSCRIPTION,
    resourceGroup: "ml",
    cluster: "training",
    hasEntra: true,
    hasAzureRbac: true,
    hasLocalAccounts: true,
    isPrivate: false,
    isRunning: true,
    fqdn: "training-dns-1.hcp.westeurope.azmk8s.io",
    privateFqdn: null,
    tenantId: TENANT,
    ...changes,
  };
}

/** The same, through a connector. */
export function openedCluster(
  changes: Partial<Cluster> = {},
  options: { readonly connectorEnd?: string | null; readonly signIn?: Partial<SignIn> } = {},
): OpenedCluster {
  return {
    connector: { id: "11111111-2222-4333-8444-555555555555", name: "azure", expiresAt: options.connectorEnd ?? null },
    resourceId: CLUSTER_ID,
    displayName: "ml/training",
    signIn: signIn(options.signIn),
    cluster: cluster(changes),
  };
}

/** An allowed request for a cluster. */
export function clusterRequest(changes: Partial<MintRequest> = {}): MintRequest {
  return {
    connector: "azure",
    form: "service-account",
    asked: "training",
    rule: "grant:g",
    resourceId: CLUSTER_ID,
    maxTtlSeconds: 3_600,
    grantExpiresAt: null,
    access: ["use"],
    scope: { namespace: "vision" },
    ttlSeconds: null,
    ...changes,
  };
}

/** A JWT with these claims; nobody checks its signature. */
export function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part(claims)}.c2ln`;
}

/** An API server with the namespaces `vision` and `speech`; only the first has the ServiceAccount. */
export function clusterApi() {
  const secrets = new Map<string, { uid: string; leaseId: string | null }>();
  const tokens: { seconds: number; account: string; secret: string }[] = [];
  let made = 0;
  const key = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`;
  /** Changes what the next tokens say. */
  const answers: { claims: (claims: TokenClaims) => object } = { claims: (claims) => claims };
  const api: ClusterApi = {
    server: CLUSTER_SERVER,
    async createSecret({ leaseId, ...secret }) {
      if (secret.namespace === "missing") return { kind: "absent" };
      if (secrets.has(key(secret))) return { kind: "exists" };
      const uid = `uid-${++made}`;
      secrets.set(key(secret), { uid, leaseId });
      return { kind: "made", uid };
    },
    findSecret: async (secret) => secrets.get(key(secret)) ?? null,
    async requestToken({ account, seconds, secret }) {
      if (account.namespace !== "vision" || account.name !== "latchkey") return { kind: "no-account" };
      const found = secrets.get(key({ namespace: account.namespace, name: secret.name }));
      if (found?.uid !== secret.uid) return { kind: "no-secret" };
      tokens.push({ seconds, account: account.name, secret: secret.name });
      const iat = NOW.getTime() / 1000;
      const claims = {
        sub: `system:serviceaccount:${account.namespace}:${account.name}`,
        iat,
        exp: iat + seconds,
        "kubernetes.io": {
          namespace: account.namespace,
          serviceaccount: { name: account.name, uid: "sa-1" },
          secret: { name: secret.name, uid: secret.uid },
        },
      };
      return { kind: "token", token: jwt(answers.claims(claims)) };
    },
    async deleteSecret({ uid, ...secret }) {
      if (secrets.get(key(secret))?.uid === uid) secrets.delete(key(secret));
    },
  };
  return { api, secrets, tokens, answers };
}

/** What a token of the API server says. */
export type TokenClaims = {
  readonly sub: string;
  readonly iat: number;
  readonly exp: number;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly serviceaccount: { readonly name: string; readonly uid: string };
    readonly secret: { readonly name: string; readonly uid: string };
  };
};
