/** Requests of all resource types, and what each type takes. Used by issue, renew and the routes. Pure. */
import { z } from "zod";
import type { ResourceType } from "../connectors/ports.ts";
import { InputError, type InputProblem } from "../errors.ts";
import { TOKEN_ACCESS, TOKEN_FORMS, tokenCredentialRequestSchema, tokenScopeSchema } from "./arm-token.ts";
import { BLOB_ACCESS, BLOB_FORMS, BLOB_TTL, blobCredentialRequestSchema, blobScopeSchema } from "./blob-container.ts";
import {
  REGISTRY_ACCESS,
  REGISTRY_FORMS,
  REGISTRY_TTL,
  registryCredentialRequestSchema,
  registryGrantScopeSchema,
} from "./docker-registry.ts";
import { SECRET_ACCESS, SECRET_FORMS, secretCredentialRequestSchema, secretScopeSchema } from "./key-vault-secret.ts";
import {
  CLUSTER_ACCESS,
  CLUSTER_FORMS,
  CLUSTER_TTL,
  clusterCredentialRequestSchema,
  clusterScopeSchema,
} from "./kubernetes-cluster.ts";
import type { Ask, Scope } from "./ports.ts";
import { type TtlRange, ttlSchema } from "./request-fields.ts";

/** What each type takes; the first form is the default. `scope`: of a grant. `ttl`: lives that may be chosen; null: none. */
export const TYPE_RULES = {
  "blob-container": { access: BLOB_ACCESS, forms: BLOB_FORMS, scope: blobScopeSchema, ttl: BLOB_TTL },
  "key-vault-secret": { access: SECRET_ACCESS, forms: SECRET_FORMS, scope: secretScopeSchema, ttl: null },
  "azure-generic": { access: TOKEN_ACCESS, forms: TOKEN_FORMS, scope: tokenScopeSchema, ttl: null },
  "docker-registry": {
    access: REGISTRY_ACCESS,
    forms: REGISTRY_FORMS,
    scope: registryGrantScopeSchema,
    ttl: REGISTRY_TTL,
  },
  "kubernetes-cluster": { access: CLUSTER_ACCESS, forms: CLUSTER_FORMS, scope: clusterScopeSchema, ttl: CLUSTER_TTL },
} as const satisfies Readonly<
  Record<
    ResourceType,
    {
      access: readonly [string, ...string[]];
      forms: readonly [string, ...string[]];
      scope: z.ZodType<Scope>;
      ttl: TtlRange | null;
    }
  >
>;

/** Every form, for the schemas of records and answers. */
export const FORMS = [
  ...new Set([...BLOB_FORMS, ...SECRET_FORMS, ...TOKEN_FORMS, ...REGISTRY_FORMS, ...CLUSTER_FORMS] as const),
];
/** Every right, for the same. */
export const RIGHTS = [...new Set([...BLOB_ACCESS, ...TOKEN_ACCESS, ...REGISTRY_ACCESS, ...CLUSTER_ACCESS] as const)];
/** One form. */
export type Form = (typeof FORMS)[number];
/**
 * Forms whose credential cannot be limited inside its resource, each with what its scope would have to leave out: a
 * caller that names it would think that it holds.
 */
const WHOLE_FORMS: ReadonlyMap<Form, "repositories" | "namespace"> = new Map([
  ["registry-wide", "repositories"],
  ["entra-token", "namespace"],
  ["admin", "namespace"],
] as const);
/** Whether a form's credential cannot be limited inside its resource. */
export function isWholeForm(form: string): boolean {
  return [...WHOLE_FORMS.keys()].some((whole) => whole === form);
}
/** Body of a renewal; which lives a type has is checked where the lease is known. */
export const renewRequestSchema = z
  .strictObject({
    ttlSeconds: ttlSchema(anyTtl()).describe("null: as at issuing; the only one where nobody chooses the life"),
  })
  .meta({ id: "RenewRequest" });

/** From the shortest to the longest of all types. */
function anyTtl(): TtlRange {
  const ranges = Object.values(TYPE_RULES).flatMap(({ ttl }) => (ttl === null ? [] : [ttl]));
  return { min: Math.min(...ranges.map(({ min }) => min)), max: Math.max(...ranges.map(({ max }) => max)) };
}

/** Of clusters: forms whose life nobody chooses. */
const ENDLESS_FORMS: ReadonlySet<string> = new Set<Form>(["exec", "admin"]);
/** Lives that may be chosen for a form; null: none. */
export function ttlOf(resourceType: ResourceType, form: string): TtlRange | null {
  return ENDLESS_FORMS.has(form) ? null : TYPE_RULES[resourceType].ttl;
}

/** Body of `POST /connectors/{c}/credentials`. */
export const credentialRequestSchema = z
  .discriminatedUnion("resourceType", [
    blobCredentialRequestSchema,
    secretCredentialRequestSchema,
    tokenCredentialRequestSchema,
    registryCredentialRequestSchema,
    clusterCredentialRequestSchema,
  ])
  .meta({ id: "CredentialRequest" });
/** A checked request. */
export type CredentialRequest = z.output<typeof credentialRequestSchema>;

/**
 * The request as policy looks at it.
 * @throws InputError INVALID_REQUEST when it names two versions, or its form does not fit its access, scope or life
 */
export function askOf(request: Omit<CredentialRequest, "reason">, connector: string): Ask {
  refuseMisfit(request);
  const { resourceType, access, form, ttlSeconds, project, domain } = request;
  const { resourceId, scope } = withoutVersion(request);
  return {
    connector,
    resourceType,
    resourceId,
    access,
    scope,
    form,
    defaultForm: TYPE_RULES[resourceType].forms[0],
    isWhole: isWholeForm(form),
    ttlSeconds,
    project,
    domain,
  };
}

/** What the form makes impossible is refused: it would be an option that does nothing, or gives more than was asked. */
function refuseMisfit({ resourceType, form, access, scope, ttlSeconds }: Omit<CredentialRequest, "reason">): void {
  const problems: InputProblem[] = [];
  const limit = WHOLE_FORMS.get(form);
  if (limit !== undefined && Object.hasOwn(scope, limit)) {
    problems.push({ path: `/scope/${limit}`, expected: `nothing: ${form} cannot be limited` });
  }
  if (resourceType === "kubernetes-cluster") {
    const isAdmin = access.some((right) => right === "admin");
    if (isAdmin !== (form === "admin")) {
      const expected = form === "admin" ? "admin, which is what this form gives" : "use; the form admin gives admin";
      problems.push({ path: "/access", expected });
    }
    if (ttlSeconds !== null && ttlOf(resourceType, form) === null) {
      problems.push({ path: "/ttlSeconds", expected: "null: nobody chooses the life of this form" });
    }
  }
  if (problems.length === 0) return;
  const list = problems.map(({ path, expected }) => `${path}: ${expected}`).join("; ");
  throw new InputError("INVALID_REQUEST", `The request does not fit the form ${form}. Correct ${list}.`, { problems });
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
