/** Credentials of the type key-vault-secret: what may be asked, and the value that is read for it. */
import { z } from "zod";
import { DeniedError, NotFoundError, UpstreamError } from "../errors.ts";
import { utc } from "../time.ts";
import type { Minted, MintRequest, Mount } from "./minted.ts";
import type { OpenVaultSecret, ReadVaultSecret, VaultSecret } from "./ports.ts";
import { accessSchema, noTtlSchema, requestFields } from "./request-fields.ts";

/** A value is read; nothing else. */
export const SECRET_ACCESS = ["read"] as const;
/** First = default. */
export const SECRET_FORMS = ["secret"] as const;
/** Largest value that a vault keeps. Source: "About Azure Key Vault secrets". */
const MAX_VALUE_BYTES = 25 * 1024;
/** Where tasks of ML platforms look for mounted secrets; their own configuration may say otherwise. */
const MOUNT_FOLDER = "/etc/secrets";

/** Any version text that a vault or a page may name: letters and digits. */
export const secretVersionSchema = z.string().regex(/^[0-9A-Za-z]{1,127}$/, "1 to 127 letters and digits");
/** Without a version: the latest. */
export const secretScopeSchema = z.strictObject({ version: secretVersionSchema.optional() });

/** Body of a credential request for a vault secret. */
export const secretCredentialRequestSchema = z.strictObject({
  resourceType: z.literal("key-vault-secret"),
  resourceId: z
    .string()
    .min(1)
    .max(1024)
    .describe("https://VAULT.vault.azure.net/secrets/NAME, or with /VERSION behind it"),
  access: accessSchema(SECRET_ACCESS),
  scope: secretScopeSchema.default({}).describe("version: the only one; left out: the latest at every reading"),
  form: z.enum(SECRET_FORMS).default("secret"),
  ttlSeconds: noTtlSchema,
  ...requestFields,
});

/** What reading a secret needs. */
export type MintSecretDeps = { readonly openVaultSecret: OpenVaultSecret; readonly readVaultSecret: ReadVaultSecret };

/**
 * The vault answers outside the dates of a secret too, so they are checked here.
 * @throws what OpenVaultSecret and ReadVaultSecret throw; NotFoundError RESOURCE_NOT_FOUND, DeniedError DENIED for a
 * version that is not valid yet or any more
 */
export async function mintSecret(deps: MintSecretDeps, request: MintRequest, now: Date): Promise<Minted> {
  const { connector, resourceId, displayName, secret, signIn } = await deps.openVaultSecret(
    request.connector,
    request.resourceId,
  );
  const found = await deps.readVaultSecret({ signIn, secret, version: request.scope.version ?? null });
  if (found === null) {
    throw new NotFoundError(
      "RESOURCE_NOT_FOUND",
      "The vault has no such secret, or not in this version. Check the name and the version; a deleted secret must be recovered first.",
    );
  }
  refuseUnusable(found, now);
  return {
    connector,
    resourceId,
    displayName,
    scope: request.scope,
    times: {
      issuedAt: utc(now),
      expiresAt: found.expiresAt === null ? null : utc(found.expiresAt),
      refreshAfter: null,
    },
    exposedUntil: null,
    credential: {
      kind: "secret",
      value: found.value,
      version: found.version,
      contentType: found.contentType,
      mount: null,
    },
    marked: null,
    upstream: { version: found.version },
    warnings: ["A value that was read cannot be taken back: it works until it is changed where it is used."],
    env: secretEnv(secret.name, found.value),
  };
}

function refuseUnusable({ notBefore, expiresAt, value, version }: VaultSecret, now: Date): void {
  if (notBefore !== null && now < notBefore) {
    throw new DeniedError("DENIED", `Version ${version} of the secret is not valid before ${utc(notBefore)}.`);
  }
  if (expiresAt !== null && now >= expiresAt) {
    throw new DeniedError(
      "DENIED",
      `Version ${version} of the secret expired at ${utc(expiresAt)}. Have its owner store a new version.`,
    );
  }
  if (Buffer.byteLength(value, "utf8") > MAX_VALUE_BYTES) {
    throw new UpstreamError("UPSTREAM_REFUSED", "The value is larger than a vault keeps. It is not passed on.", {
      retryable: false,
    });
  }
}

/** How a task finds the value. `name` is that of the secret. */
export function mountOf(requirement: Mount["kind"], name: string): Mount {
  return requirement === "FILE"
    ? { kind: "FILE", path: `${MOUNT_FOLDER}/${name}`, name }
    : { kind: "ENV_VAR", variable: variableOf(name) };
}

/** The value under its variable; none for a value that no variable can hold. */
function secretEnv(name: string, value: string): Record<string, string> {
  return value.includes("\0") ? {} : { [variableOf(name)]: value };
}

/** `db-password` → `DB_PASSWORD`: names of secrets have hyphens and leading digits, which shells take in none. */
function variableOf(name: string): string {
  const variable = name.toUpperCase().replaceAll("-", "_");
  return /^[0-9]/.test(variable) ? `_${variable}` : variable;
}
