/** Requests of all resource types, and what each type takes. Used by issue, renew and the routes. Pure. */
import { z } from "zod";
import type { LentType } from "../connectors/ports.ts";
import { InputError } from "../errors.ts";
import { TOKEN_ACCESS, TOKEN_FORMS, tokenCredentialRequestSchema, tokenScopeSchema } from "./arm-token.ts";
import { BLOB_ACCESS, BLOB_FORMS, blobCredentialRequestSchema, blobScopeSchema } from "./blob-container.ts";
import { SECRET_ACCESS, SECRET_FORMS, secretCredentialRequestSchema, secretScopeSchema } from "./key-vault-secret.ts";
import type { Ask, Scope } from "./ports.ts";

/** What each type takes; the first form is the default. `hasTtl`: the caller chooses the life. */
export const TYPE_RULES = {
  "blob-container": { access: BLOB_ACCESS, forms: BLOB_FORMS, scope: blobScopeSchema, hasTtl: true },
  "key-vault-secret": { access: SECRET_ACCESS, forms: SECRET_FORMS, scope: secretScopeSchema, hasTtl: false },
  "azure-generic": { access: TOKEN_ACCESS, forms: TOKEN_FORMS, scope: tokenScopeSchema, hasTtl: false },
} as const satisfies Readonly<
  Record<
    LentType,
    {
      access: readonly [string, ...string[]];
      forms: readonly [string, ...string[]];
      scope: z.ZodType<Scope>;
      hasTtl: boolean;
    }
  >
>;

/** Every form, for the schemas of records and answers. */
export const FORMS = [...BLOB_FORMS, ...SECRET_FORMS, ...TOKEN_FORMS] as const;
/** Every right, for the same. */
export const RIGHTS = [...BLOB_ACCESS, ...TOKEN_ACCESS] as const;
/** One form. */
export type Form = (typeof FORMS)[number];
/** Scope of any type, for the same. */
export const anyScopeSchema = z.strictObject({ audience: z.string().optional(), version: z.string().optional() });

/** Body of `POST /connectors/{c}/credentials`. */
export const credentialRequestSchema = z
  .discriminatedUnion("resourceType", [
    blobCredentialRequestSchema,
    secretCredentialRequestSchema,
    tokenCredentialRequestSchema,
  ])
  .meta({ id: "CredentialRequest" });
/** A checked request. */
export type CredentialRequest = z.output<typeof credentialRequestSchema>;

/** The request as policy looks at it. @throws InputError INVALID_REQUEST when it names two versions */
export function askOf(request: Omit<CredentialRequest, "reason">, connector: string): Ask {
  const { resourceType, access, form, ttlSeconds, project, domain } = request;
  const { resourceId, scope } = withoutVersion(request);
  const defaultForm = TYPE_RULES[resourceType].forms[0];
  return { connector, resourceType, resourceId, access, scope, form, defaultForm, ttlSeconds, project, domain };
}

/** A version may stand behind the name of a secret: policy finds it in the scope alone. */
function withoutVersion({ resourceType, resourceId, scope }: Omit<CredentialRequest, "reason">): {
  resourceId: string;
  scope: Scope;
} {
  const [, name, version] = /^(https:\/\/[^/]+\/secrets\/[^/]+)\/([^/]+)$/i.exec(resourceId) ?? [];
  if (resourceType !== "key-vault-secret" || name === undefined || version === undefined) return { resourceId, scope };
  const asked: Scope = scope;
  if (asked.version !== undefined && asked.version.toLowerCase() !== version.toLowerCase()) {
    throw new InputError("INVALID_REQUEST", "The resourceId and the scope name different versions. Name one.", {
      problems: [{ path: "/scope/version", expected: "the version of the resourceId, or none" }],
    });
  }
  return { resourceId: name, scope: { version: asked.version ?? version } };
}
