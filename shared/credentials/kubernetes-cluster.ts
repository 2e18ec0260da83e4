/** Credentials for AKS clusters: what may be asked, by form. The forms are made in the files beside this one. */
import { z } from "zod";
import type { OpenedCluster } from "../connectors/ports.ts";
import { InputError } from "../errors.ts";
import { namespaceSchema } from "../scope.ts";
import { accessSchema, requestFields, ttlSchema } from "./request-fields.ts";

/** Shortest life: what TokenRequest takes. Source: Kubernetes API reference, TokenRequestSpec. */
export const MIN_TTL_SECONDS = 600;
/** Lives that can be asked for: up to 12 hours. */
export const CLUSTER_TTL = { min: MIN_TTL_SECONDS, max: 43_200 };

/** `admin` is the cluster administrator's, which the form `admin` alone gives. */
export const CLUSTER_ACCESS = ["use", "admin"] as const;
/** First = default. Only the first is limited to a namespace by the cluster itself. */
export const CLUSTER_FORMS = ["service-account", "exec", "entra-token", "admin"] as const;
/** Left out: that of the grant. */
export const clusterScopeSchema = z.strictObject({ namespace: namespaceSchema.optional() });

/** Body of a credential request for a cluster. */
export const clusterCredentialRequestSchema = z.strictObject({
  resourceType: z.literal("kubernetes-cluster"),
  resourceId: z.string().min(1).max(1024).describe("ARM id, RESOURCE-GROUP/NAME or NAME"),
  access: accessSchema(CLUSTER_ACCESS).describe("admin with the form admin, and only there"),
  scope: clusterScopeSchema
    .default({})
    .describe(
      "the namespace of service-account; for exec the one that kubectl begins in. entra-token and admin are for the whole cluster",
    ),
  form: z.enum(CLUSTER_FORMS).default("service-account"),
  ttlSeconds: ttlSchema(CLUSTER_TTL).describe("of service-account; nobody chooses the life of the other forms"),
  ...requestFields,
});

/**
 * Whether a cluster, through this sign-in, can give the form at all. Nothing is asked of the cluster.
 * @throws InputError MODE_UNSUPPORTED UNSUPPORTED_BY_METHOD CROSS_TENANT
 */
export function refuseClusterForm({ cluster, signIn }: OpenedCluster, form: string): void {
  const { hasEntra, hasLocalAccounts, isRunning } = cluster;
  const isOwnSignIn = hasEntra && (form === "service-account" || form === "entra-token");
  if (!isRunning) throw unsupported("The cluster is stopped. Have it started (az aks start).");
  if (form === "admin" && !hasLocalAccounts) {
    throw unsupported(
      "The cluster has no local accounts, so there is no administrator's credential. Ask for the form service-account.",
    );
  }
  if ((form === "exec" || form === "entra-token") && !hasEntra) {
    throw unsupported("Nobody signs in to this cluster with Entra. Ask for the form service-account.");
  }
  if (isOwnSignIn && signIn.authMethod === "access-token") {
    throw new InputError(
      "UNSUPPORTED_BY_METHOD",
      "The connector has an access token for Azure Resource Manager, which a cluster with Entra sign-in does not take. Ask for the form exec, or use a connector that signs in by another method.",
    );
  }
  // Else the API server answers 401, which looks like a missing right.
  if (isOwnSignIn) refuseOtherTenant(cluster, signIn.configuration.tenantId);
}

/** Refuses a token of another tenant than the cluster's people have. Null: not known. @throws InputError CROSS_TENANT */
export function refuseOtherTenant(
  { tenantId }: Pick<OpenedCluster["cluster"], "tenantId">,
  ofToken: string | null,
): void {
  if (tenantId === null || ofToken === null || tenantId === ofToken.toLowerCase()) return;
  throw new InputError(
    "CROSS_TENANT",
    "The people of this cluster are in another tenant than the one that the connector signs in to, so its token would not be taken. Use a connector for that tenant.",
  );
}

function unsupported(detail: string): InputError {
  return new InputError("MODE_UNSUPPORTED", detail);
}
