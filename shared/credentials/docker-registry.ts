/** Credentials for container registries: what may be asked, by form. The forms are made in the files beside this one. */
import { z } from "zod";
import type { OpenedRegistry } from "../connectors/ports.ts";
import { InputError } from "../errors.ts";
import { repositoriesSchema, repositoryPatternsSchema } from "../scope.ts";
import { accessSchema, requestFields, ttlSchema } from "./request-fields.ts";

/** Lives that can be asked for: 5 minutes to 12 hours. */
export const REGISTRY_TTL = { min: 300, max: 43_200 };

/** Rights on a repository. */
export const REGISTRY_ACCESS = ["read", "write", "delete"] as const;
/** One right. */
export type RegistryAccess = (typeof REGISTRY_ACCESS)[number];
/** First = default. `registry-wide` cannot be limited to repositories. */
export const REGISTRY_FORMS = ["access-token", "docker-login", "registry-wide"] as const;
/** Of a request: exact names. Left out: what the grant names. */
export const registryScopeSchema = z.strictObject({
  repositories: repositoriesSchema.optional().describe("exact names; left out: those that the grant names"),
});
/** Of a grant, which must name them: it gives no repository that it does not name. */
export const registryGrantScopeSchema = z.strictObject({ repositories: repositoryPatternsSchema });

/** Body of a credential request for a registry. */
export const registryCredentialRequestSchema = z.strictObject({
  resourceType: z.literal("docker-registry"),
  resourceId: z.string().min(1).max(1024).describe("ARM id, NAME.azurecr.io or NAME"),
  access: accessSchema(REGISTRY_ACCESS).describe(
    "read pulls and lists, write pushes and pulls, delete deletes alone: a client that looks an image up before it deletes it needs read as well",
  ),
  scope: registryScopeSchema.default({}),
  form: z.enum(REGISTRY_FORMS).default("access-token"),
  ttlSeconds: ttlSchema(REGISTRY_TTL).describe(
    "of docker-login; the registry itself decides how long the tokens of the other forms live",
  ),
  ...requestFields,
});

/**
 * Whether a registry, through this sign-in, can give the form at all. Nothing is asked of Azure.
 * @throws InputError UNSUPPORTED_BY_METHOD
 */
export function refuseRegistryForm({ registry, signIn }: OpenedRegistry, form: string): void {
  // Scope-map tokens are made in ARM, which the connector's token is for.
  if (form === "docker-login" || signIn.authMethod !== "access-token" || registry.takesArmTokens) return;
  throw new InputError(
    "UNSUPPORTED_BY_METHOD",
    "The connector has an access token for Azure Resource Manager, which this registry does not take (azureADAuthenticationAsArmPolicy is disabled). Ask for the form docker-login, or use a connector that signs in by another method.",
  );
}
