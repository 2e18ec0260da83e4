/** Requests of all resource types, and what each type takes. Used by issue, renew and the routes. Pure. */
import { z } from "zod";
import type { ResourceType } from "../connectors/ports.ts";
import { InputError, type InputProblem } from "../errors.ts";
import { TOKEN_ACCESS, TOKEN_FORMS, tokenCredentialRequestSchema, tokenScopeSchema } from "./arm-token.ts";
import { BLOB_ACCESS, BLOB_FORMS, blobCredentialRequestSchema, blobScopeSchema } from "./blob-container.ts";
import {
  REGISTRY_ACCESS,
  REGISTRY_FORMS,
  registryCredentialRequestSchema,
  registryGrantScopeSchema,
} from "./docker-registry.ts";
import { SECRET_ACCESS, SECRET_FORMS, secretCredentialRequestSchema, secretScopeSchema } from "./key-vault-secret.ts";
import {
  CLUSTER_ACCESS,
  CLUSTER_FORMS,
  clusterCredentialRequestSchema,
  clusterScopeSchema,
} from "./kubernetes-cluster.ts";
import type { Ask, Scope } from "./ports.ts";

/** What each type takes; the first form is the default. `scope`: of a grant. `hasTtl`: the caller may choose the life. */
export const TYPE_RULES = {
  "blob-container": { access: BLOB_ACCESS, forms: BLOB_FORMS, scope: blobScopeSchema, hasTtl: true },
  "key-vault-secret": { access: SECRET_ACCESS, forms: SECRET_FORMS, scope: secretScopeSchema, hasTtl: false },
  "azure-generic": { access: TOKEN_ACCESS, forms: TOKEN_FORMS, scope: tokenScopeSchema, hasTtl: false },
  "docker-registry": { access: REGISTRY_ACCESS, forms: REGISTRY_FORMS, scope: registryGrantScopeSchema, hasTtl: true },
  "kubernetes-cluster": { access: CLUSTER_ACCESS, forms: CLUSTER_FORMS, scope: clusterScopeSchema, hasTtl: true },
} as const satisfies Readonly<
  Record<
    ResourceType,
    {
      access: readonly [string, ...string[]];
      forms: readonly [string, ...string[]];
      scope: z.ZodType<Scope>;
      hasTtl: boolean;
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
/** Of clusters: forms whose life nobody chooses. */
const ENDLESS_FORMS: ReadonlySet<string> = new Set<Form>(["exec", "admin"]);
/** Whether nobody chooses the life of a form, although its type's is chosen. */
export function isEndlessForm(form: string): boolean {
  return ENDLESS_FORMS.has(form);
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
    if (ttlSeconds !== null && isEndlessForm(form)) {
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
